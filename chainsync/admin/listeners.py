"""How far each followed address was read, and switching that on and off."""

from typing import Any

from django.contrib import admin
from django.db.models import BooleanField, Case, QuerySet, Value, When
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from chainsync.followed import NotFollowed, followed_by, interface_of
from chainsync.models import EventListener
from chainsync.services.asking import NotDone, ask_for_look
from chainsync.services.following import switch
from chainsync.services.watching import overdue
from contracts import clock
from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import PlainForm, button, who
from contracts.admin.cells import column
from contracts.models import Asset, Contract, Token

PERMISSION = "chainsync.switch_listener"


def _follows(row: EventListener) -> SafeString | str:
    """With a link to the page of the contract, asset or token; of a contract that reports, to its asset's."""
    try:
        followed = row.asset or followed_by(row)
    except NotFollowed as error:
        return str(error)
    match followed:
        case Contract():
            return cells.link(followed, followed.label)
        case Asset() | Token():
            return cells.link(followed, followed.symbol)
    return cells.link(followed)


def _interface(row: EventListener) -> SafeString:
    try:
        return cells.code(interface_of(followed_by(row)))
    except NotFollowed:
        return cells.unknown()


def _state(row: Any) -> SafeString:
    if not row.enabled:
        return cells.badge("SWITCHED OFF", tone="quiet")
    if row.is_overdue:
        return cells.badge("OVERDUE", tone="danger")
    return cells.badge("FAILING", tone="warning") if row.failures else cells.badge("ACTIVE")


def _cursor(row: EventListener) -> SafeString:
    """On Stellar the place after the last event that was looked at, on Hedera a time."""
    return cells.code(row.cursor) if row.cursor else cells.consensus(row.cursor_at)


def _next_look(row: EventListener) -> SafeString | str:
    return cells.next_step(row.next_read_at) if row.enabled else "switched off"


@admin.register(EventListener)
class EventListenerAdmin(EvidenceAdmin):
    list_display = ("at", "state", "follows", "kind", "read", "lag", "problem", "network")
    list_filter = ("network", "kind", "enabled")
    list_select_related = ("asset",)
    search_fields = ("=address",)
    ordering = ("address",)
    actions_detail = ("look_now", "switch_on", "switch_off")
    fieldsets = (
        (None, {"fields": ("address", "network", "state", "follows", "kind", "speaks")}),
        ("Looks", {"fields": ("read", "lag", "interval_seconds", "next_look", "failures", "problem")}),
        (
            "How far",
            {
                "fields": (
                    "cursor",
                    "cursor_index",
                    "reached",
                    "until",
                    "compared",
                    "page_rows",
                    "window_seconds",
                )
            },
        ),
        ("Made", {"fields": ("uid", "created_at")}),
    )
    readonly_fields = (
        "uid",
        "state",
        "follows",
        "speaks",
        "cursor",
        "reached",
        "until",
        "compared",
        "read",
        "lag",
        "next_look",
        "problem",
    )

    at = column("Address", lambda row: cells.code(row.address), order="address")
    state = column("State", _state)
    follows = column("Follows", _follows)
    speaks = column("Interface", _interface)
    cursor = column("Next reading from", _cursor)
    next_look = column("Next look", _next_look)
    reached = column("Newest log seen", lambda row: cells.consensus(row.reached_at))
    until = column("Chain at the last reading", lambda row: cells.consensus(row.read_until))
    compared = column("Compared with the chain up to", lambda row: cells.consensus(row.reconciled_until))
    read = column(
        "Last success",
        lambda row: cells.moment(row.read_at) if row.read_at else "not read yet",
        order="read_at",
    )
    lag = column(
        "Behind by",
        lambda row: cells.unknown() if row.lag_seconds is None else f"{max(0, row.lag_seconds)} s",
        order="lag_seconds",
    )
    problem = column("Last problem", lambda row: cells.words(row.last_error))

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventListener]:
        """Marks those that were not looked at with success for two intervals."""
        late = [one.listener.pk for one in overdue(clock.now())]
        marked = Case(When(pk__in=late, then=Value(True)), default=Value(False), output_field=BooleanField())
        found: QuerySet[EventListener] = super().get_queryset(request).annotate(is_overdue=marked)
        return found.select_related("asset")

    @button(
        "Look now",
        permission=PERMISSION,
        available=lambda row: row.enabled,
        explained="It is looked at at once, not only when its interval is over.",
        refusals=(NotDone,),
        icon="visibility",
        variant=ActionVariant.PRIMARY,
        form=PlainForm,
    )
    def look_now(self, request: HttpRequest, row: EventListener) -> str:
        ask_for_look(row)
        return "Asked for. The look comes within seconds: look at this page again."

    @button(
        "Switch on",
        permission=PERMISSION,
        available=lambda row: not row.enabled,
        explained="Its events are read again, from where the last reading ended.",
        refusals=(NotFollowed,),
        icon="play_circle",
        variant=ActionVariant.SUCCESS,
        form=PlainForm,
    )
    def switch_on(self, request: HttpRequest, row: EventListener) -> str:
        if switch(followed_by(row), on=True, by=who(request)):
            return "It is followed from now on."
        return "Nothing to do: it was followed already."

    @button(
        "Switch off",
        permission=PERMISSION,
        available=lambda row: row.enabled,
        explained="What happens there on chain is not seen any more, and nobody is told, until it is switched on "
        "again. What was seen stays.",
        refusals=(NotFollowed,),
        icon="stop_circle",
        variant=ActionVariant.DANGER,
        form=PlainForm,
    )
    def switch_off(self, request: HttpRequest, row: EventListener) -> str:
        if switch(followed_by(row), on=False, by=who(request)):
            return "It is not followed from now on."
        return "Nothing to do: it was not followed already."
