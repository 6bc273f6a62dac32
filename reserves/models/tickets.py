"""Tickets: one question about a reserve each, and the chain's answer."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.fields import UnitsField
from contracts.ids import new_uid
from contracts.models import Contract, ContractTransaction, Leased
from contracts.transitions import Transitions


class PaymentAvailabilityQuerySet(models.QuerySet["PaymentAvailability"]):
    def open(self) -> "PaymentAvailabilityQuerySet":
        return self.filter(status=PaymentAvailability.Status.PENDING)

    def due(self, now: datetime) -> "PaymentAvailabilityQuerySet":
        is_free = Q(lease_until=None) | Q(lease_until__lt=now)
        return self.open().filter(is_free, next_attempt_at__lte=now)


class PaymentAvailability(Leased):
    """One question whether a contract's reserve covers what is due next, and the chain's answer: a ticket."""

    class Status(models.TextChoices):
        PENDING = "PENDING"
        PROCESSED = "PROCESSED"
        FAILED = "FAILED"

    class Mode(models.TextChoices):
        """How the chain is asked; the setting's value when the ticket was written."""

        SIMULATE = "simulate", "simulated"
        SUBMIT = "submit", "signed"
        ON_CHANGE = "on_change", "simulated, and signed where it changes the state"

    class Outcome(models.TextChoices):
        """What the answer did to the contract."""

        NOTHING = "", "nothing"
        BLOCKED = "BLOCKED", "blocked it"
        SHORT = "SHORT", "found money missing"
        STILL_BLOCKED = "STILL_BLOCKED", "left it blocked"
        ACCEPTED = "ACCEPTED", "is within the accepted deficit"
        RELEASED = "RELEASED", "released it"
        OUTDATED = "OUTDATED", "is of no newer ledger than the last answer: changed nothing"

    TRANSITIONS = Transitions(
        ("PENDING", "PROCESSED", "the chain has answered"),
        ("PENDING", "FAILED", "the chain could not be asked, or refused"),
    )
    LOG_FIELDS = ("uid", "contract_id")

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="checks")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    mode = models.CharField(max_length=9, choices=Mode.choices, default=Mode.SIMULATE)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(null=True, blank=True, help_text="When it was first taken up.")
    next_attempt_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    is_asked_again = models.BooleanField(
        default=False, help_text="Something changed on chain meanwhile: another ticket follows its end."
    )
    required_funds_units = UnitsField(null=True, blank=True)
    ledger = models.BigIntegerField(
        null=True, blank=True, help_text="The answer holds as of this ledger; of this block on Hedera."
    )
    balance_units = UnitsField(null=True, blank=True, help_text="Hedera only: what the contract has.")
    due_units = UnitsField(null=True, blank=True, help_text="Hedera only: what is due within the horizon.")
    own_units = UnitsField(
        null=True,
        blank=True,
        help_text="What is missing by our own calendar, where the investments are known.",
    )
    transaction = models.ForeignKey(
        ContractTransaction, null=True, blank=True, on_delete=models.PROTECT, related_name="checks"
    )
    signed_units = UnitsField(null=True, blank=True, help_text="What the signed call returned.")
    signed_ledger = models.BigIntegerField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it was PROCESSED or FAILED.")
    outcome = models.CharField(max_length=13, choices=Outcome.choices, blank=True)
    note = models.TextField(blank=True)
    error_class = models.CharField(max_length=64, blank=True)
    error_text = models.TextField(blank=True)

    objects = PaymentAvailabilityQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        verbose_name_plural = "payment availabilities"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["contract"], condition=Q(status="PENDING"), name="ticket_open_once_per_contract"
            ),
            models.CheckConstraint(
                condition=~Q(status="PROCESSED")
                | Q(required_funds_units__gte=0, ledger__isnull=False, checked_at__isnull=False),
                name="ticket_processed_has_its_answer",
            ),
            models.CheckConstraint(
                condition=~Q(status="FAILED") | ~Q(error_class=""), name="ticket_failed_says_why"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=Q(status="PENDING"), name="ticket_due"),
            models.Index(fields=["contract", "requested_at"], name="ticket_by_contract"),
            models.Index(fields=["ended_at"], name="ticket_by_end"),
        ]

    def __str__(self) -> str:
        return f"check of {self.contract} at {self.requested_at:%Y-%m-%d %H:%M:%S}"

    @property
    def subject(self) -> str:
        """Of the signed calls that this ticket makes."""
        return f"check:{self.uid}"

    @property
    def duration(self) -> timedelta | None:
        """From being asked for to its end; None while it is open."""
        return self.ended_at - self.requested_at if self.ended_at else None
