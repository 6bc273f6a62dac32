"""Automatic retries: with each tick, at most three for a line, with growing pauses, and never against a known cause."""

from datetime import timedelta

import pytest
from celery import current_app
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.models import AuditEvent, Hold
from contracts.services.holds import lift_hold, place_hold
from payouts.models import Distribution, Payment
from payouts.services.choosing import EVERYTHING
from payouts.services.finishing import pause_after
from payouts.services.repeating import retry_distribution_by_itself
from payouts.services.retrying import retry_distribution
from reserves.models import Reservation
from tests.factories import BatchFactory, DistributionFactory, PaymentFactory
from tests.payouts.test_retrying import called, take, thaw, unpaid
from tests.running import Status, assert_all_paid_once, idle, moves
from tests.world import Pump, World

HOUR = 3600


def tick(pump: Pump, *, after: int = 0) -> None:
    """What beat rings once an hour, and all that follows from it."""
    pump.world.advance(after)
    current_app.tasks["payouts.retry_failed"]()
    pump.drain()


def settle(pump: Pump, distribution: Distribution) -> Distribution:
    return pump.until_status(distribution, Status.COMPLETED, Status.PARTIALLY_COMPLETED, Status.FAILED)


def test_what_can_be_paid_again_is_paid_by_the_next_tick(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, setting.holders[0])
    assert distribution.next_retry_at is not None
    said = (
        f"1 holder was not paid; tried again by itself after {distribution.next_retry_at:%Y-%m-%d %H:%M} UTC"
    )
    assert distribution.status_reason == said
    thaw(setting, setting.holders[0])

    tick(pump)
    settle(pump, distribution)

    assert_all_paid_once(setting, distribution)
    assert called(distribution) == [setting.holders[:1]]
    assert distribution.payments.get(holder=setting.holders[0]).retries == 1
    told = AuditEvent.objects.get(noun="distribution", source="PARTIALLY_COMPLETED", target="PROCESSING")
    assert told.by == "paydate"


def test_a_cause_that_still_stands_uses_up_tries_but_no_signature_until_the_line_is_given_up(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, setting.holders[0])
    world.net.dfns.forget_requests()

    for tries in (1, 2, 3):
        tick(pump, after=3 * HOUR)
        distribution.refresh_from_db()
        assert distribution.payments.get(status="FAILED").retries == tries
        assert (distribution.next_retry_at is None) == (tries == 3)

    assert called(distribution) == []
    assert world.signatures_asked() == 0
    assert moves(distribution)[-1] == "PARTIALLY_COMPLETED"
    assert Payment.objects.given_up().get().holder == setting.holders[0]
    assert distribution.status_reason == (
        "1 holder was not paid; no automatic retry is left: mend the cause, then retry by hand"
    )
    assert Reservation.objects.get().closed_at is not None, "the money is free for others"
    told = AuditEvent.objects.filter(what="retry", object_id=distribution.pk)
    assert [event.reason for event in told] == [
        "not sent: 1 still cannot be paid, for the same causes as before"
    ] * 3

    tick(pump, after=100 * HOUR)
    assert told.count() == 3, "given up means given up"
    thaw(setting, setting.holders[0])
    retry_distribution(distribution, EVERYTHING, by="olivia")
    settle(pump, distribution)
    assert_all_paid_once(setting, distribution)


def test_of_several_only_those_whose_cause_is_gone_are_sent(world: World, pump: Pump) -> None:
    setting = world.asset(holders=4)
    thawed, frozen = setting.holders[:2]
    distribution = unpaid(setting, pump, thawed, frozen)
    thaw(setting, thawed)

    tick(pump)
    settle(pump, distribution)

    assert called(distribution) == [[thawed]]
    left = distribution.payments.get(status="FAILED")
    assert (left.holder, left.retries) == (frozen, 1)
    kept = Reservation.objects.get()
    assert (kept.remaining_units, kept.closed_at) == (left.expected_units, None)
    assert distribution.next_retry_at is not None


def test_a_line_without_a_proved_cause_is_simply_sent_again(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    distribution.payments.filter(status="FAILED").update(
        failure_cause="UNKNOWN", failure_reason="cause unknown"
    )

    tick(pump)
    settle(pump, distribution)

    assert called(distribution) == [setting.holders[:1]]
    line = distribution.payments.get(status="FAILED")
    assert (line.retries, line.failure_cause) == (1, "FROZEN")


def test_lines_are_rested_longer_after_each_try() -> None:
    minutes = [pause_after(retries) // timedelta(minutes=1) for retries in range(7)]
    assert minutes == [0, 30, 120, 480, 1440, 1440, 1440]


def test_before_its_pause_is_over_nothing_is_tried(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    tick(pump)
    thaw(setting, setting.holders[0])

    tick(pump, after=20 * 60)
    distribution.refresh_from_db()
    assert distribution.status == Status.PARTIALLY_COMPLETED
    tick(pump, after=11 * 60)
    settle(pump, distribution)
    assert_all_paid_once(setting, distribution)


def test_two_beats_and_a_ring_that_comes_twice_make_one_retry(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    thaw(setting, setting.holders[0])

    for _ in range(2):
        current_app.tasks["payouts.retry_failed"]()
    assert list(pump.rings) == [("payouts.retry_distribution", distribution.pk)] * 2
    for _ in range(2):
        retry_distribution_by_itself(distribution.pk)
    settle(pump, distribution)

    assert called(distribution) == [setting.holders[:1]]
    assert distribution.payments.get(holder=setting.holders[0]).retries == 1


def test_under_a_hold_nothing_is_tried_and_no_try_is_lost(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    thaw(setting, setting.holders[0])
    hold = place_hold(
        scope=Hold.Scope.ASSET,
        object_uid=setting.asset.uid,
        cause=Hold.Cause.OPERATOR,
        reason="the coupon is disputed",
        by="olivia",
    )

    tick(pump, after=HOUR)
    assert called(distribution) == []
    assert distribution.payments.get(status="FAILED").retries == 0
    distribution.refresh_from_db()
    assert distribution.status_reason.endswith(
        "; not yet, because held: the coupon is disputed; lift the hold first"
    )

    lift_hold(hold, reason="settled", by="olivia")
    tick(pump)
    settle(pump, distribution)
    assert_all_paid_once(setting, distribution)


@pytest.mark.parametrize("status", ["HELD", "PROCESSING", "COMPLETED"])
def test_what_has_not_ended_unpaid_is_not_rung_for(world: World, pump: Pump, status: str) -> None:
    DistributionFactory(held=True, status=status, next_retry_at=clock.now())
    due = DistributionFactory(planned=True, status="FAILED", next_retry_at=clock.now())

    current_app.tasks["payouts.retry_failed"]()

    assert list(pump.rings) == [("payouts.retry_distribution", due.pk)]


def test_without_the_money_it_waits_for_a_top_up_and_loses_no_try(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2, fund=90_000_000)
    distribution = unpaid(setting, pump, setting.holders[0])
    thaw(setting, setting.holders[0])
    gone = setting.contract_balance()
    take(setting, gone)

    for _ in range(5):
        tick(pump, after=HOUR)
    distribution.refresh_from_db()
    assert "not yet, because needs " in distribution.status_reason
    assert "top up 0.0." in distribution.status_reason
    assert distribution.payments.get(status="FAILED").retries == 0

    setting.top_up(gone)
    world.control.do_close_block()
    tick(pump)
    settle(pump, distribution)
    assert_all_paid_once(setting, distribution)


def test_while_the_chain_cannot_be_asked_it_waits_and_says_so(
    world: World, pump: Pump, quick_retries: None
) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    thaw(setting, setting.holders[0])
    world.fault("mirror.down")

    tick(pump, after=HOUR)
    distribution.refresh_from_db()
    assert "not yet, because the chain could not be asked" in distribution.status_reason
    assert distribution.payments.get(status="FAILED").retries == 0

    world.clear("mirror.down")
    tick(pump)
    settle(pump, distribution)
    assert_all_paid_once(setting, distribution)


def test_a_retry_by_hand_uses_up_no_automatic_one(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    retry_distribution(distribution, EVERYTHING, by="olivia")
    settle(pump, distribution)

    line = distribution.payments.select_related("batch").get(status="FAILED")
    assert line.batch is not None
    assert (line.retries, line.batch.retry_count) == (0, 1)


def test_a_setting_of_0_gives_up_at_once(world: World, pump: Pump, settings: Settings) -> None:
    settings.MAX_BATCH_RETRIES = 0
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])

    idle(pump)
    tick(pump, after=HOUR)

    assert distribution.next_retry_at is None
    assert Payment.objects.given_up().count() == 1
    assert called(distribution) == []


def test_a_lowered_setting_gives_up_what_has_had_its_tries(
    world: World, pump: Pump, settings: Settings
) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    settings.MAX_BATCH_RETRIES = 0

    tick(pump)

    distribution.refresh_from_db()
    assert distribution.next_retry_at is None
    assert "no automatic retry is left" in distribution.status_reason
    assert AuditEvent.objects.get(what="retry").reason == "not sent: no payment has an automatic retry left"
    assert Reservation.objects.get().closed_at is not None


@pytest.mark.django_db
def test_lines_of_a_run_under_way_are_not_given_up_unless_their_tries_are_used_up() -> None:
    running = DistributionFactory(planned=True)
    batch = BatchFactory(distribution=running)
    PaymentFactory(distribution=running, batch=batch, failed=True)
    tired = PaymentFactory(distribution=running, batch=batch, failed=True, retries=3)
    waiting = DistributionFactory(planned=True, status="FAILED", next_retry_at=clock.now())
    PaymentFactory(distribution=waiting, failed=True)
    over = DistributionFactory(planned=True, status="PARTIALLY_COMPLETED")
    late = PaymentFactory(distribution=over, failed=True)
    PaymentFactory(distribution=over, paid=True)

    assert set(Payment.objects.given_up()) == {tired, late}
