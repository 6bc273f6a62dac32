"""What the chain said, what became of it, and giving it to its processors once more."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.enums import ActionVariant

from chainsync.models import ChainEvent, ChainEventQuerySet, EventListener
from chainsync.services.asking import NotDone, ask_for_replays, replay_now
from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import PlainForm, button, who
from contracts.admin.cells import column
from contracts.amounts import counted

PERMISSION = "chainsync.replay_event"
MOST_SELECTED = 500
SELECTED_PAGE = "admin/chainsync/chainevent/replay.html"

# By name: how it is shown, and the rows that are in it; each event is in one of them.
STATES: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "processed": ("Processed", "success", lambda rows: rows.exclude(processed_at=None)),
    "waiting": (
        "Waiting",
        "warning",
        lambda rows: rows.unprocessed().filter(is_proved=True, quarantine_reason=""),
    ),
    "quarantined": ("Quarantined", "danger", lambda rows: rows.quarantined()),
    "unproved": ("Not proved", "warning", lambda rows: rows.not_proved()),
    "unknown": (
        "Unknown",
        "quiet",
        lambda rows: rows.filter(processed_at=None, key="", quarantine_reason=""),
    ),
}


def _state_of(event: ChainEvent) -> str:
    if event.processed_at is not None:
        return "processed"
    if event.key and not event.is_proved:
        return "unproved"
    if event.quarantine_reason:
        return "quarantined"
    return "waiting" if event.key else "unknown"


def _badge(event: ChainEvent) -> SafeString:
    title, tone, _ = STATES[_state_of(event)]
    return cells.badge(title.upper(), tone=tone)


def _document(value: object) -> SafeString:
    return format_html('<pre class="pd-document">{}</pre>', json.dumps(value, indent=2))


def _reason(event: ChainEvent) -> SafeString:
    """All of it: of a processor that failed its traceback."""
    if not event.quarantine_reason:
        return cells.words("")
    return format_html('<pre class="pd-document">{}</pre>', event.quarantine_reason)


def _raw(event: ChainEvent) -> SafeString:
    return cells.code("0x" + bytes(event.data).hex())


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, title) for name, (title, _, _) in STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ChainEvent]) -> QuerySet[ChainEvent]:
        if (name := self.value()) not in STATES:
            return queryset
        found: QuerySet[ChainEvent] = STATES[name][2](queryset)
        return found


class AddressFilter(admin.SimpleListFilter):
    """Of what is followed: to ask all events for their addresses would take longer every month."""

    title = "address"
    parameter_name = "address"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        addresses = EventListener.objects.order_by("address").values_list("address", flat=True)
        return [(address, address) for address in addresses.distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ChainEvent]) -> QuerySet[ChainEvent]:
        return queryset.filter(address=self.value()) if self.value() else queryset


class ReplaySelected:
    """For the admin of events: first a page that says what is selected, then the replay."""

    opts: Any
    admin_site: Any
    media: Any

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description="Replay the selected events", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, rows: ChainEventQuerySet) -> HttpResponse | None:
        if (count := rows.count()) > MOST_SELECTED:
            messages.error(
                request,
                f"{count:,} events are selected, {MOST_SELECTED} can be replayed from here at once. "
                "Replay all that are quarantined, or use manage.py replay_events.",
            )
            return None
        return self._replay(request, rows) if "confirmed" in request.POST else self._ask(request, rows)

    def _ask(self, request: HttpRequest, rows: ChainEventQuerySet) -> HttpResponse:
        counts = [(title, find(rows).count()) for title, _, find in STATES.values()]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": "Replay the selected events",
            "lines": [(title, counted(count, "event")) for title, count in counts if count],
            "can_act": rows.filter(processed_at=None).exists(),
            "selected": rows.values_list("pk", flat=True),
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, SELECTED_PAGE, context)

    def _replay(self, request: HttpRequest, rows: ChainEventQuerySet) -> HttpResponse:
        try:
            messages.success(request, f"{replay_now(_open(rows), by=who(request))}.")
        except NotDone as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(request.get_full_path())


def _open(rows: ChainEventQuerySet) -> list[int]:
    return list(rows.filter(processed_at=None).values_list("pk", flat=True))


@admin.register(ChainEvent)
class ChainEventAdmin(ReplaySelected, EvidenceAdmin):
    list_display = ("title", "key_words", "contract", "state", "consensus", "place", "trouble")
    list_filter = (StateFilter, AddressFilter, ("name", FieldTextFilter))
    list_filter_submit = True
    search_fields = ("=key", "=consensus_at", "=transaction_hash", "=address")
    search_help_text = "A key such as snapshot:12, a consensus time, a transaction hash, or a contract"
    ordering = ("-pk",)
    actions = ("replay_selected",)
    actions_list = ("replay_all",)
    actions_detail = ("replay",)
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
    state = column("State", _badge)
    trouble = column("Trouble", lambda row: cells.words(row.trouble))
    why = column("Trouble", _reason)
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

    @button(
        "Replay",
        permission=PERMISSION,
        available=lambda row: row.processed_at is None,
        explained="Its raw bytes are read anew and given to its processor. What was processed once is never touched.",
        refusals=(NotDone,),
        icon="replay",
        variant=ActionVariant.PRIMARY,
        form=PlainForm,
    )
    def replay(self, request: HttpRequest, row: ChainEvent) -> str:
        replay_now([row.pk], by=who(request))
        row.refresh_from_db()
        return _became(row)

    @button(
        "Replay all quarantined",
        permission=PERMISSION,
        available=lambda _: True,
        explained="Every quarantined event is given to its processor once more. Mend what stopped them first.",
        icon="replay",
        variant=ActionVariant.PRIMARY,
        form=PlainForm,
    )
    def replay_all(self, request: HttpRequest, row: None) -> str:
        counts = ask_for_replays(by=who(request))
        if not counts:
            return "Nothing to do: no event is quarantined."
        events, addresses = counted(sum(counts.values()), "event"), ", ".join(sorted(counts))
        return f"Asked for: {events} of {addresses}. In a moment this list shows what is still quarantined."


def _became(event: ChainEvent) -> str:
    """Raises NotDone for one that is not taken, with the reason."""
    match _state_of(event):
        case "processed":
            return "Its processor has taken it."
        case "quarantined":
            raise NotDone(f"It is quarantined again: {event.trouble}")
        case "unproved":
            raise NotDone(
                "The result of its transaction does not show it, so nothing is done with it. It is looked for again at "
                "every reading."
            )
        case "waiting":
            return "It waits: what it is about is not known here yet."
    return "No processor knows what it means, so it stays as it is."
