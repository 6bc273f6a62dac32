"""HELD follows the holds: nothing is first sent under one, what is under way is settled, and nothing flaps."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from contracts.models import AuditEvent, Contract, ContractTransaction, Hold
from contracts.services.holds import PAYDATE, HoldRefused, lift_hold, place_hold
from contracts.services.signing import sign_transaction
from payouts.models import Distribution
from payouts.services.funding import is_in_flight
from payouts.services.paying import pay_batch
from payouts.services.showing import why_waiting
from reserves.models import Reservation
from tests.running import Status, assert_all_paid_once, start, until_planned
from tests.world import Pump, Setting, World

Scope, Cause = Hold.Scope, Hold.Cause


def moves(distribution: Distribution) -> list[str]:
    """Every status the distribution went to, in order."""
    events = AuditEvent.objects.filter(noun="distribution", object_id=distribution.pk, what="status")
    return list(events.order_by("id").values_list("target", flat=True))


def idle(pump: Pump) -> None:
    """Forty seconds in which workers and sweeps do whatever they want to."""
    for _ in range(8):
        pump.world.advance(5)
        pump.beat()


def object_of(scope: str, distribution: Distribution) -> str:
    asset = distribution.asset
    uids = {
        Scope.GLOBAL: "",
        Scope.ASSET: asset.uid,
        Scope.CONTRACT: asset.payout_contract.uid,
        Scope.DISTRIBUTION: distribution.uid,
    }
    return uids[Scope(scope)]


@pytest.mark.parametrize("scope", Scope.values)
def test_an_operators_hold_in_mid_run_stops_the_rest_and_lets_what_was_sent_settle(
    world: World, pump: Pump, settings: Settings, scope: str
) -> None:
    settings.BATCH_SIZE = 2
    setting = world.asset(holders=6)
    distribution = until_planned(pump, start(setting, amount="60"))
    pump.send("payouts.pay_batch", distribution.batches.get(number=1).pk)
    with pump.without("contracts.resolve_transaction"):
        pump.drain()
    assert ContractTransaction.objects.get(purpose="batch").status == "SUBMITTED"

    hold = place_hold(
        scope=scope,
        object_uid=object_of(scope, distribution),
        cause=Cause.OPERATOR,
        reason="a doubt",
        by="ann",
    )
    distribution.refresh_from_db()
    assert (distribution.status, distribution.status_reason) == (Status.HELD, "a doubt")
    pump.run(lambda: distribution.batches.filter(status="COMPLETED").exists())
    idle(pump)

    assert [batch.status for batch in distribution.batches.order_by("number")] == [
        "COMPLETED",
        "PENDING",
        "PENDING",
    ]
    assert ContractTransaction.objects.filter(purpose="batch").count() == 1
    assert "OPERATOR: a doubt" in why_waiting(distribution)
    assert lift_hold(hold, reason="it was nothing", by="ann")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
    assert moves(distribution) == ["PENDING", "PLANNING", "PROCESSING", "HELD", "PROCESSING", "COMPLETED"]


def test_a_hold_between_signature_and_first_send_keeps_the_bytes_here(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = until_planned(pump, start(setting, amount="60"))
    world.fault("custody.approval", match="/signatures", mode="pending")
    pump.until_status(distribution, Status.HELD)
    hold = place_hold(scope=Scope.GLOBAL, cause=Cause.OPERATOR, reason="a doubt", by="ann")
    world.clear("custody.approval")
    world.control.do_approve()
    call = ContractTransaction.objects.get(purpose="batch")

    def is_signed() -> bool:
        call.refresh_from_db()
        return call.status == "SIGNED" and "a doubt" in call.waiting_reason

    pump.run(is_signed)
    assert call.broadcast_started_at is None
    assert not world.records(call.subject)
    lift_hold(hold, reason="it was nothing", by="ann")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_a_hold_during_planning_stops_before_the_snapshot(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    hold = place_hold(scope=Scope.GLOBAL, cause=Cause.OPERATOR, reason="month end", by="ann")
    distribution = start(setting, amount="60")
    distribution.refresh_from_db()
    assert distribution.status == Status.HELD
    idle(pump)
    assert not ContractTransaction.objects.exists()

    lift_hold(hold, reason="month began", by="ann")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_of_two_holds_the_last_one_lifted_lets_it_go(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = until_planned(pump, start(setting, amount="60"))
    scopes = ((Scope.GLOBAL, ""), (Scope.ASSET, distribution.asset.uid))
    holds = [
        place_hold(
            scope=scope, object_uid=uid, cause=Cause.OPERATOR, reason=f"a doubt about {scope}", by="ann"
        )
        for scope, uid in scopes
    ]
    distribution.refresh_from_db()
    assert distribution.status_reason == "a doubt about GLOBAL; a doubt about ASSET"

    lift_hold(holds[0], reason="fine", by="ann")
    distribution.refresh_from_db()
    assert (distribution.status, distribution.status_reason) == (Status.HELD, "a doubt about ASSET")
    lift_hold(holds[1], reason="fine", by="ann")

    pump.until_status(distribution, Status.COMPLETED)


def test_code_never_lifts_an_operators_hold(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2, fund=0)
    distribution = pump.until_status(start(setting, amount="60"), Status.HELD)
    hold = place_hold(
        scope=Scope.DISTRIBUTION,
        object_uid=distribution.uid,
        cause=Cause.OPERATOR,
        reason="a doubt",
        by="ann",
    )
    with pytest.raises(HoldRefused, match="lifted by an operator"):
        lift_hold(hold, reason="the machine thinks so", by=PAYDATE)
    setting.top_up(60_000_000)
    world.control.do_close_block()
    idle(pump)

    distribution.refresh_from_db()
    assert (distribution.status, distribution.status_reason) == (Status.HELD, "a doubt")
    assert not Hold.objects.open().exclude(pk=hold.pk).exists()
    lift_hold(hold, reason="fine", by="ann")
    pump.until_status(distribution, Status.COMPLETED)


def test_an_amount_above_the_free_balance_is_held_naming_the_shortfall_and_runs_after_a_top_up(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3, fund=40_000_000)
    distribution = pump.until_status(start(setting, amount="100"), Status.HELD)

    assert distribution.status_reason == (
        f"needs 100.00 USDC, free are 40.00 USDC, missing 60.00 USDC; top up {setting.asset.payout_contract.address}"
    )
    assert distribution.snapshot_id is not None, "holders of the start are paid, whenever the money comes"
    setting.top_up(59_999_999)
    idle(pump)
    distribution.refresh_from_db()
    assert "missing 0.000001 USDC" in distribution.status_reason
    setting.top_up(1)

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    assert moves(distribution) == ["PENDING", "PLANNING", "HELD", "PLANNING", "PROCESSING", "COMPLETED"]


def test_of_two_runs_on_one_balance_the_first_runs_and_the_second_is_held_without_flapping(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3, fund=100_000_000)
    first, second = start(setting, amount="60"), start(setting, amount="60")

    pump.until_status(first, Status.COMPLETED)
    pump.until_status(second, Status.HELD)
    idle(pump)

    second.refresh_from_db()
    assert re.match(
        r"needs 60.00 USDC, free are 40.0\d+ USDC, missing (20.00|19.9\d+) USDC", second.status_reason
    )
    assert moves(second) == ["PENDING", "PLANNING", "HELD"]
    assert AuditEvent.objects.filter(noun="hold").count() == 1
    setting.top_up(20_000_000)
    pump.until_status(second, Status.COMPLETED)
    paid = first.paid_units + second.paid_units
    assert sum(setting.balances().values()) == paid
    assert setting.contract_balance() == 120_000_000 - paid


def test_an_exactly_funded_run_in_many_batches_never_holds_itself(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.BATCH_SIZE = 1
    setting = world.asset(holders=5, fund=100_000_000)
    distribution = pump.until_status(start(setting, amount="100"), Status.COMPLETED)

    assert moves(distribution) == ["PENDING", "PLANNING", "PROCESSING", "COMPLETED"]
    assert_all_paid_once(setting, distribution)


def test_two_exactly_funded_runs_both_go_through_without_a_hold(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.BATCH_SIZE = 1
    setting = world.asset(holders=3, fund=120_000_000)
    runs = [start(setting, amount="60"), start(setting, amount="60")]

    for run in runs:
        pump.until_status(run, Status.COMPLETED)

    assert not Hold.objects.exists()
    assert sum(setting.balances().values()) == sum(run.paid_units for run in runs)


def test_a_call_that_succeeded_and_is_not_settled_counts_as_in_flight(world: World, pump: Pump) -> None:
    """Its money has left the contract and is still counted on: a shortfall then is only apparent."""
    setting = world.asset(holders=2, fund=120_000_000)
    contract = setting.asset.payout_contract
    first = until_planned(pump, start(setting, amount="60"))
    pump.send("payouts.pay_batch", first.batches.get().pk)
    with pump.without("payouts.advance_distribution"):
        pump.drain()
        second = start(setting, amount="60")
    with pump.without("payouts.pay_batch"):
        pump.run(ContractTransaction.objects.filter(purpose="batch", status="SUCCEEDED").exists)
        assert is_in_flight(contract)
        pump.run(lambda: "still under way" in Distribution.objects.get(pk=second.pk).status_reason)

    for run in (first, second):
        pump.until_status(run, Status.COMPLETED)
    assert not is_in_flight(contract)
    assert moves(second) == ["PENDING", "PLANNING", "PROCESSING", "COMPLETED"]


def test_a_contract_paused_between_pre_flight_and_batch_is_held_and_goes_on_after_unpause(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    distribution = until_planned(pump, start(setting, amount="60"))
    payout = setting.made["payout_contract"]["id"]
    world.control.do_pause(payout)

    pump.until_status(distribution, Status.HELD)
    assert distribution.status_reason == "the payout contract is paused"
    calls = ContractTransaction.objects.filter(purpose="batch")
    idle(pump)
    assert calls.count() == 1
    world.control.do_pause(payout, False)
    pump.until_status(distribution, Status.COMPLETED)

    assert list(calls.order_by("attempt").values_list("status", "error_class")) == [
        ("FAILED", "LifeCycleCashFlowIsPaused"),
        ("SUCCEEDED", ""),
    ]
    assert_all_paid_once(setting, distribution)


@pytest.mark.parametrize("status", [Contract.Status.BLOCKED, Contract.Status.PAUSED])
def test_nothing_is_sent_for_a_contract_that_is_blocked_or_paused_in_the_books(
    world: World, pump: Pump, status: str
) -> None:
    setting = world.asset(holders=2)
    distribution = until_planned(pump, start(setting, amount="60"))
    Contract.objects.update(status=status)
    idle(pump)
    assert not ContractTransaction.objects.filter(purpose="batch").exists()
    assert any(f"is {status}" in reason for reason in why_waiting(distribution))

    Contract.objects.update(status=Contract.Status.ACTIVE)
    pump.until_status(distribution, Status.COMPLETED)


def test_a_contract_blocked_before_the_snapshot_holds_the_run_until_it_is_free(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=2)
    distribution = start(setting, amount="60")
    Contract.objects.update(status=Contract.Status.BLOCKED)
    pump.until_status(distribution, Status.HELD)
    assert "is BLOCKED; top up its reserve or accept the deficit" in distribution.status_reason

    Contract.objects.update(status=Contract.Status.ACTIVE)
    pump.until_status(distribution, Status.COMPLETED)


def test_a_percentage_of_nothing_is_held_until_there_is_something(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2, fund=0)
    distribution = pump.until_status(start(setting, percentage="50"), Status.HELD)
    assert "nothing to share" in distribution.status_reason
    assert not Reservation.objects.exists()

    setting.top_up(80_000_000)
    pump.until_status(distribution, Status.COMPLETED)
    assert distribution.pool_units == 40_000_000


def waiting_for_approval(world: World, pump: Pump, setting: Setting) -> Distribution:
    distribution = until_planned(pump, start(setting, amount="60"))
    until_custody_waits(world, pump, distribution)
    return distribution


def until_custody_waits(world: World, pump: Pump, distribution: Distribution) -> None:
    world.net.dfns.forget_requests()
    world.fault("custody.approval", match="/signatures", mode="pending")
    pump.until_status(distribution, Status.HELD)
    world.clear("custody.approval")


def test_an_approval_after_expiry_sends_nothing_and_is_paid_once_after_the_operator_lifts_the_hold(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    distribution = waiting_for_approval(world, pump, setting)
    call = ContractTransaction.objects.get(purpose="batch")
    assert (
        distribution.status_reason == f"custody waits for approval of {call.transaction_id}; approve it there"
    )
    world.advance(140)
    world.control.do_approve()
    pump.run(lambda: ContractTransaction.objects.get(pk=call.pk).status == "EXPIRED")
    idle(pump)

    distribution.refresh_from_db()
    assert distribution.status == Status.HELD
    assert distribution.status_reason == (
        f"custody's approval of {call.transaction_id} came too late or not at all; lift this hold to ask again"
    )
    assert world.signatures_asked() == 1
    assert set(setting.balances().values()) == {0}
    lift_hold(Hold.objects.open().get(), reason="the approver is at his desk", by="ann")
    pump.until_status(distribution, Status.COMPLETED)
    assert world.signatures_asked() == 2
    assert_all_paid_once(setting, distribution)


def test_an_approval_in_time_lifts_its_own_hold(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = waiting_for_approval(world, pump, setting)
    world.control.do_approve()

    pump.until_status(distribution, Status.COMPLETED)

    assert world.signatures_asked() == 1
    assert_all_paid_once(setting, distribution)


def sign_side_by_side(rows: list[ContractTransaction]) -> None:
    """As the threads of a signer do: all of them have looked before any of them waits."""

    def sign(pk: int) -> None:
        try:
            sign_transaction(pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(rows)) as pool:
        list(pool.map(sign, [row.pk for row in rows]))


def test_of_three_calls_waiting_for_approval_each_is_sent_when_it_is_approved(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.BATCH_SIZE = 1
    setting = world.asset(holders=3)
    distribution = until_planned(pump, start(setting, amount="60"))
    for batch in distribution.batches.all():
        pay_batch(batch.pk)
    pump.rings.clear()
    rows = list(ContractTransaction.objects.filter(purpose="batch"))
    world.fault("custody.latency_ms", match="/signatures", ms=300)
    world.fault("custody.approval", match="/signatures", mode="pending")
    sign_side_by_side(rows)
    waiting = ContractTransaction.objects.filter(custody_waiting_since__isnull=False)
    assert waiting.count() == len(rows)
    world.clear("custody.latency_ms")
    world.clear("custody.approval")

    first, *rest = world.control.do_pending()
    world.control.do_approve(first["id"])
    pump.run(ContractTransaction.objects.filter(purpose="batch", status="SUCCEEDED").exists)
    distribution.refresh_from_db()
    assert distribution.status == Status.HELD
    for signature in rest:
        world.control.do_approve(signature["id"])
    pump.until_status(distribution, Status.COMPLETED)

    assert not Hold.objects.open().exists()
    assert_all_paid_once(setting, distribution)


def test_with_a_lead_every_holder_is_paid_once(world: World, pump: Pump, settings: Settings) -> None:
    setting = world.asset(holders=3)
    distribution = until_planned(pump, start(setting, amount="60"))
    settings.CUSTODY_APPROVAL_LEAD = 600
    until_custody_waits(world, pump, distribution)
    world.advance(590)
    world.control.do_approve()

    pump.until_status(distribution, Status.COMPLETED)

    assert world.signatures_asked() == 1
    assert_all_paid_once(setting, distribution)


def test_a_rejected_signature_holds_the_run_until_an_operator_asks_again(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = waiting_for_approval(world, pump, setting)
    world.control.do_reject(reason="not this month")
    pump.run(ContractTransaction.objects.filter(purpose="batch", status="FAILED").exists)
    idle(pump)

    distribution.refresh_from_db()
    assert (distribution.status, distribution.status_reason) == (
        Status.HELD,
        "custody answered REJECTED: not this month; lift this hold to try again",
    )
    assert world.signatures_asked() == 1
    lift_hold(Hold.objects.open().get(), reason="now it is", by="ann")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
