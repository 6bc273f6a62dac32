"""In what the stored events differ from the chain, and a person's word that nothing is left to do."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from chainsync.models import Difference
from chainsync.services.differing import resolve
from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.models import Contract


def _is_open(row: Difference) -> bool:
    return row.healed_at is None and row.resolved_at is None


def _state(row: Difference) -> SafeString:
    if _is_open(row):
        return cells.badge("OPEN")
    return cells.badge("RESOLVED" if row.resolved_at else "HEALED", tone="success")


def _units(row: Difference, units: int | None) -> object:
    """Only sums of payout contracts have amounts."""
    if units is None:
        return cells.NONE
    contracts = Contract.objects.select_related("payment_token")
    contract = contracts.filter(network=row.network, address=row.address).first()
    return cells.money(int(units), contract.payment_token) if contract else f"{units:,} base units"


def _over(row: Difference) -> object:
    at = row.resolved_at or row.healed_at
    return cells.moment(at) if at else "still open"


def _by(row: Difference) -> str:
    if _is_open(row):
        return "nobody yet"
    return row.resolved_by or "a comparison with the chain"


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("healed", "Healed"), ("resolved", "Resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Difference]) -> QuerySet[Difference]:
        match self.value():
            case "open":
                return queryset.filter(healed_at=None, resolved_at=None)
            case "healed":
                return queryset.filter(healed_at__isnull=False)
            case "resolved":
                return queryset.filter(resolved_at__isnull=False)
        return queryset


@admin.register(Difference)
class DifferenceAdmin(EvidenceAdmin):
    list_display = ("state", "kind", "contract", "day", "about", "description", "seen", "over")
    list_display_links = ("state", "kind")
    list_filter = (StateFilter, "kind", "address")
    search_fields = ("=address", "=subject", "words")
    search_help_text = "A contract, a key such as snapshot:12, or words of the description"
    ordering = ("-day", "-pk")
    actions_detail = ("resolve_this",)
    fieldsets = (
        (None, {"fields": ("state", "kind", "contract", "network", "day", "about", "description")}),
        ("How much", {"fields": ("count", "expected", "found")}),
        ("When", {"fields": ("first_found", "seen", "until")}),
        ("The end of it", {"fields": ("over", "by", "why")}),
    )
    readonly_fields = (
        *("state", "contract", "about", "description", "expected", "found", "first_found", "seen", "until"),
        *("over", "by", "why"),
    )

    state = column("State", _state)
    contract = column("Contract", lambda row: cells.code(row.address), order="address")
    about = column("About", lambda row: cells.code(row.subject) if row.subject else cells.NONE)
    description = column("Description", lambda row: cells.words(row.words))
    expected = column("Paid on chain", lambda row: _units(row, row.expected_units))
    found = column("Booked", lambda row: _units(row, row.found_units))
    first_found = column("First found at", lambda row: cells.moment(row.found_at))
    seen = column("Last found at", lambda row: cells.moment(row.seen_at), order="seen_at")
    until = column("Compared up to", lambda row: cells.consensus(row.compared_until))
    over = column("Over since", _over)
    by = column("Ended by", _by)
    why = column("Why", lambda row: cells.words(row.resolution, empty="still open"))

    @button(
        "Resolve the difference",
        permission="chainsync.resolve_difference",
        available=_is_open,
        explained="Your word that nothing is left to do. No event and no payment is changed; the row stays, and opens "
        "again when a comparison finds other figures.",
        icon="task_alt",
        variant=ActionVariant.SUCCESS,
    )
    def resolve_this(self, request: HttpRequest, row: Difference, reason: str) -> str:
        if resolve(row, reason=reason, by=who(request)):
            return "The difference is resolved."
        return "Nothing to do: the difference was over already."
