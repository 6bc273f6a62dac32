"""A distribution from its creation to the chain's own balances."""

import pytest

from payouts.models import Distribution, Payment
from payouts.services.creating import NewDistribution, create_distribution
from payouts.services.showing import compare_with_chain
from payouts.services.starting import execute_distribution
from tests.world import Pump, World

Status = Distribution.Status


def create(asset: str, **amount: str) -> Distribution:
    kind, text = next(iter(amount.items()))
    return create_distribution(
        NewDistribution(asset=asset, amount_type=kind, amount=text, concept="dividend", by="tests")
    )


def start(asset: str, **amount: str) -> Distribution:
    distribution = create(asset, **amount)
    execute_distribution(distribution, by="tests")
    return distribution


@pytest.mark.parametrize("version", ["7", "8"])
@pytest.mark.parametrize("scheme", ["SECP256K1"])
def test_every_holder_is_paid_the_share_of_a_fixed_amount(
    world: World, pump: Pump, version: str, scheme: str
) -> None:
    setting = world.asset(holders=7, asset_version=version, scheme=scheme)
    distribution = start(setting.asset.address, FIXED="1000.50")

    pump.until_status(distribution, Status.COMPLETED)

    expected = dict(distribution.payments.values_list("holder", "expected_units"))
    assert setting.balances() == expected
    assert sum(expected.values()) + (distribution.dust_units or 0) == 1_000_500_000
    assert set(distribution.payments.values_list("status", flat=True)) == {Payment.Status.PAID}
    assert compare_with_chain(distribution).differing == ()
