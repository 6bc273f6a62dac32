"""Money that is not there: HELD naming the shortfall, going on by itself, and never held for what is on its way."""

import re

from pytest_django.fixtures import Settings

from contracts.models import AuditEvent, Contract, ContractTransaction, Hold, Notice
from payouts.models import Distribution
from payouts.services.funding import is_in_flight
from payouts.services.starting import execute_distribution
from reserves.models import PaymentAvailability, Reservation
from reserves.services.ticketing import open_tickets
from tests.running import Status, assert_all_paid_once, create, idle, moves, start, until_planned
from tests.world import Pump, World


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
    runs = start(setting, amount="60"), start(setting, amount="60")

    # Whose snapshot is on chain first counts on the money first.
    for run in runs:
        pump.until_status(run, Status.COMPLETED, Status.HELD)
    first, second = sorted(runs, key=lambda run: str(run.status))
    assert (first.status, second.status) == (Status.COMPLETED, Status.HELD)
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


def test_tickets_that_find_money_missing_hold_nothing_and_block_nothing(world: World, pump: Pump) -> None:
    """Reservations hold the run that lacks money; the ticket only says so, as often as it is asked."""
    setting = world.asset(holders=3, fund=100_000_000)
    contract = setting.asset.payout_contract
    runs = [create(setting.asset.address, amount="60") for _ in range(2)]
    open_tickets([contract.address])
    pump.drain()
    for run in runs:
        execute_distribution(run, by="tests")

    def have_ended() -> bool:
        open_tickets([contract.address])
        return {run.status for run in Distribution.objects.all()} == {Status.COMPLETED, Status.HELD}

    pump.run(have_ended)
    tickets = PaymentAvailability.objects.filter(contract=contract, status="PROCESSED")
    # Of two answers as of one block the second changes nothing.
    newer = tickets.exclude(outcome="OUTDATED").order_by("pk")

    before_the_end = newer.latest("pk").pk

    def has_answered_often() -> bool:
        open_tickets([contract.address])
        return newer.count() > 4 and newer.filter(pk__gt=before_the_end).count() > 1

    pump.run(has_answered_often)
    answers = list(newer.values_list("required_funds_units", "outcome"))
    first, second = Distribution.objects.order_by("status")
    missing = 20_000_000 - (60_000_000 - first.paid_units)
    assert set(answers) == {(20_000_000, "SHORT"), (missing, "SHORT")}
    assert Notice.objects.filter(cause=Notice.Cause.SHORT).count() == 1, (
        "one alarm, not ended by what is in flight"
    )
    contract.refresh_from_db()
    assert {first.pk, second.pk} == {run.pk for run in runs}
    assert moves(first) == ["PENDING", "PLANNING", "PROCESSING", "COMPLETED"]
    assert moves(second) == ["PENDING", "PLANNING", "HELD"]
    assert AuditEvent.objects.filter(noun="hold").count() == 1
    assert (contract.status, contract.blocked_at) == (Contract.Status.ACTIVE, None)


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
    with pump.without("payouts.settle"):
        pump.run(ContractTransaction.objects.filter(purpose="batch", status="SUCCEEDED").exists)
        assert is_in_flight(contract)
        world.control.do_close_block()  # from here on the balance is what is left
        second = start(setting, amount="60")
        pump.run(lambda: "still under way" in Distribution.objects.get(pk=second.pk).status_reason)

    for run in (first, second):
        pump.until_status(run, Status.COMPLETED)
    assert not is_in_flight(contract)
    assert moves(second) == ["PENDING", "PLANNING", "PROCESSING", "COMPLETED"]


def test_a_percentage_of_nothing_is_held_until_there_is_something(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2, fund=0)
    distribution = pump.until_status(start(setting, percentage="50"), Status.HELD)
    assert "nothing to share" in distribution.status_reason
    assert not Reservation.objects.exists()

    setting.top_up(80_000_000)
    pump.until_status(distribution, Status.COMPLETED)
    assert distribution.pool_units == 40_000_000
