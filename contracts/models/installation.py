"""Whose database this is: what tells this Paydate's database from a copy of it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock


class Installation(models.Model):
    """At most one row, written when the first call is about to be signed. Only a person's claim changes it."""

    is_only = models.BooleanField(default=True, unique=True, editable=False)
    instance_id = models.CharField(max_length=16, help_text="PAYDATE_INSTANCE_ID as it was then.")
    system_identifier = models.CharField(
        max_length=20,
        blank=True,
        help_text="Of the PostgreSQL cluster; empty where a person accepted that none is told.",
    )
    database_oid = models.BigIntegerField(
        help_text="Of the database in its cluster: a restored dump has another."
    )
    claimed_by = models.CharField(max_length=150)
    claimed_at = models.DateTimeField(default=clock.now)
    reason = models.TextField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(is_only=True), name="installation_only_one"),
        ]

    def __str__(self) -> str:
        return self.instance_id
