"""Money counted on by runs, so that two runs never count on the same units."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.fields import UnitsField
from contracts.models import Contract


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
