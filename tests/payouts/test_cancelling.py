"""Cancelling before anything was paid, stopping after what is under way, and resuming."""

from typing import Any

import pytest
from django.db import connection

from contracts.models import AuditEvent, Contract, ContractTransaction, Hold
from contracts.services.holds import HoldRefused, place_hold
from payouts.models import Distribution
from payouts.services import cancelling
from payouts.services.cancelling import NotCancelled, cancel_distribution, preview
from payouts.services.feeding import feed
from payouts.services.funding import ensure_pool
from payouts.services.starting import AlreadyStarted, NotStartable, execute_distribution
from payouts.services.stopping import resume_distribution, stop_distribution
from reserves.models import Reservation
from tests.factories import BatchFactory, DistributionFactory, TransactionFactory
from tests.payouts.test_custody_holds import until_custody_waits
from tests.running import Status, assert_all_paid_once, create, idle, moves, start, until_planned
from tests.threads import together
from tests.world import Pump, World


def cancel(distribution: Distribution, reason: str = "the board has decided otherwise") -> None:
    cancel_distribution(distribution, by="olivia", reason=reason)


def held(distribution: Distribution) -> Hold:
    return place_hold(
        scope=Hold.Scope.DISTRIBUTION,
        object_uid=distribution.uid,
        cause=Hold.Cause.OPERATOR,
        reason="wait",
        by="olivia",
    )


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["DRAFT", "PENDING", "PLANNING", "AWAITING_APPROVAL", "HELD"])
def test_what_has_not_paid_is_cancelled_with_who_and_why(status: str) -> None:
    more: dict[str, Any] = {"status_before_hold": "PLANNING"} if status == "HELD" else {}
    row = DistributionFactory.create(status=status, **more)
    Reservation.objects.create(contract=row.asset.payout_contract, distribution_uid=row.uid, units=5)
    hold = held(row) if status == "HELD" else None

    cancel(row)

    row.refresh_from_db()
    assert (row.status, row.status_reason) == (Status.CANCELLED, "the board has decided otherwise")
    assert row.ended_at is not None and Reservation.objects.get().closed_at is not None
    told = AuditEvent.objects.get(noun="distribution", target="CANCELLED")
    assert (told.by, told.source) == ("olivia", status)
    if hold is not None:
        hold.refresh_from_db()
        assert hold.lift_reason == "cancelled: the board has decided otherwise"


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["PROCESSING", "COMPLETED", "PARTIALLY_COMPLETED", "FAILED", "CANCELLED"])
def test_what_has_begun_or_ended_is_not_cancelled(status: str) -> None:
    row = DistributionFactory.create(planned=True, status=status)

    with pytest.raises(NotCancelled, match="stop it first" if status == "PROCESSING" else f"it is {status}"):
        cancel(row)

    row.refresh_from_db()
    assert row.status == status


@pytest.mark.django_db
def test_a_cancellation_needs_a_reason() -> None:
    row = DistributionFactory.create()

    with pytest.raises(NotCancelled, match="say why"):
        cancel(row, " ")


@pytest.mark.django_db
def test_a_held_run_of_which_a_call_was_sent_is_not_cancelled() -> None:
    row = DistributionFactory.create(held=True)
    batch = BatchFactory.create(distribution=row, status="PROCESSING")
    TransactionFactory.create(submitted=True, subject=batch.subject, group_uid=row.uid)

    with pytest.raises(NotCancelled, match="1 call of it went to the chain"):
        cancel(row)

    batch.refresh_from_db()
    assert batch.status == "PROCESSING"


def test_a_held_plan_is_cancelled_and_its_batches_never_start(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = until_planned(pump, start(setting, amount="90"))
    held(distribution)
    distribution.refresh_from_db()
    assert preview(distribution).words(distribution).startswith("3 holders will not be paid, 89.99")

    cancel(distribution)
    idle(pump)

    assert moves(distribution)[-2:] == ["HELD", "CANCELLED"]
    assert set(distribution.batches.values_list("status", flat=True)) == {"FAILED"}
    assert not ContractTransaction.objects.filter(subject__startswith="batch:").exists()
    assert set(setting.balances().values()) == {0}
    assert Reservation.objects.get().closed_at is not None
    other = pump.until_status(start(setting, amount="90"), Status.COMPLETED)
    assert_all_paid_once(setting, other)


def test_a_planned_call_of_a_held_run_is_ended(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = until_planned(pump, start(setting, amount="90"))
    with pump.without("contracts.sign_transaction"):
        feed(setting.asset.payout_contract.wallet_id)
        pump.drain()
    call = ContractTransaction.objects.get(subject__startswith="batch:")
    assert call.status == "PLANNED"
    held(distribution)

    cancel(distribution)
    idle(pump)

    call.refresh_from_db()
    assert (call.status, call.error_class) == ("EXPIRED", "ABANDONED")
    assert ContractTransaction.objects.filter(subject__startswith="batch:").count() == 1
    assert set(setting.balances().values()) == {0}


def test_a_signed_call_of_a_cancelled_run_is_never_sent(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = until_planned(pump, start(setting, amount="90"))
    until_custody_waits(world, pump, distribution)
    cancel(distribution)

    world.control.do_approve()
    pump.run(lambda: not ContractTransaction.objects.open().exists())

    call = ContractTransaction.objects.get(subject__startswith="batch:")
    assert (call.status, call.broadcast_started_at) == ("EXPIRED", None)
    assert set(setting.balances().values()) == {0}
    assert not Hold.objects.open().filter(object_uid=distribution.uid).exists()


def test_a_snapshot_that_is_on_its_way_is_only_resolved(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    snapshot = ContractTransaction.objects.filter(subject=distribution.snapshot_subject)
    with pump.without(
        "contracts.resolve_transaction", "contracts.resolve_sent"
    ):  # however soon the chain has it
        pump.run(lambda: snapshot.filter(status="SUBMITTED").exists())
    distribution.refresh_from_db()

    cancel(distribution)
    pump.run(lambda: snapshot.filter(status="SUCCEEDED").exists())
    idle(pump)

    distribution.refresh_from_db()
    assert (distribution.status, distribution.plan_hash) == (Status.CANCELLED, "")
    assert not distribution.payments.exists() and not Reservation.objects.open().exists()


def test_money_is_not_reserved_for_what_was_cancelled_meanwhile(world: World, pump: Pump) -> None:
    distribution = start(world.asset(holders=2), amount="90")
    planning = Distribution.objects.get(pk=distribution.pk)
    planning.snapshot_consensus_at = "1.000000001"
    cancel(distribution)

    ensure_pool(planning)

    assert not Reservation.objects.exists()
    distribution.refresh_from_db()
    assert (distribution.status, distribution.pool_units) == (Status.CANCELLED, None)


def test_of_a_start_and_a_cancel_at_the_same_moment_the_cancel_holds(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    for _ in range(4):
        distribution = create(setting.asset.address, amount="1")
        starter = Distribution.objects.get(pk=distribution.pk)

        trouble = together(
            lambda row=distribution: cancel(row),
            lambda row=starter: execute_distribution(row, by="tests"),
        )

        assert all(isinstance(error, AlreadyStarted | NotStartable) for error in trouble)
        idle(pump)
        distribution.refresh_from_db()
        assert distribution.status == Status.CANCELLED
    assert set(setting.balances().values()) == {0}


def test_of_a_feeder_and_a_cancel_at_the_same_moment_nobody_is_paid(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = until_planned(pump, start(setting, amount="90"))
    hold = held(distribution)
    Distribution.objects.filter(pk=distribution.pk).update(status="PROCESSING")

    def hold_and_cancel() -> None:
        Distribution.objects.filter(pk=distribution.pk).update(status="HELD", status_before_hold="PROCESSING")
        cancel(Distribution.objects.get(pk=distribution.pk))

    assert together(hold_and_cancel, lambda: feed(setting.asset.payout_contract.wallet_id)) == []
    idle(pump)

    hold.refresh_from_db()
    distribution.refresh_from_db()
    assert distribution.status == Status.CANCELLED and hold.lifted_at is not None
    assert not ContractTransaction.objects.open().exists()
    assert set(setting.balances().values()) == {0}


def test_whoever_sends_while_it_is_cancelled_is_seen_or_sees(world: World, pump: Pump) -> None:
    """The cancel holds the rows; the one who sends marks the start first and finds the gate closed after it."""
    setting = world.asset(holders=2)
    distribution = until_planned(pump, start(setting, amount="90"))
    hold = held(distribution)
    distribution.refresh_from_db()
    Contract.objects.get(pk=setting.asset.payout_contract_id)
    with pump.without("contracts.sign_transaction"):
        cancelling.lift_hold(hold, reason="go on", by="olivia")
        feed(setting.asset.payout_contract.wallet_id)
    held(distribution)
    pump.rings.clear()
    call = ContractTransaction.objects.get(subject__startswith="batch:")
    connection.close()

    together(
        lambda: cancel(Distribution.objects.get(pk=distribution.pk)),
        lambda: pump.rings.append(("contracts.sign_transaction", call.pk)) or pump.drain(),
    )
    idle(pump)

    call.refresh_from_db()
    assert call.broadcast_started_at is None and set(setting.balances().values()) == {0}


def test_a_stop_says_what_is_under_way_and_a_resume_pays_the_rest(world: World, pump: Pump) -> None:
    setting = world.asset(holders=4)
    distribution = until_planned(pump, start(setting, amount="90"))

    said = stop_distribution(distribution, by="olivia", reason="the auditors are in the house")
    idle(pump)

    assert (
        said
        == "Stopped: nothing new is sent. Nothing is on the way to the chain; 1 batch not begun will wait."
    )
    distribution.refresh_from_db()
    assert (distribution.status, distribution.status_reason) == (Status.HELD, "the auditors are in the house")
    assert set(setting.balances().values()) == {0}
    assert resume_distribution(distribution, by="oscar", reason="they have left") == "It goes on."
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


@pytest.mark.django_db
def test_a_stop_counts_the_calls_that_are_still_settled() -> None:
    row = DistributionFactory.create(planned=True)
    for number in (1, 2, 3):
        batch = BatchFactory.create(distribution=row, status="PROCESSING" if number < 3 else "PENDING")
        if number < 3:
            TransactionFactory.create(submitted=True, subject=batch.subject, group_uid=row.uid)

    said = stop_distribution(row, by="olivia", reason="wait")

    assert said.endswith("2 calls on the way to the chain will be settled; 1 batch not begun will wait.")


@pytest.mark.django_db
def test_resuming_under_another_hold_says_that_it_stays_held() -> None:
    row = DistributionFactory.create(planned=True)
    stop_distribution(row, by="olivia", reason="wait")
    place_hold(scope=Hold.Scope.GLOBAL, cause=Hold.Cause.OPERATOR, reason="fire drill", by="olivia")
    row.refresh_from_db()

    assert resume_distribution(row, by="olivia", reason="go on") == "It stays held: fire drill"
    with pytest.raises(HoldRefused, match="nobody has stopped it"):
        resume_distribution(row, by="olivia", reason="go on")


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["COMPLETED", "CANCELLED"])
def test_what_has_ended_is_not_stopped(status: str) -> None:
    row = DistributionFactory.create(status=status)

    with pytest.raises(HoldRefused, match=f"it is {status}: there is nothing to stop"):
        stop_distribution(row, by="olivia", reason="wait")
