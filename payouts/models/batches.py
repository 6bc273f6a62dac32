"""Who is owed what, in which batch, and has it settled."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Concat

from contracts import clock
from contracts.fields import EvmAddressField, UnitsField
from contracts.ids import new_uid
from contracts.models import ContractTransaction, Leased
from contracts.transitions import Transitions
from payouts.models.distributions import Distribution


class BatchStatus(models.TextChoices):
    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    PARTIALLY_COMPLETED = "PARTIALLY_COMPLETED"
    FAILED = "FAILED"
    SPLIT = "SPLIT"


# Every status of a re-issue but REFUSED, by which the line is free again.
REISSUE_LIVES = ("REQUESTED", "APPROVED", "PAID", "FAILED")
OPEN_BATCHES = (BatchStatus.PENDING, BatchStatus.PROCESSING)


class BatchQuerySet(models.QuerySet["Batch"]):
    def open(self) -> "BatchQuerySet":
        return self.filter(status__in=OPEN_BATCHES)

    def due(self, now: datetime) -> "BatchQuerySet":
        """Batches under way that are in nobody's hands, whose next step has come and whose call has ended."""
        free = self.filter(status=BatchStatus.PROCESSING, next_attempt_at__lte=now).filter(
            Q(lease_until=None) | Q(lease_until__lt=now)
        )
        calls = ContractTransaction.objects.open().filter(subject=Concat(Value("batch:"), OuterRef("uid")))
        return free.exclude(Exists(calls))


class Batch(Leased):
    """A frozen list of holders paid by one call at a time."""

    class Kind(models.TextChoices):
        FIRST = "FIRST"
        RETRY = "RETRY"
        SPLIT_CHILD = "SPLIT_CHILD"

    Status = BatchStatus
    TRANSITIONS = Transitions(
        ("PENDING", "PROCESSING", "its call was planned"),
        ("PROCESSING", "COMPLETED", "every holder is paid"),
        ("PROCESSING", "PARTIALLY_COMPLETED", "some holders were not paid"),
        ("PROCESSING", "FAILED", "no holder was paid"),
        ("PENDING", "FAILED", "it cannot be paid"),
        ("PENDING", "SPLIT", "cut into smaller batches"),
        ("PROCESSING", "SPLIT", "cut into smaller batches"),
    )
    LOG_FIELDS = ("uid", "number", "total")

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    distribution = models.ForeignKey(Distribution, on_delete=models.PROTECT, related_name="batches")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.FIRST)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    holders = ArrayField(EvmAddressField(), help_text="The frozen list, in the order it is sent.")
    status = models.CharField(max_length=20, choices=BatchStatus.choices, default=BatchStatus.PENDING)
    total = models.PositiveIntegerField()
    successful = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    error_text = models.TextField(blank=True)
    waiting_reason = models.TextField(blank=True)
    retry_count = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=clock.now)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        verbose_name_plural = "batches"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["distribution", "number"], name="batch_once_per_number"),
            models.CheckConstraint(
                condition=Q(total__gt=0, total__lte=100), name="batch_size_within_ceiling"
            ),
            models.CheckConstraint(
                condition=Q(successful__lte=F("total") - F("failed")), name="batch_counts_fit_its_total"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=Q(status="PROCESSING"), name="batch_due"),
            models.Index(
                fields=["distribution", "number"], condition=Q(status="PENDING"), name="batch_waiting"
            ),
            models.Index(
                fields=["distribution"], condition=Q(status__in=("PENDING", "PROCESSING")), name="batch_open"
            ),
            models.Index(
                fields=["settled_at", "status"], condition=Q(settled_at__isnull=False), name="batch_settled"
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.number} of {self.distribution_id}"

    @property
    def subject(self) -> str:
        return f"batch:{self.uid}"


class PaymentQuerySet(models.QuerySet["Payment"]):
    def failed(self) -> "PaymentQuerySet":
        return self.filter(status="FAILED")

    def tried_again_by_itself(self) -> "PaymentQuerySet":
        """Failed lines that have an automatic retry left."""
        return self.failed().free_of_reissue().filter(retries__lt=settings.MAX_BATCH_RETRIES)

    def free_of_reissue(self) -> "PaymentQuerySet":
        """Without the lines that are, or may be, paid to another wallet: nothing else may be done with those."""
        return self.exclude(reissues__status__in=REISSUE_LIVES)

    def given_up(self) -> "PaymentQuerySet":
        """Failed lines that nothing but a person will try again; those of a run under way are not judged yet."""
        is_over = ~Q(distribution__status__in=("PROCESSING", "HELD")) & Q(distribution__next_retry_at=None)
        return self.failed().filter(Q(retries__gte=settings.MAX_BATCH_RETRIES) | is_over)


class Payment(models.Model):
    """One holder of one distribution. It exists before anything is sent, and PAID never leaves."""

    class Status(models.TextChoices):
        PENDING = "PENDING"
        PAID = "PAID"
        FAILED = "FAILED"
        SKIPPED = "SKIPPED"
        REISSUED = "REISSUED"
        WAIVED = "WAIVED"

    class Cause(models.TextChoices):
        """Why the contract reported a holder as failed: what was probed and proved, or that nothing was."""

        NO_ACCOUNT = "NO_ACCOUNT"
        NOT_ASSOCIATED = "NOT_ASSOCIATED"
        FROZEN = "FROZEN"
        NO_KYC = "NO_KYC"
        INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
        CALL_FAILED = "CALL_FAILED"
        UNKNOWN = "UNKNOWN"

    class Difference(models.TextChoices):
        UNDERPAID = "UNDERPAID"
        OVERPAID = "OVERPAID"
        PAID_TWICE = "PAID_TWICE"
        PAID_AFTER_WAIVER = "PAID_AFTER_WAIVER"
        PAID_AFTER_REISSUE = "PAID_AFTER_REISSUE"
        NOT_EXPECTED = "NOT_EXPECTED"

    TRANSITIONS = Transitions(
        ("PENDING", "PAID", "the chain says so"),
        ("PENDING", "FAILED", "the contract reported it as failed"),
        ("FAILED", "PENDING", "in a retry"),
        ("FAILED", "PAID", "an event of the chain says so"),
        ("FAILED", "WAIVED", "accepted as unpaid"),
        ("FAILED", "REISSUED", "paid to another wallet of the holder"),
        ("WAIVED", "PAID", "an event of the chain says so"),
        ("SKIPPED", "PAID", "an event of the chain says so"),
    )

    # Two unique constraints begin with it; a third index would be one more write for every line.
    distribution = models.ForeignKey(
        Distribution, on_delete=models.PROTECT, related_name="payments", db_index=False
    )
    batch = models.ForeignKey(Batch, null=True, on_delete=models.PROTECT, related_name="payments")
    ordinal = models.PositiveIntegerField(help_text="Place in the snapshot's holder list, from 0.")
    holder = EvmAddressField()
    balance_units = UnitsField()
    expected_units = UnitsField()
    paid_units = UnitsField(default=0)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    failure_cause = models.CharField(
        max_length=24, choices=Cause.choices, blank=True, help_text="As far as it was proved."
    )
    failure_reason = models.TextField(blank=True)
    difference = models.CharField(
        max_length=24,
        choices=Difference.choices,
        blank=True,
        help_text="How the paid amount differs, if it does.",
    )
    paid_at = models.CharField(max_length=24, blank=True, help_text="Consensus time of the payment.")
    retries = models.PositiveSmallIntegerField(
        default=0,
        help_text="How often it was tried again by itself, a look that found the cause still there included.",
    )

    objects = PaymentQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["distribution", "holder"], name="payment_once_per_holder"),
            models.UniqueConstraint(fields=["distribution", "ordinal"], name="payment_once_per_place"),
            models.CheckConstraint(
                condition=Q(balance_units__gte=0, expected_units__gte=0, paid_units__gte=0),
                name="payment_units_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(status="PAID") | Q(status="REISSUED") | Q(paid_units=0),
                name="payment_paid_units_mean_paid",
            ),
            models.CheckConstraint(
                condition=~Q(status="PAID") | ~Q(paid_at=""), name="payment_paid_has_consensus_time"
            ),
            models.CheckConstraint(
                condition=~Q(status="SKIPPED") | Q(expected_units=0), name="payment_skipped_owes_nothing"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["distribution", "status"], name="payment_by_status"),
            models.Index(fields=["distribution"], condition=Q(status="FAILED"), name="payment_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.holder}: {self.expected_units}"
