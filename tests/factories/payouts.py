"""Distributions with their batches and lines."""

import factory
from factory.django import DjangoModelFactory

from payouts.models import (
    Approval,
    Batch,
    CorporateAction,
    DepositTrigger,
    Distribution,
    Payment,
    Reissue,
    Schedule,
)
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
        corporate_action = factory.Trait(kind="CORPORATE_ACTION", amount_type="ON_CHAIN", amount_units=None)
        cash_out = factory.Trait(kind="BOND_CASH_OUT", amount_type="ON_CHAIN", amount_units=None)

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


class ScheduleFactory(DjangoModelFactory[Schedule]):
    class Meta:
        model = Schedule

    asset = factory.SubFactory(AssetFactory)
    amount_type = "FIXED"
    amount_units = 1_000_000
    concept = "Rent"
    frequency = "MONTHLY"
    anchor_at = NOW
    next_at = NOW
    created_by = "alice"
    created_at = NOW


class DepositTriggerFactory(DjangoModelFactory[DepositTrigger]):
    class Meta:
        model = DepositTrigger

    asset = factory.SubFactory(AssetFactory)
    mode = "EACH"
    amount_type = "PERCENTAGE"
    percentage_bp = 10_000
    threshold_units = 1_000_000
    created_by = "alice"
    created_at = NOW


class CorporateActionFactory(DjangoModelFactory[CorporateAction]):
    class Meta:
        model = CorporateAction

    asset = factory.SubFactory(AssetFactory)
    type = "DIVIDEND"
    number = factory.Sequence(lambda n: n + 1)
    record_at = NOW
    execute_at = NOW
    value = 5
    value_decimals = 1
    as_of = NOW


class ReissueFactory(DjangoModelFactory[Reissue]):
    class Meta:
        model = Reissue

    payment = factory.SubFactory(PaymentFactory, failed=True)
    wallet = evm_address(700_000)
    units = 5_002_000
    reason = "a notarised letter"
    requested_by = "alice"
    requested_at = NOW


class ApprovalFactory(DjangoModelFactory[Approval]):
    class Meta:
        model = Approval

    class Params:
        decided = factory.Trait(decided_by="bob", decided_at=NOW, is_approved=True)

    reissue = factory.SubFactory(ReissueFactory)
    content_hash = "ab" * 32
    words = "5.002 USDC to another wallet"
    requested_by = "alice"
    requested_at = NOW
