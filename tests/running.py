"""Creating and starting distributions in tests, and the promise every one of them is held to."""

from typing import Any

from contracts.models import AuditEvent
from payouts.models import Distribution, Payment
from payouts.services.creating import NewDistribution, create_distribution
from payouts.services.showing import compare_with_chain
from payouts.services.starting import execute_distribution
from tests.world import Pump, Setting

Status = Distribution.Status


def create(asset: str, *, amount: str = "", percentage: str = "", **times: Any) -> Distribution:
    kind = Distribution.AmountType.PERCENTAGE if percentage else Distribution.AmountType.FIXED
    return create_distribution(
        NewDistribution(
            asset=asset,
            amount_type=kind,
            amount=percentage or amount,
            concept="dividend",
            by="tests",
            **times,
        )
    )


def start(setting: Setting, *, amount: str = "", percentage: str = "") -> Distribution:
    distribution = create(setting.asset.address, amount=amount, percentage=percentage)
    execute_distribution(distribution, by="tests")
    return distribution


def until_planned(pump: Pump, distribution: Distribution) -> Distribution:
    """The plan is closed and no batch was looked at yet."""
    with pump.without("payouts.pay_batch", "payouts.feed"):
        return pump.until_status(distribution, Status.PROCESSING)


def expected_units(distribution: Distribution) -> dict[str, int]:
    return dict(distribution.payments.values_list("holder", "expected_units"))


def assert_all_paid_once(setting: Setting, distribution: Distribution) -> None:
    """Every holder has exactly his share on chain, and the database says the same."""
    distribution.refresh_from_db()
    assert distribution.status == Status.COMPLETED
    expected = expected_units(distribution)
    assert setting.balances() == expected
    assert set(distribution.payments.values_list("status", flat=True)) == {Payment.Status.PAID}
    assert sum(expected.values()) + (distribution.dust_units or 0) == distribution.pool_units
    assert distribution.paid_units == sum(expected.values())
    assert compare_with_chain(distribution).differing == ()


def moves(distribution: Distribution) -> list[str]:
    """Every status the distribution went to, in order."""
    events = AuditEvent.objects.filter(noun="distribution", object_id=distribution.pk, what="status")
    return list(events.order_by("id").values_list("target", flat=True))


def idle(pump: Pump) -> None:
    """Forty seconds in which workers and sweeps do whatever they want to."""
    for _ in range(8):
        pump.world.advance(5)
        pump.beat()
