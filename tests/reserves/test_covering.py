"""Whether a payout contract has what is due: exact amounts, at every moment of a run, and never by a guess."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.gateways.errors import GatewayError, Unavailable
from contracts.models import Contract, ContractTransaction
from payouts.models import Distribution
from reserves import obligations
from reserves.models import Reservation
from reserves.obligations import Obligation, obligations_of
from reserves.services.covering import Covering, look
from reserves.services.reserving import NewDraw, draw_many
from tests.factories import ContractFactory
from tests.running import Status, create, start, until_planned
from tests.world import Pump, Setting, World

UNIT = 1_000_000
WATCHERS: list[Callable[[], None]] = []


def at_each_arrow(name: str, subject: str) -> None:
    """Stands where the crash tests kill: what is seen here is what another process may see."""
    for watcher in WATCHERS:
        watcher()


@contextmanager
def looked_at_all_the_time(settings: Settings, contract: Contract) -> Iterator[list[Covering]]:
    """Looks after every arrow meanwhile, and remembers what is missing as a ticket does."""
    seen: list[Covering] = []

    def watch() -> None:
        seen.append(look(contract))
        contract.required_funds_units = seen[-1].missing_units

    settings.FAULT_HOOK = f"{__name__}.{at_each_arrow.__name__}"
    WATCHERS.append(watch)
    yield seen
    WATCHERS.clear()
    settings.FAULT_HOOK = ""


def look_now(setting: Setting) -> Covering:
    """As of a block that has everything."""
    setting.world.control.do_close_block()
    return look(setting.asset.payout_contract)


def amounts(covering: Covering) -> tuple[int, int, int]:
    return covering.balance_units, covering.due_units, covering.missing_units


@pytest.mark.django_db
class TestSources:
    def test_what_is_due_in_time_in_the_order_in_which_it_is_due(self) -> None:
        now, contract = clock.now(), ContractFactory()
        known = [Obligation(now + timedelta(days=days), 1, "a bill", f"bill{days}") for days in (8, 3, -1, 7)]

        def source(contract: Contract, until: datetime) -> list[Obligation]:
            return known

        obligations.register(source)
        try:
            dues = obligations_of(contract, until=now + timedelta(days=7))
            with pytest.raises(ValueError, match="registered twice"):
                obligations.register(source)
        finally:
            obligations.forget(source)

        assert [due.uid for due in dues] == ["bill-1", "bill3", "bill7"]
        assert obligations_of(contract, until=now) == []


class TestAmounts:
    def test_nothing_is_due(self, world: World) -> None:
        setting = world.asset(holders=1, fund=5 * UNIT)
        covering = look_now(setting)

        assert amounts(covering) == (5 * UNIT, 0, 0)
        assert covering.block > 0

    def test_enough_to_the_last_unit_and_one_unit_too_little(self, world: World) -> None:
        setting = world.asset(holders=1, fund=60 * UNIT - 1)
        create(setting.asset.address, amount="60")

        assert amounts(look_now(setting)) == (60 * UNIT - 1, 60 * UNIT, 1)
        setting.top_up(1)
        assert amounts(look_now(setting)) == (60 * UNIT, 60 * UNIT, 0)

    def test_a_percentage_needs_nothing(self, world: World) -> None:
        setting = world.asset(holders=1, fund=UNIT)
        create(setting.asset.address, percentage="100")
        assert amounts(look_now(setting)) == (UNIT, 0, 0)

    def test_only_what_is_due_within_the_horizon(self, world: World, settings: Settings) -> None:
        setting = world.asset(holders=1, fund=0)
        create(setting.asset.address, amount="60")
        later = create(setting.asset.address, amount="40")
        Distribution.objects.filter(pk=later.pk).update(execute_at=clock.now() + timedelta(days=6))

        assert look_now(setting).due_units == 100 * UNIT
        settings.RESERVE_HORIZON_DAYS = 0
        assert look_now(setting).due_units == 60 * UNIT, "what is due already is within every horizon"


class TestWhileItIsPaid:
    def test_an_exactly_funded_run_never_shows_a_shortfall(
        self, world: World, pump: Pump, settings: Settings
    ) -> None:
        settings.BATCH_SIZE = 1
        setting = world.asset(holders=5, fund=100 * UNIT)
        contract = setting.asset.payout_contract
        contract.learned_batch_size = 1
        contract.save(update_fields=["learned_batch_size"])

        with looked_at_all_the_time(settings, contract) as seen:
            distribution = pump.until_status(start(setting, amount="100"), Status.COMPLETED)

        assert len(seen) > 30
        assert {covering.missing_units for covering in seen} == {0}
        assert any(covering.in_flight_units for covering in seen)
        assert amounts(look_now(setting)) == (100 * UNIT - distribution.paid_units, 0, 0)

    def test_two_runs_of_60_on_100_miss_20_before_while_and_after_the_first_is_paid(
        self, world: World, pump: Pump, settings: Settings
    ) -> None:
        setting = world.asset(holders=3, fund=100 * UNIT)
        create(setting.asset.address, amount="60")
        assert amounts(look_now(setting)) == (100 * UNIT, 60 * UNIT, 0)

        with looked_at_all_the_time(settings, setting.asset.payout_contract) as seen:
            first = pump.until_status(start(setting, amount="60"), Status.COMPLETED)

        dust = 60 * UNIT - first.paid_units
        assert any(covering.in_flight_units for covering in seen)
        assert {covering.missing_units for covering in seen} <= {20 * UNIT, 20 * UNIT - dust}
        assert amounts(look_now(setting)) == (40 * UNIT + dust, 60 * UNIT, 20 * UNIT - dust)

    def test_a_call_under_way_counts_as_paid_until_it_has_failed(self, world: World, pump: Pump) -> None:
        setting = world.asset(holders=2, fund=100 * UNIT)
        distribution = until_planned(pump, start(setting, amount="100"))
        owed = look_now(setting).due_units
        pump.send("payouts.feed", setting.asset.payout_contract.wallet_id)
        calls = ContractTransaction.objects.filter(purpose="batch")
        with pump.without("payouts.settle"):
            pump.run(calls.filter(status="SUCCEEDED").exists)

        covering = look_now(setting)

        assert (covering.due_units, covering.in_flight_units, covering.missing_units) == (0, owed, 0)
        assert covering.balance_units == 100 * UNIT - owed
        pump.until_status(distribution, Status.COMPLETED)
        assert amounts(look_now(setting)) == (100 * UNIT - owed, 0, 0)

    def test_what_failed_is_due_until_it_is_given_up(
        self, world: World, pump: Pump, settings: Settings
    ) -> None:
        setting = world.asset(holders=3, fund=90 * UNIT)
        frozen = setting.holders[1]
        setting.ask_money("setFrozen", frozen, True)
        distribution = pump.until_status(start(setting, amount="90"), Status.PARTIALLY_COMPLETED)
        share = distribution.payments.get(holder=frozen).expected_units

        settings.RESERVE_HORIZON_DAYS = 1
        assert look_now(setting).due_units == share
        distribution.payments.update(retries=settings.MAX_BATCH_RETRIES)
        assert look_now(setting).due_units == 0

    def test_what_was_paid_after_the_block_is_no_longer_there(self, world: World, pump: Pump) -> None:
        setting = world.asset(holders=1, fund=100 * UNIT)
        distribution = pump.until_status(start(setting, amount="40"), Status.COMPLETED)
        late = clock.now_ns() + 60 * clock.NANOSECONDS
        assert look_now(setting).balance_units == 60 * UNIT
        draw_many(distribution_uid=distribution.uid, draws=[NewDraw("a payment", 25 * UNIT, late)])

        assert look_now(setting).balance_units == 35 * UNIT


class TestTroubles:
    def test_a_mirror_node_that_is_down(self, world: World, quick_retries: None) -> None:
        setting = world.asset(holders=1)
        world.fault("mirror.down")
        with pytest.raises(GatewayError):
            look(setting.asset.payout_contract)

    def test_a_mirror_node_behind_what_was_paid_already(self, world: World) -> None:
        """Its balance of that time says nothing about now: more has been paid than it had."""
        setting = world.asset(holders=1, fund=10)
        contract = setting.asset.payout_contract
        Reservation.objects.create(contract=contract, distribution_uid="a run", units=11)
        late = clock.now_ns() + 60 * clock.NANOSECONDS
        draw_many(distribution_uid="a run", draws=[NewDraw("a payment", 11, late)])

        with pytest.raises(Unavailable, match="has less than was paid after it"):
            look(contract)

    def test_of_a_contract_that_no_source_knows_nothing_is_due(self, world: World) -> None:
        setting = world.asset(holders=1, fund=1)
        other = ContractFactory(
            payment_token=setting.asset.payout_contract.payment_token,
            wallet=setting.asset.payout_contract.wallet,
        )
        assert amounts(look(other)) == (0, 0, 0)
