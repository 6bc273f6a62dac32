"""A distribution from its creation to the chain's own balances."""

import pytest
from pytest_django.fixtures import Settings

from payouts.amounts import share_units
from payouts.models import Batch
from payouts.services.planning import advance_distribution
from reserves.models import Reservation
from tests.running import Status, assert_all_paid_once, expected_units, start, until_planned
from tests.world import Pump, World


@pytest.mark.parametrize("version", ["7", "8"])
@pytest.mark.parametrize(("wallet", "scheme"), [("paydate", "SECP256K1"), ("edwards", "ED25519")])
def test_every_holder_is_paid_the_share_of_a_fixed_amount(
    world: World, pump: Pump, version: str, wallet: str, scheme: str
) -> None:
    setting = world.asset(holders=7, asset_version=version, wallet=wallet, scheme=scheme)
    distribution = start(setting, amount="1000.50")

    pump.until_status(distribution, Status.COMPLETED)

    assert distribution.pool_units == 1_000_500_000
    assert_all_paid_once(setting, distribution)


def test_a_percentage_over_several_batches_shares_one_frozen_pool(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.BATCH_SIZE = 2
    setting = world.asset(holders=7, fund=999_999_999)
    distribution = start(setting, percentage="33.33")

    pump.until_status(distribution, Status.COMPLETED)

    assert distribution.pool_units == 999_999_999 * 3333 // 10_000
    assert distribution.batches.count() == 4
    assert_all_paid_once(setting, distribution)
    for line in distribution.payments.all():
        assert line.expected_units == share_units(
            pool_units=distribution.pool_units or 0,
            balance_units=line.balance_units,
            supply_units=distribution.supply_units or 0,
        )


def test_money_that_comes_or_goes_after_the_freeze_does_not_change_the_pool(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.BATCH_SIZE = 2
    setting = world.asset(holders=4, fund=1_000_000_000)
    distribution = start(setting, percentage="50")
    until_planned(pump, distribution)

    setting.top_up(5_000_000_000)
    pump.until_status(distribution, Status.COMPLETED)

    assert distribution.pool_units == 500_000_000
    assert_all_paid_once(setting, distribution)


def test_several_pages_of_holders_make_one_plan(world: World, pump: Pump, settings: Settings) -> None:
    settings.PLAN_PAGE_SIZE, settings.PLAN_PARALLEL_PAGES, settings.BATCH_SIZE = 6, 2, 3
    setting = world.asset(holders=10)
    distribution = start(setting, amount="100")

    pump.until_status(distribution, Status.COMPLETED)

    assert distribution.pages.count() == 2
    assert sorted(distribution.payments.values_list("ordinal", flat=True)) == list(range(10))
    assert sorted(distribution.batches.values_list("total", flat=True)) == [1, 3, 3, 3]
    assert_all_paid_once(setting, distribution)


def test_the_share_that_rounds_to_nothing_is_skipped_and_not_sent(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    poorest = "0x" + "77" * 20
    world.control.do_add_accounts([poorest])
    setting.ask_money("associateMany", [poorest])
    world.control.do_call(setting.asset.address, "mint", [poorest, 1])
    distribution = start(setting, amount="10")

    pump.until_status(distribution, Status.COMPLETED)

    line = distribution.payments.get(holder=poorest)
    assert (line.status, line.expected_units, line.batch) == ("SKIPPED", 0, None)
    assert poorest not in Batch.objects.get().holders
    assert sum(setting.balances().values()) + (distribution.dust_units or 0) == 10_000_000


def test_an_amount_that_rounds_to_nothing_for_everybody_fails_before_anything_is_sent(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="0.000001")

    pump.until_status(distribution, Status.FAILED)

    assert distribution.status_reason == "the amount is too small: every holder's share rounds down to 0"
    assert not distribution.batches.exists()
    assert Reservation.objects.get().closed_at is not None


def test_balances_that_move_after_the_snapshot_do_not_change_who_is_paid(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="30")
    with pump.without("payouts.plan_page"):
        pump.run(distribution.pages.exists)

    newcomer = "0x" + "88" * 20
    world.control.do_add_accounts([newcomer])
    world.control.do_call(setting.asset.address, "mint", [newcomer, 500_000_000_000])
    pump.until_status(distribution, Status.COMPLETED)

    assert set(expected_units(distribution)) == set(setting.holders)
    assert_all_paid_once(setting, distribution)


def test_times_and_totals_come_from_consensus(world: World, pump: Pump, settings: Settings) -> None:
    settings.BATCH_SIZE = 1
    setting = world.asset(holders=3)
    distribution = pump.until_status(start(setting, amount="30"), Status.COMPLETED)

    paid_at = sorted(distribution.payments.values_list("paid_at", flat=True))
    assert [distribution.executed_at, distribution.completed_at] == [paid_at[0], paid_at[-1]]
    consensus = {record.consensus_ns for record in world.records("batch:")}
    assert {int(text.replace(".", "")) for text in paid_at} <= consensus


def test_a_lost_ring_costs_a_sweep_and_nothing_else(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="30")

    def lose_everything_rung() -> bool:
        pump.rings.clear()
        distribution.refresh_from_db()
        return distribution.status == Status.COMPLETED

    pump.run(lose_everything_rung)

    assert_all_paid_once(setting, distribution)


def test_rings_that_come_twice_and_late_change_nothing(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = pump.until_status(start(setting, amount="30"), Status.COMPLETED)
    batch = distribution.batches.get()

    for name, pk in (("payouts.advance_distribution", distribution.pk), ("payouts.pay_batch", batch.pk)):
        pump.send(name, pk)
    for row in batch.distribution.asset.payout_contract.transactions.all():
        pump.send("contracts.sign_transaction", row.pk)
        pump.send("contracts.resolve_transaction", row.pk)
    pump.drain()
    advance_distribution(distribution.pk)

    assert_all_paid_once(setting, distribution)
