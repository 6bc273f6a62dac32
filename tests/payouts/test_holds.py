"""HELD follows the holds: nothing is first sent under one, what is under way is settled, and nothing flaps."""

import pytest
from pytest_django.fixtures import Settings

from contracts.models import Contract, ContractTransaction, Hold
from contracts.services.holds import PAYDATE, HoldRefused, lift_hold, place_hold
from payouts.models import Distribution
from payouts.services.showing import why_waiting
from tests.running import Status, assert_all_paid_once, idle, moves, start, until_planned
from tests.world import Pump, World

Scope, Cause = Hold.Scope, Hold.Cause


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
    with pump.without("contracts.resolve_transaction", "contracts.resolve_sent"):
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
