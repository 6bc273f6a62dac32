"""What is to be paid out: one distribution of one asset, and the pages its plan is read by."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from chainsync.models import Deposit
from contracts import clock
from contracts.fields import UnitsField
from contracts.ids import new_uid
from contracts.models import Asset, Hold, Leased
from contracts.transitions import Transitions
from payouts.models.amounts import A_SUM_OR_A_SHARE, AS_THE_ASSET_SAYS, AmountType, Payable
from payouts.models.schedules import DepositTrigger, Missed, Schedule


class DistributionStatus(models.TextChoices):
    DRAFT = "DRAFT"
    PENDING = "PENDING"
    PLANNING = "PLANNING"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    PROCESSING = "PROCESSING"
    HELD = "HELD"
    COMPLETED = "COMPLETED"
    PARTIALLY_COMPLETED = "PARTIALLY_COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


ACTIVE = (DistributionStatus.PLANNING, DistributionStatus.AWAITING_APPROVAL, DistributionStatus.PROCESSING)
# What something or somebody still has to do with. The others only grow in number.
UNSETTLED = tuple(
    status
    for status in DistributionStatus
    if status not in (DistributionStatus.COMPLETED, DistributionStatus.CANCELLED)
)


# Where a hold finds what it covers; a global one covers all.
COVERED: dict[str, tuple[str, ...]] = {
    Hold.Scope.DISTRIBUTION: ("uid",),
    Hold.Scope.ASSET: ("asset__uid",),
    Hold.Scope.CONTRACT: ("asset__payout_contract__uid", "asset__backing_contract__uid"),
}


class DistributionQuerySet(models.QuerySet["Distribution"]):
    def due(self, now: datetime) -> "DistributionQuerySet":
        """Being planned, in nobody's hands, and not told to wait longer."""
        return self.filter(status=DistributionStatus.PLANNING, next_attempt_at__lte=now).filter(
            Q(lease_until=None) | Q(lease_until__lt=now)
        )

    def to_start(self, now: datetime) -> "DistributionQuerySet":
        """Waiting for their time, which has come. An occurrence of a paused series waits on."""
        at_record = Q(kind="PAYOUT", snapshot_id=None) | Q(kind="CORPORATE_ACTION")
        early = at_record & Q(record_at__lte=now, execute_at__isnull=False)
        due = self.filter(Q(execute_at__lte=now) | early, status=DistributionStatus.PENDING)
        return due.exclude(schedule__status=Schedule.Status.PAUSED)

    def covered_by(self, hold: Hold) -> "DistributionQuerySet":
        """The distributions that a hold of its scope stops."""
        return self.filter(covered(hold.scope, [hold.object_uid]))


def covered(scope: str, uids: Any) -> Q:
    """Distributions that holds of this scope stop, placed on these objects: their uids, or a query for them."""
    found = Q()
    for path in COVERED.get(scope, ()):
        found |= Q((f"{path}__in", uids))
    return found


class Distribution(Payable, Leased):
    """One payout to the holders of an asset. Its snapshot, once fixed, is the only one it ever has."""

    class Kind(models.TextChoices):
        PAYOUT = "PAYOUT"
        CORPORATE_ACTION = "CORPORATE_ACTION"
        BOND_CASH_OUT = "BOND_CASH_OUT"

    class Execution(models.TextChoices):
        IMMEDIATE = "IMMEDIATE"
        SCHEDULED = "SCHEDULED"
        RECURRING = "RECURRING"
        AUTOMATED = "AUTOMATED"

    AmountType = AmountType
    Missed = Missed
    Status = DistributionStatus
    TRANSITIONS = Transitions(
        ("DRAFT", "PENDING", "complete"),
        ("DRAFT", "CANCELLED", "cancelled before its start"),
        ("PENDING", "CANCELLED", "cancelled before its start"),
        ("PENDING", "PLANNING", "started"),
        ("PLANNING", "AWAITING_APPROVAL", "the plan waits for a second person"),
        ("PLANNING", "PROCESSING", "the plan is closed and the money reserved"),
        ("PLANNING", "FAILED", "it cannot be planned"),
        ("PLANNING", "CANCELLED", "cancelled before anything was sent"),
        ("AWAITING_APPROVAL", "PROCESSING", "approved"),
        ("AWAITING_APPROVAL", "CANCELLED", "cancelled before anything was sent"),
        ("PENDING", "HELD", "held"),
        ("PLANNING", "HELD", "held"),
        ("AWAITING_APPROVAL", "HELD", "held"),
        ("PROCESSING", "HELD", "held"),
        ("HELD", "PENDING", "the last hold was lifted"),
        ("HELD", "PLANNING", "the last hold was lifted"),
        ("HELD", "AWAITING_APPROVAL", "the last hold was lifted"),
        ("HELD", "PROCESSING", "the last hold was lifted"),
        ("HELD", "CANCELLED", "cancelled before anything was sent"),
        ("PROCESSING", "COMPLETED", "every line is settled"),
        ("PROCESSING", "PARTIALLY_COMPLETED", "some lines failed"),
        ("PROCESSING", "FAILED", "no line could be paid"),
        ("HELD", "COMPLETED", "every line was settled while it was held"),
        ("HELD", "PARTIALLY_COMPLETED", "what was under way ended while it was held"),
        ("HELD", "FAILED", "what was under way ended while it was held"),
        ("PARTIALLY_COMPLETED", "PROCESSING", "a retry was created"),
        ("FAILED", "PROCESSING", "a retry was created"),
        ("PARTIALLY_COMPLETED", "COMPLETED", "an event of the chain paid what had failed"),
        ("FAILED", "PARTIALLY_COMPLETED", "an event of the chain paid some of what had failed"),
        ("FAILED", "COMPLETED", "an event of the chain paid what had failed"),
    )
    LOG_FIELDS = ("uid",)

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="distributions")
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.PAYOUT)
    execution = models.CharField(max_length=10, choices=Execution.choices, default=Execution.IMMEDIATE)
    record_at = models.DateTimeField(
        null=True, blank=True, help_text="When who holds the asset counts; empty: when it starts."
    )
    execute_at = models.DateTimeField(null=True, blank=True, help_text="Empty: when a person starts it.")
    zone = models.CharField(max_length=64, default="UTC")
    missed_policy = models.CharField(max_length=8, choices=Missed.choices, default=Missed.RUN_LATE)
    schedule = models.ForeignKey(
        Schedule, null=True, blank=True, on_delete=models.PROTECT, related_name="distributions"
    )
    occurrence = models.PositiveIntegerField(
        null=True, blank=True, help_text="Its place in the series, from 0."
    )
    trigger = models.ForeignKey(
        DepositTrigger, null=True, blank=True, on_delete=models.PROTECT, related_name="distributions"
    )
    trigger_round = models.PositiveIntegerField(null=True, blank=True, help_text="ONCE: of which arming.")
    deposit = models.ForeignKey(
        Deposit, null=True, blank=True, on_delete=models.PROTECT, related_name="distributions"
    )
    corporate_action_id = models.CharField(max_length=78, null=True, blank=True)  # noqa: DJ001 - null is "none"
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=clock.now)
    started_by = models.CharField(max_length=150, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)

    snapshot_id = UnitsField(null=True, blank=True)
    snapshot_consensus_at = models.CharField(max_length=24, blank=True)
    supply_units = UnitsField(null=True, blank=True)
    holder_count = models.PositiveIntegerField(null=True, blank=True)
    pool_units = UnitsField(null=True, blank=True, help_text="The frozen pool, in base units.")
    pool_block = models.BigIntegerField(
        null=True, blank=True, help_text="The block whose balance froze the pool."
    )
    dust_units = UnitsField(null=True, blank=True, help_text="Pool minus the sum of the lines.")
    plan_hash = models.CharField(max_length=64, blank=True)
    plan_closed_at = models.DateTimeField(null=True, blank=True)
    executed_at = models.CharField(
        max_length=24, blank=True, help_text="Consensus time of the first payment."
    )
    completed_at = models.CharField(
        max_length=24, blank=True, help_text="Consensus time of the last payment."
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    status = models.CharField(
        max_length=20, choices=DistributionStatus.choices, default=DistributionStatus.PENDING
    )
    status_reason = models.TextField(blank=True)
    status_before_hold = models.CharField(max_length=20, choices=DistributionStatus.choices, blank=True)
    paid_units = UnitsField(default=0)
    paid_count = models.PositiveIntegerField(default=0)
    failed_count = models.PositiveIntegerField(default=0)
    totals_at = models.DateTimeField(null=True, blank=True, help_text="When sum and counts were taken.")
    next_attempt_at = models.DateTimeField(default=clock.now)
    next_retry_at = models.DateTimeField(
        null=True, blank=True, help_text="When failed lines may be tried again by themselves; empty: never."
    )

    objects = DistributionQuerySet.as_manager()

    class Meta:
        default_permissions = ("add", "view")
        permissions: ClassVar = [
            ("execute_distribution", "Can start a distribution"),
            ("cancel_distribution", "Can cancel a distribution that has not begun to pay"),
            ("waive_payment", "Can accept a failed payment as unpaid"),
            ("retry_distribution", "Can retry failed payments"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["asset", "snapshot_id"], name="distribution_once_per_snapshot"),
            models.UniqueConstraint(
                fields=["asset", "kind", "corporate_action_id"],
                condition=~Q(status="CANCELLED"),
                name="distribution_once_per_corporate_action",
            ),
            models.UniqueConstraint(
                fields=["schedule", "occurrence"], name="distribution_once_per_occurrence"
            ),
            models.UniqueConstraint(fields=["trigger", "deposit"], name="distribution_once_per_deposit"),
            models.UniqueConstraint(fields=["trigger", "trigger_round"], name="distribution_once_per_round"),
            models.CheckConstraint(
                condition=(Q(kind="PAYOUT") & A_SUM_OR_A_SHARE) | (~Q(kind="PAYOUT") & AS_THE_ASSET_SAYS),
                name="distribution_amount_fits_its_type",
            ),
            models.CheckConstraint(
                condition=Q(dust_units=None) | Q(dust_units__gte=0), name="distribution_dust_not_negative"
            ),
            models.CheckConstraint(
                condition=~Q(status="HELD") | ~Q(status_before_hold=""),
                name="distribution_held_remembers_status",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=Q(status="PLANNING"), name="distribution_due"),
            models.Index(
                fields=["execute_at"],
                condition=Q(status="PENDING", execute_at__isnull=False),
                name="distribution_start_due",
            ),
            models.Index(
                fields=["next_retry_at"],
                condition=Q(next_retry_at__isnull=False),
                name="distribution_retry_due",
            ),
            models.Index(fields=["status"], condition=Q(status__in=UNSETTLED), name="distribution_unsettled"),
            models.Index(fields=["ended_at"], condition=Q(ended_at__isnull=False), name="distribution_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.kind.lower()} {self.uid}"

    @property
    def is_held(self) -> bool:
        return self.status == DistributionStatus.HELD

    @property
    def starts_at(self) -> datetime | None:
        """When it starts by itself: to be planned at its record time, or to pay. None: when a person starts it."""
        starts_early = self.kind == self.Kind.CORPORATE_ACTION or (
            self.kind == self.Kind.PAYOUT and self.snapshot_id is None
        )
        if self.execute_at is not None and self.record_at is not None and starts_early:
            return min(self.record_at, self.execute_at)
        return self.execute_at

    @property
    def snapshot_subject(self) -> str:
        return f"snapshot:{self.uid}"

    @property
    def hold_scopes(self) -> list[tuple[str, str]]:
        """The objects whose holds stop this distribution, as (scope, uid)."""
        contracts = [self.asset.payout_contract, self.asset.backing_contract]
        return [
            (Hold.Scope.ASSET, self.asset.uid),
            (Hold.Scope.DISTRIBUTION, self.uid),
            *((Hold.Scope.CONTRACT, contract.uid) for contract in contracts if contract),
        ]


class PlanPage(Leased):
    """One page of the snapshot's holder list; its lines and its done flag are written in one commit."""

    distribution = models.ForeignKey(Distribution, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    view_size = models.PositiveIntegerField(default=100, help_text="Holders asked for in one view call.")
    batch_size = models.PositiveSmallIntegerField(
        default=100, help_text="Most holders of one of its batches."
    )
    holder_count = models.PositiveIntegerField(null=True)
    balance_units = UnitsField(null=True)
    expected_units = UnitsField(null=True)
    lines_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 over the page's lines.")
    done_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(default=clock.now)
    error = models.TextField(blank=True)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["distribution", "number"], name="plan_page_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["distribution", "number"], condition=Q(done_at=None), name="plan_page_open"),
        ]

    def __str__(self) -> str:
        return f"page {self.number} of {self.distribution_id}"
