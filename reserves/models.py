"""Money counted on by runs, so that two runs never count on the same units."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.fields import UnitsField
from contracts.ids import new_uid
from contracts.models import Contract, Leased
from contracts.transitions import Transitions


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def open(self) -> "ReservationQuerySet":
        return self.filter(closed_at=None)


class Reservation(models.Model):
    """Units of a contract's balance that one distribution counts on.

    It shrinks by a draw for every batch proved paid, and closes when no line is waiting any more.
    """

    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="reservations")
    distribution_uid = models.CharField(max_length=22, unique=True)
    units = UnitsField()
    drawn_units = UnitsField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(units__gte=0), name="reservation_not_negative"),
            models.CheckConstraint(condition=Q(drawn_units__gte=0), name="reservation_drawn_not_negative"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["contract"], condition=Q(closed_at=None), name="reservation_open"),
        ]

    def __str__(self) -> str:
        return f"{self.units} for {self.distribution_uid}"

    @property
    def remaining_units(self) -> int:
        """What is still counted on; 0 when more was paid than was planned."""
        return max(0, self.units - self.drawn_units)


class Draw(models.Model):
    """Units of a reservation that the chain paid, with the consensus time that proves it."""

    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="draws")
    subject = models.CharField(max_length=64, unique=True, help_text="The event of the chain that paid.")
    units = UnitsField()
    consensus_ns = models.BigIntegerField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [models.CheckConstraint(condition=Q(units__gte=0), name="draw_not_negative")]
        indexes: ClassVar = [models.Index(fields=["reservation", "consensus_ns"], name="draw_by_time")]

    def __str__(self) -> str:
        return f"{self.units} by {self.subject}"


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

    class Outcome(models.TextChoices):
        """What the answer did to the contract."""

        NOTHING = "", "nothing"
        BLOCKED = "BLOCKED", "blocked it"
        STILL_BLOCKED = "STILL_BLOCKED", "left it blocked"
        ACCEPTED = "ACCEPTED", "is within the accepted deficit"
        RELEASED = "RELEASED", "released it"
        OUTDATED = "OUTDATED", "came after a newer answer and changed nothing"

    TRANSITIONS = Transitions(
        ("PENDING", "PROCESSED", "the chain has answered"),
        ("PENDING", "FAILED", "the chain could not be asked, or refused"),
    )
    LOG_FIELDS = ("uid", "contract_id")

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="checks")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField(default=clock.now)
    next_attempt_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    required_funds_units = UnitsField(null=True, blank=True)
    ledger = models.BigIntegerField(null=True, blank=True, help_text="The answer holds as of this ledger.")
    checked_at = models.DateTimeField(null=True, blank=True)
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
        ]

    def __str__(self) -> str:
        return f"check of {self.contract} at {self.requested_at:%Y-%m-%d %H:%M:%S}"
