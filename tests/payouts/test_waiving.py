"""Accepting failed payments as unpaid: by a person, with a reason, and only when nothing may still pay them."""

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from contracts.gateways.errors import GatewayError
from contracts.models import AuditEvent
from payouts.models import Distribution, Payment
from payouts.services import waiving
from payouts.services.choosing import EVERYTHING, NotRetryable, Wanted
from payouts.services.news import read_news
from payouts.services.retrying import retry_distribution
from payouts.services.showing import compare_with_chain
from payouts.services.waiving import NotWaived, Waiver, preview, waive_payments
from reserves.models import Reservation
from tests.factories import BatchFactory, ReissueFactory, TransactionFactory
from tests.payouts.test_retrying import run_of, shown, thaw, unpaid
from tests.payouts.test_settling import pay_with_another_tool
from tests.running import Status, expected_units, idle
from tests.threads import together
from tests.world import Pump, World


def waive(distribution: Distribution, *holders: str, reason: str = "the holder has renounced") -> Waiver:
    return waive_payments(distribution, Wanted(holders=holders), by="olivia", reason=reason)


def test_when_all_that_failed_is_accepted_the_run_is_completed(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    unlucky = setting.holders[:2]
    distribution = unpaid(setting, pump, *unlucky)
    owed = sum(expected_units(distribution)[holder] for holder in unlucky)
    assert preview(distribution, EVERYTHING).words(distribution) == f"2 holders, {shown(owed)}"

    waived = waive(distribution)

    assert waived == Waiver(2, owed)
    distribution.refresh_from_db()
    assert (distribution.status, distribution.failed_count, distribution.paid_count) == ("COMPLETED", 0, 1)
    assert (distribution.next_retry_at, distribution.status_reason) == (None, "")
    assert Reservation.objects.get().closed_at is not None
    lines = distribution.payments.filter(status="WAIVED")
    assert set(lines.values_list("holder", flat=True)) == set(unlucky)
    told = AuditEvent.objects.filter(noun="payment", target="WAIVED")
    assert {(one.by, one.source, one.reason) for one in told} == {
        ("olivia", "FAILED", "the holder has renounced")
    }
    idle(pump)
    assert [setting.balances()[holder] for holder in unlucky] == [0, 0]


def test_the_others_stay_failed_and_are_still_tried_again(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, *setting.holders[:2])
    due_at = distribution.next_retry_at

    waive(distribution, setting.holders[0])

    distribution.refresh_from_db()
    assert (distribution.status, distribution.failed_count) == ("PARTIALLY_COMPLETED", 1)
    assert distribution.next_retry_at == due_at
    left = expected_units(distribution)[setting.holders[1]]
    assert Reservation.objects.get().remaining_units == left
    thaw(setting, *setting.holders[:2])
    made = retry_distribution(distribution, EVERYTHING, by="olivia")
    assert made.lines == 1
    pump.until_status(distribution, Status.COMPLETED)
    assert setting.balances()[setting.holders[0]] == 0
    with pytest.raises(NotRetryable, match="it is COMPLETED"):
        retry_distribution(distribution, EVERYTHING, by="olivia")


def test_a_line_that_the_chain_has_paid_meanwhile_is_not_waived(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    thaw(setting, setting.holders[0])
    pay_with_another_tool(setting, distribution, [setting.holders[0]])
    world.control.do_close_block()

    with pytest.raises(NotWaived, match="it is COMPLETED: nothing failed"):
        waive(distribution)

    assert set(distribution.payments.values_list("status", flat=True)) == {"PAID"}


def test_an_event_that_comes_later_makes_it_paid_all_the_same(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    waive(distribution)
    thaw(setting, setting.holders[0])
    pay_with_another_tool(setting, distribution, [setting.holders[0]])
    world.advance(10)

    read_news(distribution)
    pump.drain()

    line = distribution.payments.get(holder=setting.holders[0])
    assert (line.status, line.difference) == ("PAID", "PAID_AFTER_WAIVER")
    distribution.refresh_from_db()
    assert (distribution.status, distribution.paid_count) == ("COMPLETED", 2)
    assert compare_with_chain(distribution).differing == ()


def test_without_a_chain_that_answers_nothing_is_waived(
    world: World, pump: Pump, quick_retries: None
) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    world.fault("mirror.down")

    with pytest.raises(GatewayError):
        waive(distribution)

    assert distribution.payments.filter(status="FAILED").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["PENDING", "PLANNING", "PROCESSING", "HELD", "COMPLETED", "CANCELLED"])
def test_a_run_that_has_not_ended_in_part_has_nothing_to_waive(status: str) -> None:
    row = run_of(2)
    Distribution.objects.filter(pk=row.pk).update(status=status, status_before_hold="PROCESSING")

    with pytest.raises(NotWaived, match=f"it is {status}"):
        waive(row)


@pytest.mark.django_db
def test_bad_wishes_are_refused_in_words() -> None:
    row = run_of(2)
    first, second = row.payments.order_by("ordinal")
    Payment.objects.filter(pk=second.pk).update(status="WAIVED")
    ReissueFactory.create(payment=first)

    with pytest.raises(NotWaived, match="say why"):
        waive(row, reason=" ")
    with pytest.raises(NotWaived, match="is no holder of this distribution"):
        waive(row, "0x" + "99" * 20)
    with pytest.raises(NotWaived, match="is WAIVED: nothing is to be sent"):
        waive(row, second.holder)
    with pytest.raises(
        NotWaived, match=r"is being re-issued to 0x\w+, which is REQUESTED; refuse that first"
    ):
        waive(row, first.holder)
    with pytest.raises(NotWaived, match="nothing failed that is not being re-issued"):
        waive(row)


def test_while_a_call_may_still_pay_nothing_is_waived(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    TransactionFactory.create(
        submitted=True, wallet=setting.asset.payout_contract.wallet, group_uid=distribution.uid
    )

    with pytest.raises(NotWaived, match="a call of this distribution is still under way"):
        waive(distribution)


def test_of_a_retry_and_a_waiver_at_the_same_moment_one_takes_the_line(
    world: World, pump: Pump, settings: Settings
) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    thaw(setting, setting.holders[0])

    def retry() -> None:
        retry_distribution(Distribution.objects.get(pk=distribution.pk), EVERYTHING, by="oscar")

    (loser,) = together(retry, lambda: waive(Distribution.objects.get(pk=distribution.pk)))

    assert isinstance(loser, NotWaived | NotRetryable | GatewayError), "the events are read by one at a time"
    pump.until_status(distribution, Status.COMPLETED)
    line = distribution.payments.get(holder=setting.holders[0])
    paid = setting.balances()[setting.holders[0]]
    assert (line.status, paid) in (("WAIVED", 0), ("PAID", line.expected_units))


@pytest.mark.django_db
def test_a_thousand_lines_take_a_handful_of_statements(django_assert_max_num_queries: object) -> None:
    row = run_of(1_000)
    BatchFactory.create(distribution=row, number=999, status="FAILED")
    with django_assert_max_num_queries(12), transaction.atomic():  # type: ignore[operator]
        waiving._take(row, EVERYTHING, by="olivia", reason="all have renounced")
        waiving.count_again(row)

    row.refresh_from_db()
    assert (row.status, row.payments.filter(status="WAIVED").count()) == ("COMPLETED", 1_000)
