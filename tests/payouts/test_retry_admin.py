"""Retrying from the admin: count and sum first, then a reason, then exactly that."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contracts.models import AuditEvent, Hold
from contracts.services.holds import place_hold
from payouts.models import Distribution, Payment
from tests.factories import BatchFactory, DistributionFactory, PaymentFactory
from tests.payouts.commands import run
from tests.payouts.test_admin import page_of, seen
from tests.payouts.test_retrying import called, run_of, shown, thaw, unpaid
from tests.people import logged_in, messages_of, operator, press, superuser, viewer
from tests.running import Status, assert_all_paid_once
from tests.world import Pump, World

PAYMENTS = reverse("admin:payouts_payment_changelist")
MAY = "payouts.retry_distribution"
pytestmark = pytest.mark.django_db


def retry_of(row: Distribution) -> str:
    return reverse("admin:payouts_distribution_retry", args=[row.pk])


def select(client: Client, *lines: Payment, **given: Any) -> Any:
    """Chooses the action for these lines of the list, as its form does."""
    chosen = {"action": "retry_selected", "_selected_action": [line.pk for line in lines]}
    return client.post(PAYMENTS, chosen | given)


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).replace("&#x27;", "'").split())


@pytest.mark.django_db(transaction=True)
def test_the_button_shows_count_and_sum_and_then_pays_exactly_those(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, setting.holders[0])
    thaw(setting, setting.holders[0])
    client = logged_in(operator(MAY))
    units = distribution.payments.get(status="FAILED").expected_units

    dialog = seen(client, retry_of(distribution))
    assert f"{shown(units)} {units} base units to 1 holder, in 1 call of the contract" in dialog
    assert "1 holder: the holder's account is frozen" in dialog.replace("&#x27;", "'")
    press(client, retry_of(distribution), reason="the bank has thawed him")

    assert messages_of(client, page_of(distribution)) == [
        "1 holder will be paid again, in 1 batch. This page follows it."
    ]
    told = AuditEvent.objects.get(noun="distribution", source="PARTIALLY_COMPLETED", target="PROCESSING")
    assert told.by == "olivia" and told.reason.endswith(": the bank has thawed him")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
    assert called(distribution) == [setting.holders[:1]]


@pytest.mark.django_db(transaction=True)
def test_selected_payments_are_counted_by_distribution_and_then_retried(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, *setting.holders[:2])
    first, second = distribution.payments.filter(holder__in=setting.holders[:2]).order_by("ordinal")
    thaw(setting, first.holder)
    client = logged_in(operator(MAY))

    page = text_of(select(client, first))
    assert f"dividend {shown(first.expected_units)}" in page
    assert "base units to 1 holder, in 1 call of the contract" in page
    assert called(distribution) == []
    missing = text_of(select(client, first, confirmed="yes", reason=""))
    assert "This field is required." in missing
    assert called(distribution) == []

    select(client, first, confirmed="yes", reason="he is thawed")

    assert messages_of(client, PAYMENTS) == ["dividend: 1 holder will be paid again, in 1 batch."]
    assert called(distribution) == [[first.holder]]
    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)
    assert list(distribution.payments.filter(status="FAILED")) == [second]


@pytest.mark.django_db(transaction=True)
def test_a_chain_that_does_not_answer_is_a_message_and_nothing_is_sent(
    world: World, pump: Pump, quick_retries: None
) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    client = logged_in(operator(MAY))
    world.fault("mirror.down")

    press(client, retry_of(distribution))

    (said,) = messages_of(client, page_of(distribution))
    assert said.startswith("the chain could not be asked: ")
    assert said.endswith("Nothing was sent; try again in a moment")
    assert called(distribution) == []


def test_only_who_may_retry_sees_the_button_and_the_action() -> None:
    row = run_of(2)
    line = row.payments.first()
    assert line is not None
    may, may_not = logged_in(operator(MAY)), logged_in(viewer())
    assert "Retry what failed" in seen(may, page_of(row))
    assert "Retry what failed" not in seen(may_not, page_of(row))
    assert press(may_not, retry_of(row)).status_code == 403
    assert "retry_selected" in may.get(PAYMENTS).content.decode()
    assert "retry_selected" not in may_not.get(PAYMENTS).content.decode()
    select(may_not, line, confirmed="yes", reason="x")
    assert may.get(retry_of(row), {"reason": "x", "_form_submitted": "True"}).status_code == 200
    row.refresh_from_db()
    assert row.status == Status.PARTIALLY_COMPLETED


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING", "HELD", "COMPLETED"])
def test_there_is_no_button_while_there_is_nothing_to_retry(status: str) -> None:
    row = run_of(1)
    Distribution.objects.filter(pk=row.pk).update(status=status, status_before_hold="PROCESSING")
    assert "Retry what failed" not in seen(logged_in(superuser()), page_of(row))


def test_what_stands_in_the_way_is_said_in_the_dialog() -> None:
    row = run_of(1)
    place_hold(
        scope=Hold.Scope.ASSET,
        object_uid=row.asset.uid,
        cause=Hold.Cause.OPERATOR,
        reason="the coupon is disputed",
        by="olivia",
    )
    client = logged_in(operator(MAY))
    assert "Cannot be retried: held: the coupon is disputed; lift the hold first" in seen(
        client, retry_of(row)
    )
    press(client, retry_of(row))
    assert messages_of(client, page_of(row)) == ["held: the coupon is disputed; lift the hold first"]


def test_a_selection_that_cannot_be_retried_has_no_button_and_says_why() -> None:
    paid = PaymentFactory(distribution=DistributionFactory(planned=True, status="COMPLETED"), paid=True)
    answer = select(logged_in(operator(MAY)), paid)
    assert f"Cannot be retried: {paid.holder} is PAID: 5.002 USDC" in text_of(answer)
    assert "<button" not in answer.content.decode().split('id="retry_form"')[1].split("</form>")[0]


def test_too_large_a_selection_is_sent_to_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payouts.admin.retrying.MOST_SELECTED", 2)
    row, client = run_of(3), logged_in(operator(MAY))
    select(client, *row.payments.all())
    (said,) = messages_of(client, PAYMENTS)
    assert said.startswith("3 payments are selected, 2 can be retried from here at once.")


def test_what_gave_up_is_a_list_reached_from_the_first_page() -> None:
    given_up = run_of(2, concept="Dividend of spring")
    given_up.payments.update(retries=3)
    rests = run_of(1, concept="Dividend of autumn", next_retry_at="2030-01-01T00:00:00Z")
    client = logged_in(viewer())

    cards = {card["title"]: card for card in client.get(reverse("admin:index")).context["cards"]}
    assert (cards["Payments given up"]["count"], cards["Payments given up"]["is_alarming"]) == (2, True)
    listed = seen(client, cards["Payments given up"]["link"])
    assert "Dividend of spring" in listed and "3 of 3" in listed
    assert "Dividend of autumn" not in listed.split("Automatic retries")[-1]
    waiting = seen(client, PAYMENTS, retry="waiting")
    assert rests.payments.get().holder in waiting
    assert seen(client, PAYMENTS, failure_cause="FROZEN")


def test_the_page_says_when_the_next_automatic_retry_comes() -> None:
    client = logged_in(viewer())
    rests = run_of(1, next_retry_at="2030-01-01T00:00:00Z")
    assert "Next automatic retry 2030-01-01 00:00:00 UTC" in seen(client, page_of(rests))
    assert "Next automatic retry none is left" in seen(client, page_of(run_of(1)))
    assert "Next automatic retry" not in seen(client, page_of(DistributionFactory()))


def test_a_batch_says_what_it_was_made_from() -> None:
    row = run_of(1)
    first = row.batches.get()
    retry = BatchFactory(distribution=row, kind="RETRY", parent=first)
    merged = BatchFactory(distribution=row, kind="RETRY")
    client = logged_in(viewer())
    pages = [
        seen(client, reverse("admin:payouts_batch_change", args=[one.pk])) for one in (first, retry, merged)
    ]
    assert "Made from the plan" in pages[0]
    assert f"Made from {first}" in pages[1]
    assert "Made from several batches" in pages[2]


def test_show_distribution_names_who_was_given_up() -> None:
    row = run_of(22)
    row.payments.update(retries=3)
    out = run("show_distribution", row.uid).out
    line = row.payments.order_by("ordinal")[0]
    assert (
        f"  given up: {line.holder}, 0.000005 USDC, after 3 automatic retries: "
        "the holder's account is frozen for the payment token"
    ) in out
    assert "  and 2 more given up" in out
    rests = run_of(1, next_retry_at="2030-01-01T00:00:00Z")
    assert "given up" not in run("show_distribution", rests.uid).out
