"""A distribution in the admin: created, started, watched and explained."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from contracts.models import AuditEvent, Hold
from contracts.transitions import move
from payouts.models import Distribution
from tests.factories import (
    AssetFactory,
    BatchFactory,
    DistributionFactory,
    HoldFactory,
    PaymentFactory,
    TransactionFactory,
)
from tests.people import logged_in, messages_of, operator, press, superuser, viewer
from tests.world import Pump, World

ADD = reverse("admin:payouts_distribution_add")
LIST = reverse("admin:payouts_distribution_changelist")
Status = Distribution.Status
pytestmark = pytest.mark.django_db


def page_of(row: Distribution) -> str:
    return reverse("admin:payouts_distribution_change", args=[row.pk])


def start_of(row: Distribution) -> str:
    return reverse("admin:payouts_distribution_execute", args=[row.pk])


def progress_of(row: Distribution) -> str:
    return reverse("admin:payouts_distribution_progress", args=[row.pk])


def seen(client: Client, address: str, **query: Any) -> str:
    """The text of a page, as a person reads it."""
    answer = client.get(address, query)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def run() -> Distribution:
    """250 holders: two paid, one failed, one waiting; the rest does not matter."""
    row = DistributionFactory(planned=True)
    done, open_one = BatchFactory(distribution=row, status="COMPLETED"), BatchFactory(distribution=row)
    PaymentFactory.create_batch(2, distribution=row, batch=done, paid=True)
    PaymentFactory(distribution=row, batch=done, failed=True)
    PaymentFactory(distribution=row, batch=open_one)
    TransactionFactory(
        group_uid=row.uid, subject=row.snapshot_subject, function="takeSnapshot", succeeded=True
    )
    TransactionFactory(group_uid=row.uid, subject=done.subject, attempt=1, failed=True)
    TransactionFactory(group_uid=row.uid, subject=done.subject, attempt=2, succeeded=True)
    return row


def test_the_list_can_be_filtered_and_searched() -> None:
    DistributionFactory(concept="Dividend of spring")
    DistributionFactory(concept="Dividend of autumn", planned=True, status="COMPLETED", paid_count=250)
    client = logged_in(viewer())
    assert "Dividend of spring" in (everything := seen(client, LIST))
    assert "1,250.50 USDC 1250500000 base units" in everything
    assert "250 of 250" in everything
    assert "Dividend of spring" not in seen(client, LIST, status="COMPLETED")
    assert "Dividend of spring" not in seen(client, LIST, status__in="COMPLETED,FAILED")
    assert "Dividend of autumn" not in seen(client, LIST, q="spring")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"amount": "0"}, "give one above 0"),
        ({"amount": "1.1234567"}, "use at most 6 decimals"),
        ({"amount_type": "PERCENTAGE", "amount": "101"}, "above 100 percent"),
        ({"amount": "ten"}, "is not a number"),
        ({"asset": ""}, "This field is required"),
    ],
)
def test_bad_input_is_an_error_of_the_form_and_nothing_is_written(given: dict[str, str], said: str) -> None:
    client = logged_in(operator("payouts.add_distribution"))
    wanted = {"asset": AssetFactory().pk, "amount_type": "FIXED", "amount": "10", "concept": "x"}
    answer = client.post(ADD, wanted | given)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Distribution.objects.exists()


def test_a_chain_that_does_not_answer_is_an_error_of_the_form(settings: Settings) -> None:
    settings.HEDERA_MIRROR_TIMEOUT_SECONDS = 1
    client = logged_in(operator("payouts.add_distribution"))
    wanted = {"asset": AssetFactory().pk, "amount_type": "FIXED", "amount": "10"}
    assert "the chain could not be asked" in client.post(ADD, wanted).content.decode()
    assert not Distribution.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_distribution_is_created_started_and_compared_with_the_chain(world: World, pump: Pump) -> None:
    setting = world.asset(holders=5)
    client = logged_in(operator("payouts.add_distribution", "payouts.execute_distribution"))
    wanted = {"asset": setting.asset.pk, "amount_type": "FIXED", "amount": "1000.50", "concept": "dividend"}

    created = client.post(ADD, wanted)
    row = Distribution.objects.get()
    assert created.headers["Location"] == page_of(row)
    assert (row.status, row.created_by, row.amount_units) == (Status.PENDING, "olivia", 1_000_500_000)
    assert "Ready to start. Nothing has been sent." in seen(client, page_of(row))

    press(client, start_of(row), reason="approved by the board")
    started = AuditEvent.objects.get(noun="distribution", source="PENDING", target="PLANNING")
    assert (started.by, started.reason) == ("olivia", "approved by the board")
    pump.until_status(row, Status.COMPLETED)

    assert "Completed: 5 of 5 holders are paid." in seen(client, page_of(row))
    assert "The same on chain and here, holder by holder." in seen(client, page_of(row), show="chain")


def test_the_second_to_start_is_told_who_was_first() -> None:
    row = DistributionFactory()
    client = logged_in(operator("payouts.execute_distribution"))
    press(client, start_of(row))
    press(client, start_of(row))
    assert any("was started by olivia at" in said for said in messages_of(client, page_of(row)))
    assert AuditEvent.objects.filter(target="PLANNING").count() == 1


def test_the_dialog_says_what_is_about_to_be_paid_and_where() -> None:
    row = DistributionFactory(concept="Dividend of spring")
    text = seen(logged_in(operator("payouts.execute_distribution")), start_of(row))
    assert (
        f"Dividend of spring 1,250.50 USDC 1250500000 base units to the holders of {row.asset.name}" in text
    )
    assert "on Hedera local" in text


def test_a_get_never_starts_and_a_viewer_cannot() -> None:
    row = DistributionFactory()
    may, may_not = logged_in(operator("payouts.execute_distribution")), logged_in(viewer())
    assert may.get(start_of(row), {"reason": "x", "_form_submitted": "True"}).status_code == 200
    assert press(may_not, start_of(row)).status_code == 403
    assert may_not.get(ADD).status_code == 403
    assert may_not.post(ADD, {}).status_code == 403
    row.refresh_from_db()
    assert row.status == Status.PENDING


def test_a_distribution_is_never_edited() -> None:
    row, client = DistributionFactory(), logged_in(superuser())
    delete = reverse("admin:payouts_distribution_delete", args=[row.pk])
    assert client.post(page_of(row), {"amount_units": "1"}).status_code == 405
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert Distribution.objects.get().amount_units == 1_250_500_000


def test_buttons_follow_the_state() -> None:
    client = logged_in(superuser())
    ready, done = DistributionFactory(), DistributionFactory(planned=True, status="COMPLETED")
    assert {"Start paying", "Place a hold"} <= _buttons(client, ready)
    assert _buttons(client, done) == set()
    press(client, reverse("admin:payouts_distribution_place_hold", args=[ready.pk]))
    assert _buttons(client, ready) == {"Start paying", "Lift the hold", "Cancel"}


def _buttons(client: Client, row: Distribution) -> set[str]:
    return {str(button["title"]) for button in client.get(page_of(row)).context["buttons"]}


def test_a_hold_stops_a_run_and_says_why() -> None:
    row, client = run(), logged_in(operator("contracts.place_hold"))
    press(client, reverse("admin:payouts_distribution_place_hold", args=[row.pk]))
    row.refresh_from_db()
    assert row.status == Status.HELD
    text = seen(client, page_of(row))
    assert "Held: nothing new is planned, signed or sent" in text
    assert "Why it waits OPERATOR: the auditors are in the house" in text


def test_the_headline_counts_and_amounts_are_in_words() -> None:
    text = seen(logged_in(viewer()), page_of(run()))
    assert "Being paid: 2 of 4 holders are paid; 1 could not be paid." in text
    assert "1 holder: the holder's account is frozen" in text.replace("&#x27;", "'")
    assert "Paid, as read from the chain 10.004 USDC 10004000 base units" in text
    assert "Dust, pool minus lines 0.000003 USDC 3 base units" in text


def test_what_is_not_known_says_so() -> None:
    text = seen(logged_in(viewer()), page_of(DistributionFactory(percentage=True)))
    assert "Asked for 12.50 % of the free balance" in text
    assert "Pool, frozen unknown yet" in text
    assert "Expected, sum of all lines unknown yet" in text
    assert "1970" not in text


def test_the_page_asks_again_while_it_runs_and_stops_at_the_end() -> None:
    row, client = run(), logged_in(viewer())
    assert 'hx-trigger="every 2s"' in client.get(page_of(row)).content.decode()
    running = client.get(progress_of(row), {"status": row.status}).content.decode()
    assert 'hx-trigger="every 2s"' in running
    assert 'id="buttons"' not in running

    move(row, Status.PARTIALLY_COMPLETED)
    ended = client.get(progress_of(row), {"status": "PROCESSING"}).content.decode()
    assert "Ended in part" in ended
    assert "every 2s" not in ended
    assert 'id="buttons"' in ended
    assert "every 2s" not in client.get(page_of(row)).content.decode()


def test_the_progress_of_somebody_logged_out_is_only_a_hint_to_load_the_page_again() -> None:
    answer = Client().get(progress_of(run()))
    assert (answer.content, answer.headers["HX-Refresh"]) == (b"", "true")


def test_payments_are_paged_and_filtered() -> None:
    row, client = DistributionFactory(planned=True), logged_in(viewer())
    PaymentFactory.create_batch(60, distribution=row)
    failed = PaymentFactory(distribution=row, failed=True)
    first = seen(client, page_of(row), show="payments")
    assert "Rows 1 to 50 of 61" in first
    assert "Rows 51 to 61 of 61" in seen(client, page_of(row), show="payments", page=2)
    assert "Rows 51 to 61 of 61" in seen(client, page_of(row), show="payments", page=10**30)
    only = seen(client, page_of(row), show="payments", status="FAILED")
    assert failed.holder in only
    assert "is frozen for the payment token" in only
    assert "No line fits." in seen(client, page_of(row), show="payments", holder="0xffff")


def test_all_attempts_are_shown_with_error_gas_and_fee() -> None:
    text = seen(logged_in(viewer()), page_of(run()), show="transactions")
    assert "Snapshot attempt 1 SUCCEEDED" in text
    assert "attempt 1 FAILED" in text
    assert "attempt 2 SUCCEEDED" in text
    assert "CONTRACT_REVERT_EXECUTED: the payout contract is paused" in text
    assert "1,234,567 of 14,300,000 gas" in text
    assert "0.87654321 HBAR 87654321 tinybars" in text


@pytest.mark.parametrize("section", ["batches", "payments", "transactions", "holds", "audit", "nonsense"])
def test_every_section_can_be_looked_at_before_and_after_the_plan(section: str) -> None:
    client = logged_in(viewer())
    for row in (DistributionFactory(), run()):
        assert seen(client, page_of(row), show=section)


def test_holds_of_all_scopes_are_listed_and_the_trail_tells_who() -> None:
    row, client = run(), logged_in(viewer())
    HoldFactory(reason="the emergency stop")
    HoldFactory(scope="ASSET", object_uid=row.asset.uid, reason="the coupon is disputed", cause="BLOCKED")
    HoldFactory(scope="ASSET", object_uid="another", reason="of no concern")
    move(row, Status.HELD, by="olivia", reason="the emergency stop", status_before_hold="PROCESSING")
    text = seen(client, page_of(row), show="holds")
    assert "the emergency stop" in text
    assert "the coupon is disputed" in text
    assert "of no concern" not in text
    assert "PROCESSING → HELD the emergency stop olivia" in seen(client, page_of(row), show="audit")
    assert Hold.objects.count() == 3


def test_a_chain_that_does_not_answer_leaves_the_comparison_unknown() -> None:
    text = seen(logged_in(viewer()), page_of(run()), show="chain")
    assert "The chain could not be asked, so nothing is known" in text
    assert "holder by holder" not in text


def test_a_distribution_that_does_not_exist_is_no_error_page() -> None:
    client = logged_in(viewer())
    gone = reverse("admin:payouts_distribution_change", args=[999])
    assert client.get(gone).status_code == 302
    assert client.get(reverse("admin:payouts_distribution_progress", args=[999])).status_code == 404
