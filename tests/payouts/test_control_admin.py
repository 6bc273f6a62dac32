"""Control from the admin: each button says first what it will do, acts by a service, and asks for its permission."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from config.navigation import navigation
from contracts.models import Hold
from contracts.services.holds import place_hold
from payouts.models import Approval, Distribution, Payment, Reissue
from payouts.services.approving import request_approval, state_of
from tests.factories import DistributionFactory, PaymentFactory, ReissueFactory
from tests.payouts.reissued import ask, balance, broken, new_wallet
from tests.payouts.test_admin import page_of, seen
from tests.payouts.test_retrying import run_of, shown, unpaid
from tests.people import logged_in, messages_of, operator, press, superuser, viewer
from tests.running import Status
from tests.world import Pump, World

pytestmark = pytest.mark.django_db
CANCEL, WAIVE = "payouts.cancel_distribution", "payouts.waive_payment"
DECIDE, REISSUE = "payouts.decide_approval", "payouts.add_reissue"
APPROVALS = reverse("admin:payouts_approval_changelist")


def button_of(row: Any, name: str) -> str:
    return reverse(f"admin:payouts_{row._meta.model_name}_{name}", args=[row.pk])


def page(row: Any) -> str:
    return reverse(f"admin:payouts_{row._meta.model_name}_change", args=[row.pk])


def buttons(client: Client, row: Distribution) -> set[str]:
    return {str(one["title"]) for one in client.get(page_of(row)).context["buttons"]}


def text(client: Client, address: str) -> str:
    return seen(client, address).replace("&#x27;", "'")


def asked(by: str = "alice") -> Approval:
    return request_approval(
        ReissueFactory.create(requested_by=by), words="Pay 5.002 USDC to another wallet", by=by
    )


def test_cancel_says_what_ends_and_then_ends_it() -> None:
    row = DistributionFactory.create(status="AWAITING_APPROVAL")
    row.pages.create(number=0, size=3, holder_count=3, expected_units=5_000_000, done_at=row.created_at)
    client = logged_in(operator(CANCEL))

    assert "3 holders will not be paid, 5.00 USDC in all; nothing of it was sent." in text(
        client, button_of(row, "cancel")
    )
    press(client, button_of(row, "cancel"), reason="the board has decided otherwise")

    assert messages_of(client, page_of(row)) == ["Cancelled: nobody is paid by it."]
    row.refresh_from_db()
    assert (row.status, row.status_reason) == (Status.CANCELLED, "the board has decided otherwise")
    assert "Cancelled before anything was sent." in text(client, page_of(row))


def test_what_cannot_be_cancelled_says_why() -> None:
    row, client = DistributionFactory.create(planned=True), logged_in(operator(CANCEL))

    assert "This cannot be done: it is being paid; stop it first" in text(client, button_of(row, "cancel"))
    press(client, button_of(row, "cancel"))

    assert messages_of(client, page_of(row))[0].startswith("it is being paid; stop it first")


def test_stop_and_resume_take_the_place_of_placing_and_lifting_a_hold() -> None:
    row = DistributionFactory.create(planned=True)
    client = logged_in(operator("contracts.place_hold", "contracts.lift_hold"))
    assert buttons(client, row) == {"Stop"}
    assert "Nothing is on the way to the chain; 0 batches not begun will wait." in text(
        client, button_of(row, "stop")
    )

    press(client, button_of(row, "stop"))

    row.refresh_from_db()
    assert (row.status, row.status_reason) == (Status.HELD, "the auditors are in the house")
    assert buttons(client, row) == {"Resume"}
    press(client, button_of(row, "resume"))
    row.refresh_from_db()
    assert row.status == Status.PROCESSING


def test_another_hold_that_needs_a_person_is_lifted_as_such() -> None:
    row = DistributionFactory.create(planned=True)
    client = logged_in(operator("contracts.place_hold", "contracts.lift_hold"))
    place_hold(
        scope=Hold.Scope.DISTRIBUTION,
        object_uid=row.uid,
        cause=Hold.Cause.PREFLIGHT,
        reason="ask the issuer",
        needs_operator=True,
    )
    assert buttons(client, row) == {"Lift the hold", "Place a hold"}


def test_accepting_as_unpaid_says_how_many_and_how_much(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, *setting.holders[:2])
    client = logged_in(operator(WAIVE))
    first = distribution.payments.filter(status="FAILED").order_by("ordinal")[0]
    assert f"1 holder, {shown(int(first.expected_units))}: accepted as unpaid" in text(
        client, button_of(first, "waive")
    )

    press(client, button_of(first, "waive"), reason="he has renounced")
    assert messages_of(client, page(first)) == [
        f"Accepted as unpaid: 1 holder, {shown(int(first.expected_units))}."
    ]
    press(client, button_of(distribution, "waive"), reason="so have the others")

    distribution.refresh_from_db()
    assert distribution.status == Status.COMPLETED
    assert distribution.payments.filter(status="WAIVED").count() == 2
    assert "Accept as unpaid" not in buttons(client, distribution)


def test_a_chain_that_does_not_answer_is_a_message(world: World, pump: Pump, quick_retries: None) -> None:
    setting = world.asset(holders=2)
    distribution, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    client = logged_in(operator(WAIVE, REISSUE))
    world.fault("mirror.down")

    press(client, button_of(distribution, "waive"))
    press(client, button_of(payment, "reissue"), wallet=wallet)

    first, second = messages_of(client, page(payment))
    assert first.startswith("the chain could not be asked: ") and "Nothing was changed" in first
    assert second.startswith("the chain could not be asked: ") and "Nothing was written" in second
    assert not Reissue.objects.exists()


def test_a_payment_is_reissued_from_its_page_by_two_people(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    wallet = new_wallet(setting)
    alice, bob = logged_in(operator(REISSUE, DECIDE, name="alice")), logged_in(operator(DECIDE, name="bob"))
    dialog = text(alice, button_of(payment, "reissue"))
    assert f"{shown(int(payment.expected_units))}, owed to {payment.holder}" in dialog
    press(alice, button_of(payment, "reissue"), wallet="0.0.999999", reason="a letter")
    assert "has no account on the network" in messages_of(alice, page(payment))[0]
    press(alice, button_of(payment, "reissue"), wallet=wallet, reason="a letter")
    assert "It waits for the approval of a second person." in messages_of(alice, page(payment))[0]
    approval, reissue = Approval.objects.get(), Reissue.objects.get()

    press(alice, button_of(approval, "approve"), reason="I know him")
    assert messages_of(alice, page(approval)) == ["alice has asked for it: a second person has to decide"]
    assert wallet in text(bob, button_of(approval, "approve"))
    press(bob, button_of(approval, "approve"), reason="I have seen the letter")
    assert messages_of(bob, page(approval)) == ["Approved: it is done by itself from here."]
    pump.run(lambda: Reissue.objects.get(pk=reissue.pk).status == "PAID")

    assert balance(setting, wallet) == payment.expected_units
    assert "REISSUED" in text(bob, page(payment)) and "PAID" in text(bob, page(reissue))


def test_a_failed_reissue_is_tried_again_or_given_up(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    _, payment = broken(setting, pump)
    reissue = ask(payment, new_wallet(setting))
    client = logged_in(operator(REISSUE))
    press(client, button_of(reissue, "again"))
    assert messages_of(client, page(reissue)) == [
        "it is REQUESTED: only a transfer that failed is tried again"
    ]
    assert "owed to" in text(client, button_of(reissue, "give_up"))

    press(client, button_of(reissue, "give_up"), reason="he wants it on the old one")

    reissue.refresh_from_db()
    assert (reissue.status, reissue.status_reason) == ("REFUSED", "he wants it on the old one")
    assert state_of(reissue.approvals.get()) == "VOIDED"


def test_what_waits_for_a_second_person_comes_first_and_is_counted_in_the_side_bar() -> None:
    first, second = asked(), asked()
    client = logged_in(operator(DECIDE, name="bob"))
    press(client, button_of(second, "refuse"), reason="not his wallet")

    answer = client.get(APPROVALS)

    assert [row.pk for row in answer.context["cl"].result_list] == [first.pk, second.pk]
    items = [item for group in navigation(answer.wsgi_request) for item in group["items"]]
    assert [item["badge"] for item in items if item["title"] == "Approvals"] == ["1"]
    assert [row.pk for row in client.get(APPROVALS, {"state": "open"}).context["cl"].result_list] == [
        first.pk
    ]
    second.refresh_from_db()
    assert (second.decided_by, state_of(second)) == ("bob", "REFUSED")


def test_what_has_changed_since_is_void_in_words() -> None:
    approval, client = asked(), logged_in(operator(DECIDE, name="bob"))
    Reissue.objects.update(units=1)

    press(client, button_of(approval, "approve"))

    assert "this approval is void; ask for another" in messages_of(client, page(approval))[0]
    approval.refresh_from_db()
    assert state_of(approval) == "VOIDED"


def rows() -> dict[str, tuple[Any, str, str]]:
    """By button: a row of its page, its title and its permission."""
    line = PaymentFactory.create(failed=True, distribution__status="FAILED")
    return {
        "cancel": (DistributionFactory.create(), "Cancel", CANCEL),
        "stop": (DistributionFactory.create(planned=True), "Stop", "contracts.place_hold"),
        "waive": (run_of(1), "Accept as unpaid", WAIVE),
        "reissue": (line, "Re-issue to another wallet", REISSUE),
        "approve": (asked(), "Approve", DECIDE),
        "refuse": (asked(), "Refuse", DECIDE),
        "again": (ReissueFactory.create(status="FAILED"), "Try again", REISSUE),
        "give_up": (ReissueFactory.create(), "Give up", REISSUE),
    }


@pytest.mark.parametrize(
    "name", ["cancel", "stop", "waive", "reissue", "approve", "refuse", "again", "give_up"]
)
def test_only_who_may_sees_a_button_and_presses_it(name: str) -> None:
    row, title, permission = rows()[name]
    address, status = button_of(row, name), getattr(row, "status", "")
    may, may_not = logged_in(operator(permission)), logged_in(viewer())
    shown_to = f">{title}<|</span>{title}\\s"
    assert re.search(shown_to, may.get(page(row)).content.decode()) or title in seen(may, page(row))
    assert address not in may_not.get(page(row)).content.decode()
    assert press(may_not, address, wallet="0x" + "11" * 20).status_code == 403
    assert may.get(address, {"reason": "x", "_form_submitted": "True"}).status_code == 200
    missing = press(may, address, reason="", wallet="")
    assert "This field is required." in missing.content.decode()
    row.refresh_from_db()
    assert getattr(row, "status", "") == status


def test_nothing_of_it_is_added_changed_or_deleted_by_hand() -> None:
    root = superuser()
    client = logged_in(root)
    for row in (asked(), ReissueFactory.create()):
        name = f"admin:payouts_{row._meta.model_name}"
        assert client.get(reverse(f"{name}_add")).status_code == 403
        assert client.post(page(row), {"units": 1}).status_code == 403
        assert client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert User.objects.count() == 1 and Payment.objects.filter(status="FAILED").count() == 2
