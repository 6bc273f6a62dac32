"""What the chain said: how far a contract's logs were read, and every event that was seen in them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.fields import UnitsField
from contracts.ids import new_uid
from contracts.models import Asset, Contract, Network, Token

MOST_ROWS = 100  # of a page: what mirror nodes give at most
LONGEST_WINDOW = 7 * 86_400 - 1  # seconds of a search by topic


def trouble_of(reason: str) -> str:
    """The line of a traceback that names the error; other words as they are."""
    if not reason.startswith("Traceback "):
        return reason
    _, _, last = reason.rpartition("\n  File ")
    return next((line for line in last.splitlines()[1:] if line and not line.startswith(" ")), reason)


class EventListener(models.Model):
    """One followed address. Its row is the lock under which events are stored and applied.

    The cursor stays a minute behind the chain, because the newest logs of a mirror node may be incomplete and
    are read again; ``reached_at`` and ``read_until`` say how far the last reading got.
    """

    class Kind(models.TextChoices):
        CONTRACT = "CONTRACT", "Payout or investment contract"
        ASSET = "ASSET", "Asset token"
        TOKEN = "TOKEN", "Payment token"
        REPORTS = "REPORTS", "Contract that reports about an asset"

    uid = models.CharField(max_length=22, unique=True, default=new_uid, editable=False)
    network = models.CharField(max_length=20, choices=Network.choices)
    address = models.CharField(max_length=64, help_text="0.0.x on Hedera, C... on Stellar.")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.CONTRACT)
    interface = models.CharField(
        max_length=24,
        blank=True,
        help_text="Of a contract that reports, as in reports/seed; others have their own.",
    )
    asset = models.ForeignKey(
        Asset,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reporters",
        help_text="What a contract that reports is about.",
    )
    enabled = models.BooleanField(default=True)
    cursor_at = models.CharField(
        max_length=24, blank=True, help_text="Consensus time from which the next reading starts."
    )
    cursor_index = models.IntegerField(default=-1, help_text="Index of the last log at that time.")
    cursor = models.CharField(
        max_length=64,
        blank=True,
        help_text="Stellar only: after which of the RPC's events the next reading starts.",
    )
    interval_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="From look to look while nothing is awaited; empty: as the settings say.",
    )
    next_read_at = models.DateTimeField(default=clock.now)
    failures = models.PositiveSmallIntegerField(default=0, help_text="Looks in a row that failed.")
    reached_at = models.CharField(
        max_length=24, blank=True, help_text="Consensus time of the newest log seen."
    )
    read_until = models.CharField(
        max_length=24, blank=True, help_text="The end of the chain when the last reading began."
    )
    read_at = models.DateTimeField(
        null=True, blank=True, help_text="When a reading last showed at least what was known already."
    )
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="The last reading that somebody waited for."
    )
    rescanned_at = models.DateTimeField(
        null=True, blank=True, help_text="When the last minutes before the cursor were last read once more."
    )
    lag_seconds = models.IntegerField(
        null=True, blank=True, help_text="How far the mirror node was behind at the last reading."
    )
    page_rows = models.PositiveSmallIntegerField(
        default=MOST_ROWS, help_text="Logs asked for at once: fewer after failures and slow answers."
    )
    window_seconds = models.PositiveIntegerField(
        default=LONGEST_WINDOW,
        help_text="Time searched at once by topic, for payment tokens: less after failures and slow answers.",
    )
    last_error = models.TextField(blank=True)
    missed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When two intervals were first found to have passed without a success.",
    )
    reconciled_until = models.CharField(
        max_length=24, blank=True, help_text="Consensus time up to which its events were compared."
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [("switch_listener", "Can switch listeners on and off")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["network", "address"], name="listener_once_per_address"),
            models.CheckConstraint(
                condition=(Q(kind="REPORTS") & ~Q(interface="") & Q(asset__isnull=False))
                | (~Q(kind="REPORTS") & Q(interface="", asset=None)),
                name="listener_reports_about_an_asset",
            ),
            models.CheckConstraint(
                condition=Q(page_rows__gte=1, page_rows__lte=MOST_ROWS), name="listener_page_rows_in_range"
            ),
            models.CheckConstraint(
                condition=Q(window_seconds__gte=1, window_seconds__lte=LONGEST_WINDOW),
                name="listener_window_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} on {self.network}"


QUARANTINED = Q(processed_at=None) & ~Q(quarantine_reason="") & (Q(is_proved=True) | Q(key=""))


class ChainEventQuerySet(models.QuerySet["ChainEvent"]):
    def of(self, network: str, address: str) -> "ChainEventQuerySet":
        return self.filter(network=network, address=address)

    def unprocessed(self) -> "ChainEventQuerySet":
        """Events with a key that no processor has taken: too early, quarantined, or not proved yet."""
        return self.filter(processed_at=None).exclude(key="")

    def quarantined(self) -> "ChainEventQuerySet":
        """Events that could not be read, or at which a processor failed; not those that are merely not proved."""
        return self.filter(QUARANTINED)

    def not_proved(self) -> "ChainEventQuerySet":
        """Events that would mean something, and that no transaction's result has shown yet."""
        return self.unprocessed().filter(is_proved=False)


class ChainEvent(models.Model):
    """One log of a followed contract, stored once, whoever saw it first, and never deleted.

    Only a log that stands in the final result of its successful transaction as well is proved and may move
    money lines: a list of logs has shown some that no transaction made. One that only has the chain asked what is
    true now counts as proved by itself.
    """

    network = models.CharField(max_length=20, choices=Network.choices)
    address = models.CharField(max_length=64, help_text="The contract that emitted it: 0.0.x.")
    consensus_at = models.CharField(max_length=24, help_text="seconds.nanoseconds")
    log_index = models.PositiveIntegerField(
        help_text="Its place in the transaction; on Stellar in the ledger: the transaction's order x 4096 + its place."
    )
    name = models.CharField(max_length=64, blank=True, help_text="Empty: not an event of the interface.")
    key = models.CharField(
        max_length=96, blank=True, help_text="What it is about, as in snapshot:12; empty: nothing of ours."
    )
    args = models.JSONField(default=dict, help_text="Decoded arguments.")
    topics = models.JSONField(default=list)
    data = models.BinaryField(blank=True)
    transaction_hash = models.CharField(max_length=96, blank=True)
    block = models.BigIntegerField(null=True, blank=True, help_text="The ledger on Stellar.")
    is_proved = models.BooleanField(default=False)
    seen_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)
    quarantine_reason = models.TextField(
        blank=True, help_text="In one line, or the traceback of the processor that failed."
    )

    objects = ChainEventQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [("replay_event", "Can replay events")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["network", "address", "consensus_at", "log_index"], name="event_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["network", "address", "key"], name="event_by_key"),
            models.Index(
                fields=["network", "address", "key"],
                condition=Q(processed_at=None) & ~Q(key=""),
                name="event_unprocessed",
            ),
            models.Index(
                fields=["network", "address"],
                condition=Q(processed_at=None) & ~Q(quarantine_reason=""),
                name="event_quarantined",
            ),
            models.Index(fields=["seen_at"], name="event_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.name or 'unknown event'} at {self.consensus_at}"

    @property
    def trouble(self) -> str:
        """The reason in one line: of a traceback the error itself, which may be followed by details."""
        return trouble_of(self.quarantine_reason)


class Deposit(models.Model):
    """Money that came to a payout contract, once for each transaction, whether a log or a list told it first."""

    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="deposits")
    token = models.ForeignKey(Token, on_delete=models.PROTECT, related_name="deposits")
    consensus_at = models.CharField(max_length=24, help_text="seconds.nanoseconds")
    units = UnitsField()
    sender = models.CharField(
        max_length=64, blank=True, help_text="0.0.x as a list says it, or 20 bytes of a log."
    )
    transaction_id = models.CharField(max_length=64, blank=True, help_text="Known from lists only.")
    seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contract", "token", "consensus_at"], name="deposit_once"),
            models.CheckConstraint(condition=Q(units__gt=0), name="deposit_of_something"),
        ]

    def __str__(self) -> str:
        return f"{self.units} units to {self.contract} at {self.consensus_at}"


class DifferenceQuerySet(models.QuerySet["Difference"]):
    def of(self, network: str, address: str) -> "DifferenceQuerySet":
        return self.filter(network=network, address=address)

    def open(self) -> "DifferenceQuerySet":
        return self.filter(healed_at=None, resolved_at=None)


class Difference(models.Model):
    """In what the events of a followed contract differ from the chain: one row for each day and kind.

    It is over when a later comparison finds no difference, or when a person resolves it. It stays as evidence.
    """

    class Kind(models.TextChoices):
        MISSED = "MISSED", "Events had been missed"
        NOT_ON_CHAIN = "NOT_ON_CHAIN", "Stored events that the chain does not show"
        OTHER_BYTES = "OTHER_BYTES", "Stored events that the chain shows otherwise"
        PAID_SUM = "PAID_SUM", "The sum that was paid"

    network = models.CharField(max_length=20, choices=Network.choices)
    address = models.CharField(max_length=64, help_text="The contract that emitted the events.")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    day = models.DateField(help_text="UTC; of a paid sum the day of its first event.")
    subject = models.CharField(
        max_length=96, blank=True, help_text="What the sum is about, as in snapshot:12."
    )
    count = models.PositiveIntegerField(default=0, help_text="Events, or lines of a sum, that differ.")
    expected_units = UnitsField(null=True, blank=True, help_text="What the chain says was paid.")
    found_units = UnitsField(null=True, blank=True, help_text="What is booked as paid.")
    words = models.TextField()
    compared_until = models.CharField(
        max_length=24, help_text="Consensus time up to which it was looked for."
    )
    found_at = models.DateTimeField(default=clock.now)
    seen_at = models.DateTimeField(default=clock.now, help_text="When a comparison last found it.")
    healed_at = models.DateTimeField(
        null=True, blank=True, help_text="When what was missing was added, or no difference found any more."
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    resolution = models.TextField(blank=True)

    objects = DifferenceQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [("resolve_difference", "Can resolve differences from the chain")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["network", "address", "kind", "day", "subject"], name="difference_once"
            ),
            models.CheckConstraint(
                condition=Q(resolved_at=None, resolved_by="")
                | (Q(resolved_at__isnull=False) & ~Q(resolved_by="") & ~Q(resolution="")),
                name="difference_resolved_by_somebody",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["found_at"], condition=Q(healed_at=None, resolved_at=None), name="difference_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.address} on {self.day:%Y-%m-%d} {self.subject}".strip()
