"""The book of every on-chain call. A transaction is a row before it is a message."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.models.leases import Leased
from contracts.models.registry import Contract, Wallet
from contracts.transitions import Transitions


class TransactionStatus(models.TextChoices):
    PLANNED = "PLANNED"
    SIGNED = "SIGNED"
    SUBMITTED = "SUBMITTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


OPEN = (TransactionStatus.PLANNED, TransactionStatus.SIGNED, TransactionStatus.SUBMITTED)


class TransactionQuerySet(models.QuerySet["ContractTransaction"]):
    def open(self) -> "TransactionQuerySet":
        return self.filter(status__in=OPEN)

    def due(self, now: datetime) -> "TransactionQuerySet":
        """Open rows that wait for nobody's lease and whose next step has come."""
        return (
            self.open().filter(next_attempt_at__lte=now).filter(Q(lease_until=None) | Q(lease_until__lt=now))
        )

    def of(self, subject: str) -> "TransactionQuerySet":
        return self.filter(subject=subject).order_by("attempt")


class ContractTransaction(Leased):
    """One attempt at one on-chain call.

    A row's identity, once fixed, never changes: another attempt is another row, allowed only when this one
    is FAILED or EXPIRED. Rows are evidence: the database refuses to delete them.
    """

    Status = TransactionStatus
    TRANSITIONS = Transitions(
        ("PLANNED", "SIGNED", "custody signed the stored bytes"),
        ("PLANNED", "FAILED", "custody or the network refused it before it was signed"),
        ("PLANNED", "SUBMITTED", "found on chain: sent before this database was put back"),
        ("PLANNED", "EXPIRED", "never sent: its validity has passed, or nobody waits for it any more"),
        ("SIGNED", "SUBMITTED", "the stored bytes went to a node, or may have"),
        ("SIGNED", "FAILED", "the node refused it before consensus"),
        ("SIGNED", "EXPIRED", "never sent, and the chain has passed its validity"),
        ("SUBMITTED", "SUCCEEDED", "found on chain, successful"),
        ("SUBMITTED", "FAILED", "found on chain, failed"),
        ("SUBMITTED", "EXPIRED", "proved absent from the chain"),
    )
    LOG_FIELDS = ("transaction_id", "subject", "attempt")

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="transactions")
    contract = models.ForeignKey(Contract, null=True, on_delete=models.PROTECT, related_name="transactions")
    target = models.CharField(max_length=64, help_text="The contract called: 0.0.x, or C... on Stellar.")
    interface = models.CharField(
        max_length=24, help_text="Name and version of the interface, as in lccf/1.1."
    )
    function = models.CharField(max_length=64)
    arguments = models.JSONField(default=list)
    purpose = models.CharField(max_length=24)
    subject = models.CharField(max_length=64)
    group_uid = models.CharField(
        max_length=22, db_index=True, help_text="What it belongs to: a distribution."
    )
    attempt = models.PositiveSmallIntegerField()
    has_guard = models.BooleanField(help_text="The chain itself refuses to do this call's work twice.")
    gas_limit = models.PositiveIntegerField(help_text="Hedera only; Stellar has a fee for all resources.")
    max_fee_units = models.BigIntegerField(help_text="Tinybars on Hedera, stroops on Stellar.")
    memo = models.CharField(max_length=100, blank=True)

    status = models.CharField(
        max_length=10, choices=TransactionStatus.choices, default=TransactionStatus.PLANNED
    )
    waiting_reason = models.TextField(blank=True, help_text="Why the next step has to wait.")
    transaction_id = models.CharField(  # noqa: DJ001 - null until fixed
        max_length=64, null=True, unique=True, help_text="On Stellar the hash of the envelope."
    )
    sequence = models.BigIntegerField(
        null=True, help_text="Stellar only: the source account's sequence number."
    )
    valid_start_ns = models.BigIntegerField(null=True)
    valid_seconds = models.PositiveSmallIntegerField(null=True)
    identified_at = models.DateTimeField(null=True)
    custody_waiting_since = models.DateTimeField(null=True)
    broadcast_started_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(default=clock.now)
    tries = models.PositiveIntegerField(default=0)
    absent_looks = models.PositiveSmallIntegerField(default=0)
    last_absent_look_at = models.DateTimeField(null=True)
    adopted_at = models.DateTimeField(
        null=True, help_text="When it was found on chain, sent by whom this database does not know."
    )

    consensus_at = models.CharField(max_length=24, blank=True, help_text="seconds.nanoseconds")
    hash = models.CharField(max_length=96, blank=True)
    ledger = models.BigIntegerField(null=True, help_text="Stellar only: the ledger that has it.")
    result = models.JSONField(null=True)
    error_class = models.CharField(max_length=64, blank=True)
    error_text = models.TextField(blank=True)
    gas_used = models.BigIntegerField(null=True)
    fee_units = models.BigIntegerField(null=True, help_text="Tinybars on Hedera, stroops on Stellar.")

    planned_at = models.DateTimeField(default=clock.now)
    signed_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)

    objects = TransactionQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [
            ("declare_expired", "Can declare an unresolved call expired, with a second person")
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subject", "attempt"], name="transaction_once_per_attempt"),
            models.UniqueConstraint(
                fields=["subject"],
                condition=Q(status__in=("PLANNED", "SIGNED", "SUBMITTED", "SUCCEEDED")),
                name="transaction_one_open_or_successful",
            ),
            # A sequence number is used once; the next one is read when what used the last one has ended.
            models.UniqueConstraint(
                fields=["wallet"],
                condition=Q(status__in=("PLANNED", "SIGNED", "SUBMITTED"), sequence__isnull=False),
                name="transaction_one_open_per_source",
            ),
            models.CheckConstraint(
                condition=Q(status="PLANNED")
                | Q(transaction_id__isnull=False)
                | Q(status__in=("FAILED", "EXPIRED")),
                name="transaction_identified_before_signed",
            ),
            models.CheckConstraint(
                condition=~Q(status="SUBMITTED") | Q(broadcast_started_at__isnull=False),
                name="transaction_submitted_was_broadcast",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(status__in=("PLANNED", "SIGNED", "SUBMITTED")),
                name="transaction_due",
            ),
            models.Index(fields=["wallet", "-valid_start_ns"], name="transaction_by_wallet"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}:{self.attempt}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_on_stellar(self) -> bool:
        return self.wallet.is_on_stellar

    @property
    def valid_until_ns(self) -> int:
        """The end of the validity window in nanoseconds; only after the identity is fixed."""
        if self.valid_start_ns is None or self.valid_seconds is None:
            raise ValueError(f"{self} has no identity yet")
        return self.valid_start_ns + self.valid_seconds * clock.NANOSECONDS


class SignedBody(models.Model):
    """The exact bytes for one node: what custody signs and what is sent, again and again if need be."""

    transaction = models.ForeignKey(ContractTransaction, on_delete=models.PROTECT, related_name="bodies")
    node = models.CharField(max_length=32)
    body = models.BinaryField()
    body_hash = models.CharField(max_length=64, unique=True)
    external_id = models.CharField(max_length=100, unique=True)
    custody_reference = models.CharField(max_length=80, blank=True)
    signed_bytes = models.BinaryField(null=True)
    hash = models.CharField(max_length=96, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    signed_at = models.DateTimeField(null=True)
    first_sent_at = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)
    sends = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["transaction", "node"], name="body_once_per_node"),
        ]
        verbose_name_plural = "signed bodies"

    def __str__(self) -> str:
        return f"{self.transaction} at node {self.node}"


class ExpiryDeclaration(models.Model):
    """A person's word that a call is not on chain and never will be. Two different people make it EXPIRED."""

    transaction = models.ForeignKey(
        ContractTransaction, on_delete=models.PROTECT, related_name="expiry_declarations"
    )
    by = models.CharField(max_length=150)
    reason = models.TextField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["transaction", "by"], name="expiry_declared_once_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.transaction} declared expired by {self.by}"


class CustodyBudget(models.Model):
    """How many requests custody grants, as a token row all signers share. One row per custodian."""

    custodian = models.CharField(max_length=8, unique=True)
    tokens = models.FloatField(default=0)
    refilled_at = models.DateTimeField(default=clock.now)
    paused_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.custodian
