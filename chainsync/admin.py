"""What the chain said, and how far it was read."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chainsync.models import ChainEvent, EventListener
from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.cells import column

STATES = {
    "processed": ("PROCESSED", "success"),
    "quarantined": ("QUARANTINED", "danger"),
    "waiting": ("WAITING", "warning"),
    "other": ("NOT OURS", "quiet"),
}


def _state_of(event: ChainEvent) -> str:
    if event.processed_at is not None:
        return "processed"
    if event.quarantine_reason:
        return "quarantined"
    return "waiting" if event.key else "other"


def _document(value: object) -> SafeString:
    return format_html('<pre class="pd-document">{}</pre>', json.dumps(value, indent=2))


def _raw(event: ChainEvent) -> SafeString:
    return cells.code("0x" + bytes(event.data).hex())


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("processed", "Processed"), ("quarantined", "Quarantined"), ("waiting", "Waiting")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ChainEvent]) -> QuerySet[ChainEvent]:
        open_ones = queryset.filter(processed_at=None)
        match self.value():
            case "processed":
                return queryset.filter(processed_at__isnull=False)
            case "quarantined":
                return open_ones.exclude(quarantine_reason="")
            case "waiting":
                return open_ones.filter(quarantine_reason="").exclude(key="")
        return queryset


@admin.register(ChainEvent)
class ChainEventAdmin(EvidenceAdmin):
    list_display = ("title", "key_words", "contract", "state", "consensus", "place", "why")
    list_filter = (StateFilter, "name", "address")
    search_fields = ("=key", "=consensus_at", "=transaction_hash", "=address")
    search_help_text = "A key such as snapshot:12, a consensus time, a transaction hash, or a contract"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("title", "key_words", "state", "why", "proved", "seen_at", "processed")}),
        ("On chain", {"fields": ("contract", "network", "consensus", "place", "hash_words", "block")}),
        ("Arguments", {"fields": ("decoded",)}),
        ("As it was", {"fields": ("raw_topics", "raw")}),
    )
    readonly_fields = (
        "title",
        "key_words",
        "state",
        "why",
        "proved",
        "processed",
        "contract",
        "consensus",
        "place",
        "hash_words",
        "decoded",
        "raw_topics",
        "raw",
    )

    title = column("Event", lambda row: row.name or "unknown event", order="name")
    key_words = column("About", lambda row: cells.code(row.key) if row.key else cells.NONE, order="key")
    contract = column("Contract", lambda row: cells.code(row.address), order="address")
    state = column(
        "State", lambda row: cells.badge(STATES[_state_of(row)][0], tone=STATES[_state_of(row)][1])
    )
    why = column("Trouble", lambda row: cells.words(row.quarantine_reason))
    proved = column(
        "In its transaction's result", lambda row: "yes" if row.is_proved else "not looked up, or not there"
    )
    processed = column(
        "Processed at", lambda row: cells.moment(row.processed_at) if row.processed_at else "not processed"
    )
    consensus = column("Consensus time", lambda row: cells.consensus(row.consensus_at), order="consensus_at")
    place = column("Log", lambda row: row.log_index)
    hash_words = column("Transaction hash", lambda row: cells.code(row.transaction_hash))
    decoded = column("Decoded", lambda row: _document(row.args))
    raw_topics = column("Topics", lambda row: cells.code("\n".join(row.topics)))
    raw = column("Data", _raw)


def _cursor(row: EventListener) -> SafeString:
    """On Stellar the place after the last event that was looked at, on Hedera a time."""
    return cells.code(row.cursor) if row.cursor else cells.consensus(row.cursor_at)


def _next_look(row: EventListener) -> SafeString | str:
    return cells.moment(row.next_read_at) if row.enabled else "switched off"


@admin.register(EventListener)
class EventListenerAdmin(EvidenceAdmin):
    list_display = ("address", "network", "enabled", "cursor", "reached", "read", "lag", "problem")
    list_filter = ("network",)
    search_fields = ("=address",)
    ordering = ("address",)
    fields = (
        "address",
        "network",
        "enabled",
        "cursor",
        "cursor_index",
        "reached",
        "until",
        "read",
        "lag",
        "next_look",
        "failures",
        "problem",
    )
    readonly_fields = ("cursor", "reached", "until", "read", "lag", "next_look", "problem")

    cursor = column("Next reading from", _cursor)
    next_look = column("Next look", _next_look)
    reached = column("Newest log seen", lambda row: cells.consensus(row.reached_at))
    until = column("Chain at the last reading", lambda row: cells.consensus(row.read_until))
    read = column("Last read at", lambda row: cells.moment(row.read_at) if row.read_at else "not read yet")
    lag = column(
        "Behind by", lambda row: cells.unknown() if row.lag_seconds is None else f"{row.lag_seconds} s"
    )
    problem = column("Last problem", lambda row: cells.words(row.last_error))
