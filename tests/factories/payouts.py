"""Distributions with their batches and lines."""

import factory
from factory.django import DjangoModelFactory

from payouts.models import Batch, Distribution, Payment
from tests.factories.contracts import NOW, NOW_NS, AssetFactory, evm_address


class DistributionFactory(DjangoModelFactory[Distribution]):
    """A fixed amount of 1,250.50 in PENDING; the traits carry it further."""

    class Meta:
        model = Distribution

    class Params:
        planned = factory.Trait(
            status="PROCESSING",
            started_by="alice",
            started_at=NOW,
            snapshot_id=factory.Sequence(lambda n: n + 1),
            snapshot_consensus_at=f"{NOW_NS // 10**9}.000000007",
            supply_units=1_000_000,
            holder_count=250,
            pool_units=1_250_500_000,
            dust_units=3,
            plan_hash="5e" * 32,
            plan_closed_at=NOW,
        )
        held = factory.Trait(planned=True, status="HELD", status_before_hold="PROCESSING")
        percentage = factory.Trait(amount_type="PERCENTAGE", amount_units=None, percentage_bp=1250)

    asset = factory.SubFactory(AssetFactory)
    amount_type = Distribution.AmountType.FIXED
    amount_units = 1_250_500_000
    concept = factory.Sequence(lambda n: f"Dividend {n}")
    created_by = "alice"
    created_at = NOW


class BatchFactory(DjangoModelFactory[Batch]):
    class Meta:
        model = Batch

    distribution = factory.SubFactory(DistributionFactory, planned=True)
    number = factory.Sequence(lambda n: n + 1)
    total = 3
    holders = factory.LazyAttribute(lambda row: [evm_address(500_000 + n) for n in range(row.total)])


class PaymentFactory(DjangoModelFactory[Payment]):
    class Meta:
        model = Payment

    class Params:
        paid = factory.Trait(
            status="PAID",
            paid_units=factory.SelfAttribute("expected_units"),
            paid_at=factory.LazyAttribute(lambda row: f"{NOW_NS // 10**9 + 4}.{row.ordinal:09d}"),
        )
        failed = factory.Trait(
            status="FAILED", failure_reason="the holder's account is frozen for the payment token"
        )

    distribution = factory.SubFactory(DistributionFactory, planned=True)
    ordinal = factory.Sequence(lambda n: n)
    holder = factory.LazyAttribute(lambda row: evm_address(500_000 + row.ordinal))
    balance_units = 4_000
    expected_units = 5_002_000
