"""The second person's desk: what waits for an approval, and what came of it."""

from typing import Any

from django.contrib import admin
from django.db.models import Case, Q, QuerySet, Value, When
from django.db.models.expressions import OrderBy
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from payouts.admin.foretelling import ForetellingForm, Will
from payouts.models import Approval
from payouts.services.approving import OPEN, VOIDED, NotDecided, decide, state_of, why_not_by

MAY_DECIDE = "payouts.decide_approval"
TONES = {OPEN: "warning", VOIDED: "quiet"}


class DecideForm(ForetellingForm):
    model = Approval

    def will(self, row: Approval) -> Will:
        lines = (row.words, f"Asked for by {row.requested_by}.")
        return Will("What is decided", lines)


def _state(row: Approval) -> SafeString:
    state = state_of(row)
    return cells.badge(state, tone=TONES[state]) if state in TONES else cells.badge(state)


def _about(row: Approval) -> object:
    return cells.link(row.reissue or row.distribution)


def _decided(row: Approval) -> object:
    at = row.decided_at or row.voided_at
    return cells.moment(at) if at else "not decided yet"


class ApprovalFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("decided", "Decided"), ("void", "Void")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Approval]) -> QuerySet[Approval]:
        conditions = {
            "open": Q(decided_at=None, voided_at=None),
            "decided": Q(decided_at__isnull=False),
            "void": Q(voided_at__isnull=False),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


@admin.register(Approval)
class ApprovalAdmin(EvidenceAdmin):
    list_display = ("state", "text", "requested_by", "requested", "decided_by_whom", "decided")
    list_display_links = ("state", "text")
    list_filter = (ApprovalFilter,)
    search_fields = ("words", "=uid", "requested_by", "decided_by")
    actions_detail = ("approve", "refuse")
    fieldsets = (
        (None, {"fields": ("state", "text", "about", "requested_by", "requested")}),
        ("Decision", {"fields": ("decided_by_whom", "decided", "because")}),
        ("Evidence", {"fields": ("uid", "hash_of_it")}),
    )
    readonly_fields = (
        *(
            "uid",
            "state",
            "text",
            "about",
            "requested",
            "decided_by_whom",
            "decided",
            "because",
            "hash_of_it",
        ),
    )

    state = column("State", _state)
    text = column("What", lambda row: cells.words(row.words))
    about = column("Of", _about)
    requested = column("Requested at", lambda row: cells.moment(row.requested_at), order="requested_at")
    decided_by_whom = column("Decided by", lambda row: row.decided_by or "nobody yet")
    decided = column("Decided at", _decided)
    because = column("Because", lambda row: cells.words(row.reason))
    hash_of_it = column("Hash of what is approved", lambda row: cells.code(row.content_hash))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("reissue__payment", "distribution")

    def get_ordering(self, request: HttpRequest) -> tuple[OrderBy | str, ...]:
        """What waits comes first."""
        rank = Case(When(decided_at=None, voided_at=None, then=Value(0)), default=Value(1))
        return (rank.asc(), "-pk")

    @button(
        "Approve",
        permission=MAY_DECIDE,
        available=lambda row: state_of(row) == OPEN,
        explained="Exactly this is then done, by itself. Whoever asked for it cannot approve it.",
        refusals=(NotDecided,),
        icon="check_circle",
        variant=ActionVariant.SUCCESS,
        form=DecideForm,
    )
    def approve(self, request: HttpRequest, row: Approval, reason: str) -> str:
        return _decide(request, row, reason, is_approved=True)

    @button(
        "Refuse",
        permission=MAY_DECIDE,
        available=lambda row: state_of(row) == OPEN,
        explained="Nothing is sent, and the payment may be retried again.",
        refusals=(NotDecided,),
        icon="block",
        variant=ActionVariant.DANGER,
        form=DecideForm,
    )
    def refuse(self, request: HttpRequest, row: Approval, reason: str) -> str:
        return _decide(request, row, reason, is_approved=False)


def _decide(request: HttpRequest, row: Approval, reason: str, *, is_approved: bool) -> str:
    if why_not := why_not_by(row, who(request)):
        raise NotDecided(why_not)
    if not decide(row, is_approved=is_approved, by=who(request), reason=reason):
        raise NotDecided("what was asked for has changed since, so this approval is void; ask for another")
    return "Approved: it is done by itself from here." if is_approved else "Refused: nothing is sent."
