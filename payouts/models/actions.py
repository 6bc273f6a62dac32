"""Dividends and coupons as the asset contract tells them."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.fields import UnitsField
from contracts.models import Asset


class ActionImport(models.Model):
    """Whether the corporate actions of an asset become distributions by themselves, and how often they are read."""

    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, related_name="action_import")
    enabled = models.BooleanField(default=False)
    every = models.DurationField(default=timedelta(hours=1), help_text="How often they are read.")
    next_read_at = models.DateTimeField(default=clock.now)
    read_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return f"corporate actions of {self.asset_id}"


class CorporateAction(models.Model):
    """One dividend or coupon, as last read. An asset has one kind of them, so its number tells which."""

    class Type(models.TextChoices):
        DIVIDEND = "DIVIDEND"
        COUPON = "COUPON"

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="corporate_actions")
    type = models.CharField(max_length=8, choices=Type.choices)
    number = models.PositiveIntegerField()
    record_at = models.DateTimeField()
    execute_at = models.DateTimeField(help_text="From this block time on it can be paid.")
    snapshot_id = UnitsField(default=0, help_text="0: the record-date snapshot is not taken yet.")
    value = UnitsField(help_text="DIVIDEND: amount per token; COUPON: rate.")
    value_decimals = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    is_cancelled = models.BooleanField(default=False)
    as_of = models.DateTimeField(help_text="The end of the block in which it was read.")

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["asset", "number"], name="corporate_action_once"),
            models.CheckConstraint(condition=Q(number__gt=0), name="corporate_action_counts_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.type.lower()} {self.number}"
