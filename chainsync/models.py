"""What the chain said: how far a contract's logs were read, and every event that was seen in them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.models import Asset, Network

MOST_ROWS = 100  # of a page: what mirror nodes give at most
LONGEST_WINDOW = 7 * 86_400 - 1  # seconds of a search by topic


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
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        default_permissions = ("view",)
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


class ChainEventQuerySet(models.QuerySet["ChainEvent"]):
    def of(self, network: str, address: str) -> "ChainEventQuerySet":
        return self.filter(network=network, address=address)

    def unprocessed(self) -> "ChainEventQuerySet":
        """Events with a key that no processor has taken: too early, quarantined, or not proved yet."""
        return self.filter(processed_at=None).exclude(key="")


class ChainEvent(models.Model):
    """One log of a followed contract, stored once, whoever saw it first, and never deleted.

    Only a log that stands in the final result of its successful transaction as well is proved and may move
    money lines: a list of logs has shown some that no transaction made.
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
    quarantine_reason = models.TextField(blank=True)

    objects = ChainEventQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
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
        ]

    def __str__(self) -> str:
        return f"{self.name or 'unknown event'} at {self.consensus_at}"
