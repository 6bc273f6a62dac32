"""Holds, the audit trail, and whose database this is."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.admin.holding import held_object, lift
from contracts.models import AuditEvent, Hold, Installation
from contracts.services.holds import HoldRefused, place_hold

GLOBAL = {"scope": Hold.Scope.GLOBAL, "cause": Hold.Cause.OPERATOR}


def hold_state(hold: Hold) -> SafeString:
    return cells.badge("LIFTED" if hold.lifted_at else "OPEN")


def _object(hold: Hold) -> object:
    if hold.scope == Hold.Scope.GLOBAL:
        return "everything"
    row = held_object(hold)
    return cells.link(row) if row else cells.code(hold.object_uid)


def ends(hold: Hold) -> str:
    if hold.needs_operator or hold.cause == Hold.Cause.OPERATOR:
        return "when a person lifts it"
    return "by itself, when its cause is gone"


def _lifted(hold: Hold) -> object:
    return cells.moment(hold.lifted_at) if hold.lifted_at else "still open"


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("lifted", "Lifted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Hold]) -> QuerySet[Hold]:
        if self.value() not in ("open", "lifted"):
            return queryset
        return queryset.filter(lifted_at__isnull=self.value() == "open")


@admin.register(Hold)
class HoldAdmin(EvidenceAdmin):
    list_display = ("state", "scope", "on", "cause", "reason", "placed_by", "placed_at", "lifted")
    list_display_links = ("state", "reason")
    list_filter = (OpenFilter, "scope", "cause")
    search_fields = ("reason", "object_uid", "placed_by", "lifted_by")
    ordering = ("-placed_at",)
    actions_list = ("place_global_hold",)
    actions_detail = ("lift_this_hold",)
    fieldsets = (
        (None, {"fields": ("state", "scope", "on", "cause", "reason", "ends")}),
        (
            "Who and when",
            {"fields": ("placed_by", "placed_at", "lifted", "lifted_by_whom", "lifted_because")},
        ),
    )
    readonly_fields = ("state", "on", "ends", "lifted", "lifted_by_whom", "lifted_because")

    state = column("State", hold_state)
    on = column("On", _object)
    ends = column("Ends", ends)
    lifted = column("Lifted at", _lifted)
    lifted_by_whom = column("Lifted by", lambda hold: hold.lifted_by or "nobody yet")
    lifted_because = column("Lifted because", lambda hold: hold.lift_reason or "still open")

    @button(
        "Hold everything",
        permission="contracts.place_hold",
        available=lambda _: not Hold.objects.open().filter(**GLOBAL).exists(),
        explained="The emergency stop: no distribution plans, signs or sends anything new until it is lifted.",
        refusals=(HoldRefused,),
        icon="front_hand",
        variant=ActionVariant.DANGER,
    )
    def place_global_hold(self, request: HttpRequest, row: None, reason: str) -> str:
        place_hold(scope=Hold.Scope.GLOBAL, cause=Hold.Cause.OPERATOR, reason=reason, by=who(request))
        return "Everything is held: nothing new is planned, signed or sent until this hold is lifted."

    @button(
        "Lift the hold",
        permission="contracts.lift_hold",
        available=lambda hold: hold.lifted_at is None,
        explained="What was stopped goes on by itself, unless another hold covers it.",
        refusals=(HoldRefused,),
        icon="play_circle",
        variant=ActionVariant.SUCCESS,
    )
    def lift_this_hold(self, request: HttpRequest, row: Hold, reason: str) -> str:
        return lift(row, reason=reason, by=who(request))


def _seal(event: AuditEvent) -> object:
    return cells.code(event.seal) if event.seal else "not sealed yet"


def moved(event: AuditEvent) -> SafeString:
    """The two ends of an arrow; the first event of a row has only one."""
    target = cells.badge(event.target) if event.target else cells.words("")
    if not event.source:
        return target
    return cells.badge(event.source) + cells.words(" → ") + target


@admin.register(AuditEvent)
class AuditEventAdmin(EvidenceAdmin):
    list_display = ("at", "object_label", "what", "from_to", "reason", "by")
    list_filter = ("noun", "what", "at")
    search_fields = ("object_label", "reason", "=by")
    ordering = ("-at", "-pk")
    fields = ("at", "by", "noun", "object_label", "what", "from_to", "reason", "sequence", "sealed")
    readonly_fields = ("from_to", "sealed")

    from_to = column("From and to", moved)
    sealed = column("Seal", _seal)


@admin.register(Installation)
class InstallationAdmin(EvidenceAdmin):
    list_display = ("instance_id", "cluster", "database_oid", "claimed_by", "claimed_at")
    fields = ("instance_id", "cluster", "database_oid", "claimed_by", "claimed_at", "reason")
    readonly_fields = ("cluster",)

    cluster = column("PostgreSQL system", lambda row: cells.code(row.system_identifier))
