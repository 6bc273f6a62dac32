"""What a second person has to agree to, and a payment that goes to the holder's new wallet."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from contracts import clock
from contracts.fields import EvmAddressField, UnitsField
from contracts.ids import new_uid
from contracts.transitions import Transitions
from payouts.models.batches import Payment
from payouts.models.distributions import Distribution


class Reissue(models.Model):
    """A payment that could not be made, paid to another wallet of the same holder. Once for a payment, for ever."""

    class Status(models.TextChoices):
        REQUESTED = "REQUESTED"
        APPROVED = "APPROVED"
        PAID = "PAID"
        FAILED = "FAILED"
        REFUSED = "REFUSED"

    TRANSITIONS = Transitions(
        ("REQUESTED", "APPROVED", "a second person agreed"),
        ("REQUESTED", "REFUSED", "refused"),
        ("REQUESTED", "PAID", "its transfer was found on chain"),
        ("APPROVED", "PAID", "the chain says so"),
        ("APPROVED", "FAILED", "its transfer failed"),
        ("APPROVED", "REFUSED", "given up before its transfer was sent"),
        ("FAILED", "APPROVED", "tried again"),
        ("FAILED", "PAID", "its transfer was found on chain"),
        ("FAILED", "REFUSED", "given up"),
    )
    LOG_FIELDS = ("uid",)

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="reissues")
    wallet = EvmAddressField(help_text="The holder's new wallet.")
    units = UnitsField()
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.REQUESTED)
    status_reason = models.TextField(blank=True)
    reason = models.TextField(help_text="How the holder proved that the wallet is theirs.")
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField(default=clock.now)
    paid_at = models.CharField(max_length=24, blank=True, help_text="Consensus time of the payment.")
    next_attempt_at = models.DateTimeField(default=clock.now)

    class Meta:
        default_permissions = ("add", "view")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["payment"], condition=~Q(status="REFUSED"), name="reissue_once_per_payment"
            ),
            models.CheckConstraint(condition=Q(units__gt=0), name="reissue_of_something"),
            models.CheckConstraint(
                condition=~Q(status="PAID") | ~Q(paid_at=""), name="reissue_paid_has_consensus_time"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=Q(status="APPROVED"), name="reissue_due"),
        ]

    def __str__(self) -> str:
        return f"re-issue of {self.payment.holder} to {self.wallet}"

    @property
    def subject(self) -> str:
        return f"reissue:{self.uid}"


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def open(self) -> "ApprovalQuerySet":
        return self.filter(decided_at=None, voided_at=None)


class Approval(models.Model):
    """A second person's word on exactly what the hash names; any change of that voids it."""

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    distribution = models.ForeignKey(
        Distribution, null=True, blank=True, on_delete=models.PROTECT, related_name="approvals"
    )
    reissue = models.ForeignKey(
        Reissue, null=True, blank=True, on_delete=models.PROTECT, related_name="approvals"
    )
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of what is approved.")
    words = models.TextField(help_text="The same for a person.")
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField(default=clock.now)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    is_approved = models.BooleanField(null=True, blank=True)
    reason = models.TextField(blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [("decide_approval", "Can approve or refuse what another person asked for")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(distribution=None, reissue__isnull=False)
                | Q(distribution__isnull=False, reissue=None),
                name="approval_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(decided_by="") | ~Q(decided_by=F("requested_by")),
                name="approval_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, is_approved=None, decided_by="")
                | (Q(decided_at__isnull=False, is_approved__isnull=False) & ~Q(decided_by="")),
                name="approval_decided_says_by_whom",
            ),
            models.UniqueConstraint(
                fields=["distribution"],
                condition=Q(decided_at=None, voided_at=None, distribution__isnull=False),
                name="approval_one_open_per_distribution",
            ),
            models.UniqueConstraint(
                fields=["reissue"],
                condition=Q(decided_at=None, voided_at=None, reissue__isnull=False),
                name="approval_one_open_per_reissue",
            ),
        ]

    def __str__(self) -> str:
        return self.words
