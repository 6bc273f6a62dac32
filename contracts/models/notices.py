"""What people were told by e-mail, and when it was over: one notice per object and cause."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.ids import new_uid


class NoticeQuerySet(models.QuerySet["Notice"]):
    def open(self) -> "NoticeQuerySet":
        return self.filter(resolved_at=None)

    def unsaid(self) -> "NoticeQuerySet":
        """Of which a mail has not left: the first one, or the one that says it is over."""
        return self.filter(Q(sent_at=None) | Q(resolved_at__isnull=False, resolution_sent_at=None))

    def unsent(self, now: datetime) -> "NoticeQuerySet":
        """Of which a mail is due."""
        return self.unsaid().filter(next_attempt_at__lte=now)


class Notice(models.Model):
    """Stays open as long as its cause; one mail when it begins and one when it is over, whatever happens between."""

    class Cause(models.TextChoices):
        BLOCKED = "BLOCKED", "A contract is blocked"
        SHORT = "SHORT", "A payout contract lacks money"
        CHECKS_FAIL = "CHECKS_FAIL", "Reserve checks fail again and again"
        DEFICIT_EXPECTED = "DEFICIT_EXPECTED", "A deficit is to be expected"
        LIFE_ENDS = "LIFE_ENDS", "A contract's state is about to be archived"
        NOT_FOLLOWED = "NOT_FOLLOWED", "Nothing is read from the chain"
        QUARANTINED = "QUARANTINED", "Events of the chain could not be processed"
        DIFFERS = "DIFFERS", "Stored events differ from the chain"
        PAID_TWICE = "PAID_TWICE", "A payment was made twice"
        UNCLAIMED = "UNCLAIMED", "Payments have been unclaimed for long"
        UNCLAIMED_EXPIRED = "UNCLAIMED_EXPIRED", "Unclaimed payments have expired"

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    noun = models.CharField(max_length=40, help_text="The kind of object, as in contract.")
    object_uid = models.CharField(max_length=22)
    object_label = models.CharField(max_length=160)
    cause = models.CharField(max_length=20, choices=Cause.choices)
    title = models.CharField(max_length=200)
    text = models.TextField()
    opened_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.TextField(blank=True)
    resolution_sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=clock.now)
    last_error = models.TextField(blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["noun", "object_uid", "cause"],
                condition=Q(resolved_at=None),
                name="notice_open_once_per_cause",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(sent_at=None) | Q(resolved_at__isnull=False, resolution_sent_at=None),
                name="notice_unsent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cause} of {self.object_label}"
