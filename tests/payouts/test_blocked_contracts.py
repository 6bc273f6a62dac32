"""A run obeys the blocks of its payout contract and of the investment contract behind its asset."""

import pytest
from pytest_django.fixtures import Settings

from contracts.models import Asset, Contract, ContractTransaction
from contracts.services.holds import place_hold
from payouts.models import Distribution
from reserves.services.blocking import apply_answer, block, unblock
from tests.factories.contracts import InvestmentContractFactory
from tests.running import Status, assert_all_paid_once, idle, moves, start, until_planned
from tests.world import Pump, Setting, World


def backed(setting: Setting) -> Contract:
    contract: Contract = InvestmentContractFactory()
    Asset.objects.filter(pk=setting.asset.pk).update(backing_contract=contract)
    setting.asset.refresh_from_db()
    return contract


def test_a_short_backing_contract_holds_the_run_before_its_first_signature(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    contract = backed(setting)
    apply_answer(contract.pk, units=12_500_000, ledger=7)

    distribution = start(setting, amount="60")
    pump.until_status(distribution, Status.HELD)
    idle(pump)

    distribution.refresh_from_db()
    assert distribution.status_reason == (
        "Investment requires adding 1.25 USDC to the reserve fund to ensure investor payments"
    )
    assert not ContractTransaction.objects.exclude(signed_at=None).exists()
    apply_answer(contract.pk, units=0, ledger=8)
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


@pytest.mark.parametrize("which", ["payout", "backing"])
def test_a_block_in_mid_run_stops_between_batches_and_the_run_goes_on_by_itself(
    world: World, pump: Pump, settings: Settings, which: str
) -> None:
    settings.BATCH_SIZE = 2
    setting = world.asset(holders=6)
    contract = backed(setting)
    if which == "payout":
        contract = setting.asset.payout_contract
    distribution = until_planned(pump, start(setting, amount="60"))
    pump.send("payouts.pay_batch", distribution.batches.get(number=1).pk)
    with pump.without("contracts.resolve_transaction", "contracts.resolve_sent"):
        pump.drain()

    block(contract, reason="money is missing", by="olivia")
    pump.run(lambda: distribution.batches.filter(status="COMPLETED").exists())
    idle(pump)

    distribution.refresh_from_db()
    assert (distribution.status, distribution.status_reason) == (Status.HELD, "money is missing")
    assert ContractTransaction.objects.filter(purpose="batch").count() == 1
    unblock(contract, accepted_units=None, until=None, reason="it is there", by="olivia")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
    assert moves(distribution) == ["PENDING", "PLANNING", "PROCESSING", "HELD", "PROCESSING", "COMPLETED"]


def test_a_release_leaves_an_operators_hold_alone(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    contract = backed(setting)
    apply_answer(contract.pk, units=5, ledger=1)
    distribution = start(setting, amount="60")
    pump.until_status(distribution, Status.HELD)
    place_hold(
        scope="CONTRACT", object_uid=contract.uid, cause="OPERATOR", reason="a question is open", by="ann"
    )

    apply_answer(contract.pk, units=0, ledger=2)
    idle(pump)

    distribution.refresh_from_db()
    assert (distribution.status, distribution.status_reason) == (Status.HELD, "a question is open")
    assert Distribution.objects.get().status == Status.HELD
