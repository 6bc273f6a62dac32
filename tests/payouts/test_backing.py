"""Putting an investment contract behind an asset reaches runs at once; taking it away lets them go on."""

import pytest

from contracts.models import AuditEvent
from contracts.services.backing import NotBacked, back_asset
from reserves.services.blocking import apply_answer
from tests.factories.contracts import AssetFactory, InvestmentContractFactory
from tests.running import Status, assert_all_paid_once, start, until_planned
from tests.world import Pump, World

SHORT = "Investment requires adding 1.25 USDC to the reserve fund to ensure investor payments"


def test_a_blocked_contract_holds_a_run_under_way_at_once_and_lets_it_go_when_taken_away(
    world: World, pump: Pump
) -> None:
    setting, contract = world.asset(holders=3), InvestmentContractFactory()
    apply_answer(contract.pk, units=12_500_000, ledger=7)
    distribution = until_planned(pump, start(setting, amount="60"))

    assert back_asset(setting.asset, contract, reason="it holds the park", by="olivia")

    distribution.refresh_from_db()
    assert (distribution.status, distribution.status_reason) == (Status.HELD, SHORT)
    assert back_asset(setting.asset, None, reason="it was sold", by="olivia")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_a_contract_in_good_standing_holds_nothing(world: World, pump: Pump) -> None:
    setting, contract = world.asset(holders=2), InvestmentContractFactory()
    distribution = until_planned(pump, start(setting, amount="60"))
    back_asset(setting.asset, contract, reason="it holds the park", by="olivia")
    pump.until_status(distribution, Status.COMPLETED)


@pytest.mark.django_db
def test_what_is_refused_changes_nothing() -> None:
    asset = AssetFactory()
    with pytest.raises(NotBacked, match="only an investment contract backs an asset"):
        back_asset(asset, asset.payout_contract, reason="why not", by="olivia")
    with pytest.raises(NotBacked, match="say why"):
        back_asset(asset, InvestmentContractFactory(), reason=" ", by="olivia")
    asset.refresh_from_db()
    assert asset.backing_contract is None
    assert not AuditEvent.objects.exists()
