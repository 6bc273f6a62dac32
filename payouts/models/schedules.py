"""What makes distributions by itself: a series in time, and money that comes in."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.fields import UnitsField
from contracts.ids import new_uid
from contracts.models import Asset
from contracts.transitions import Transitions
from payouts.models.amounts import A_SUM_OR_A_SHARE, Payable


class Missed(models.TextChoices):
    """What becomes of a payout whose time passed while Paydate was down."""

    RUN_LATE = "RUN_LATE", "run late"
    ASK = "ASK", "ask a person"
    SKIP = "SKIP", "skip"


class Schedule(Payable):
    """A recurring series. Occurrence n is computed from the anchor, never from the one before it."""

    class Frequency(models.TextChoices):
        HOURLY = "HOURLY"
        DAILY = "DAILY"
        WEEKLY = "WEEKLY"
        MONTHLY = "MONTHLY"

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        PAUSED = "PAUSED"
        FINISHED = "FINISHED"
        CANCELLED = "CANCELLED"

    TRANSITIONS = Transitions(
        ("ACTIVE", "PAUSED", "paused"),
        ("PAUSED", "ACTIVE", "resumed"),
        ("ACTIVE", "FINISHED", "its last occurrence was created"),
        ("ACTIVE", "CANCELLED", "cancelled"),
        ("PAUSED", "CANCELLED", "cancelled"),
    )
    LOG_FIELDS = ("uid",)

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="schedules")
    frequency = models.CharField(max_length=8, choices=Frequency.choices)
    anchor_at = models.DateTimeField(help_text="The first occurrence.")
    zone = models.CharField(max_length=64, default="UTC", help_text="Whose wall clock the occurrences keep.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="No occurrence after this time.")
    count = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="So many occurrences."
    )
    next_number = models.PositiveIntegerField(
        default=0, help_text="The occurrence that is created next, from 0."
    )
    next_at = models.DateTimeField(
        null=True, blank=True, help_text="When that one is due; empty: none is left."
    )
    skipped = ArrayField(models.PositiveIntegerField(), default=list, blank=True)
    missed_policy = models.CharField(max_length=8, choices=Missed.choices, default=Missed.RUN_LATE)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.ACTIVE)
    status_reason = models.TextField(blank=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        default_permissions = ("add", "view")
        permissions: ClassVar = [("control_schedule", "Can pause, resume, skip and cancel a series")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=A_SUM_OR_A_SHARE, name="schedule_amount_fits_its_type"),
            models.CheckConstraint(condition=Q(count=None) | Q(count__gt=0), name="schedule_counts_some"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=Q(status="ACTIVE"), name="schedule_due"),
        ]

    def __str__(self) -> str:
        return f"{self.frequency.lower()} series {self.uid}"


class DepositTrigger(Payable):
    """Starts a distribution when enough money has come to the payout contract."""

    class Mode(models.TextChoices):
        EACH = "EACH", "for each deposit"
        ONCE = "ONCE", "once, until it is armed again"

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="deposit_triggers")
    mode = models.CharField(max_length=4, choices=Mode.choices)
    threshold_units = UnitsField(help_text="A deposit below this starts nothing.")
    armed_at = models.DateTimeField(
        null=True, blank=True, help_text="Deposits from then on count; empty: it is not armed."
    )
    round = models.PositiveIntegerField(default=0, help_text="How often it was armed.")
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        default_permissions = ("add", "view")
        permissions: ClassVar = [("arm_deposittrigger", "Can arm and disarm a deposit trigger")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=A_SUM_OR_A_SHARE, name="trigger_amount_fits_its_type"),
            models.CheckConstraint(condition=Q(threshold_units__gt=0), name="trigger_threshold_positive"),
        ]

    def __str__(self) -> str:
        return f"deposit trigger {self.uid}"
