"""Series: what comes next, what was made of it, and pausing, skipping and cancelling."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from contracts.admin import cells
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.admin.tables import Sections, Table, audit_table, paged
from payouts.admin.forms import ScheduleForm, SkipForm
from payouts.admin.pages import FactsPage
from payouts.admin.words import asked_for
from payouts.amounts import counted
from payouts.models import Distribution, Schedule
from payouts.services.recurring import create_schedule, draft_schedule, next_dates
from payouts.services.series_control import (
    NotControlled,
    cancel_schedule,
    pause_schedule,
    resume_schedule,
    skip_occurrence,
)
from payouts.services.times import shown

Status = Schedule.Status
PERMISSION = "payouts.control_schedule"
GOING = (Status.ACTIVE, Status.PAUSED)
PAID_IN = "asset__payout_contract__payment_token"
SENTENCES = {
    Status.ACTIVE: "Active: each occurrence is made a day before its time and starts by itself.",
    Status.PAUSED: "Paused: nothing of it starts, and what passes meanwhile is left out.",
    Status.FINISHED: "Finished: its last occurrence was made.",
    Status.CANCELLED: "Cancelled: nothing of it comes any more.",
}


def _next(row: Schedule) -> object:
    coming = next_dates(row)
    return shown(coming[0].at, row.zone) if coming else "none"


def _end(row: Schedule) -> str:
    if row.ends_at is not None:
        return f"not after {shown(row.ends_at, row.zone)}"
    return f"after {counted(row.count, 'occurrence')}" if row.count else "never"


def _dates(row: Schedule, request: HttpRequest) -> Table:
    made = dict(row.distributions.values_list("occurrence", "pk"))
    rows = [
        (one.number, shown(one.at, row.zone), cells.moment(one.at), _made(made.get(one.number)))
        for one in next_dates(row)
    ]
    skipped = ", ".join(map(str, row.skipped))
    note = f"Skipped: {skipped}." if skipped else ""
    return Table(
        ("Number", "At", "In UTC", "Distribution"), rows, "Nothing of it is still to come.", note=note
    )


def _made(pk: int | None) -> object:
    return cells.link(Distribution(pk=pk), "made") if pk else "not made yet"


def _occurrences(row: Schedule, request: HttpRequest) -> Table:
    headers = ("Number", "Due at", "Status", "Holders paid", "Why")

    def show(made: Distribution) -> tuple[object, ...]:
        return (
            cells.link(made, made.occurrence),
            cells.moment(made.execute_at),
            cells.badge(made.status),
            cells.bar(made.paid_count, made.holder_count or 0, failed=made.failed_count),
            cells.words(made.status_reason),
        )

    rows = row.distributions.order_by("-occurrence")
    return paged(rows, request, show, headers, "None yet: each is made a day before its time.")


def _audit(row: Schedule, request: HttpRequest) -> Table:
    return audit_table(Q(noun="schedule", object_id=row.pk), request)


@admin.register(Schedule)
class ScheduleAdmin(FactsPage):
    list_display = ("name", "of", "state", "asked", "how_often", "next_time", "ends")
    list_filter = ("status", "frequency", "asset")
    list_select_related = (PAID_IN,)
    search_fields = ("uid", "concept", "asset__symbol", "asset__name", "created_by")
    search_help_text = "A uid, a concept, an asset's symbol or name, or who created it"
    ordering = ("-pk",)
    actions_detail = ("pause", "resume", "skip", "cancel")
    add_form = ScheduleForm
    add_template = "admin/payouts/schedule/add.html"
    add_title = "New series"
    dates_title = "The next twelve dates"
    sections: Sections = {
        "dates": ("Next dates", _dates),
        "occurrences": ("Occurrences", _occurrences),
        "audit": ("Audit trail", _audit),
    }

    name = column("Concept", lambda row: row.concept or row.uid, order="concept")
    of = column("Asset", lambda row: row.asset.symbol, order="asset__symbol")
    state = column("Status", lambda row: cells.badge(row.status), order="status")
    asked = column("Asked for", asked_for)
    how_often = column("How often", lambda row: row.frequency.lower(), order="frequency")
    next_time = column("Next", _next, order="next_at")
    ends = column("Ends", _end)

    def create(self, form: Any, by: str) -> Schedule:
        return create_schedule(form.wanted(by=by))

    def dates(self, form: Any, by: str) -> Sequence[object]:
        schedule = draft_schedule(form.wanted(by=by))
        return [shown(one.at, schedule.zone) for one in next_dates(schedule)]

    def created_words(self, row: Any) -> str:
        return "Created. Its occurrences start by themselves."

    def facts(self, row: Schedule) -> dict[str, Any]:
        facts: list[tuple[str, object]] = [
            ("Asset", cells.link(row.asset, row.asset.symbol)),
            ("Asked for, each time", asked_for(row)),
            ("How often", row.frequency.lower()),
            ("First time", shown(row.anchor_at, row.zone)),
            ("Ends", _end(row)),
            ("When a time is missed", row.get_missed_policy_display()),
            ("Created", cells.moment(row.created_at) + cells.words(f" by {row.created_by}")),
            ("Uid", cells.code(row.uid)),
        ]
        return {"badge": cells.badge(row.status), "headline": _headline(row), "facts": facts}

    @button(
        "Pause",
        permission=PERMISSION,
        available=lambda row: row.status == Status.ACTIVE,
        explained="Nothing of it starts until it is resumed. What passes meanwhile is left out; what began goes on.",
        refusals=(NotControlled,),
        icon="pause_circle",
        variant=ActionVariant.WARNING,
    )
    def pause(self, request: HttpRequest, row: Schedule, reason: str) -> str:
        pause_schedule(row, by=who(request), reason=reason)
        return "Paused: nothing of it starts until it is resumed."

    @button(
        "Resume",
        permission=PERMISSION,
        available=lambda row: row.status == Status.PAUSED,
        explained="It goes on with what is still to come. What passed while it was paused is left out.",
        refusals=(NotControlled,),
        icon="play_circle",
        variant=ActionVariant.SUCCESS,
    )
    def resume(self, request: HttpRequest, row: Schedule, reason: str) -> str:
        resume_schedule(row, by=who(request), reason=reason)
        return "Resumed: it goes on with what is still to come."

    @button(
        "Skip one",
        permission=PERMISSION,
        available=lambda row: row.status != Status.CANCELLED and bool(next_dates(row)),
        explained="That one is not paid; all others are. It cannot be taken back.",
        refusals=(NotControlled,),
        icon="skip_next",
        form=SkipForm,
    )
    def skip(self, request: HttpRequest, row: Schedule, reason: str, number: int | None = None) -> str:
        skipped = skip_occurrence(row, number=number, by=who(request), reason=reason)
        return f"Occurrence {skipped.number}, {shown(skipped.at, row.zone)}, is skipped."

    @button(
        "Cancel the series",
        permission=PERMISSION,
        available=lambda row: row.status in GOING,
        explained="For ever, with its occurrences that have not begun. What has begun goes on.",
        refusals=(NotControlled,),
        icon="cancel",
        variant=ActionVariant.DANGER,
    )
    def cancel(self, request: HttpRequest, row: Schedule, reason: str) -> str:
        waiting = cancel_schedule(row, by=who(request), reason=reason)
        return f"Cancelled, with {counted(waiting, 'occurrence')} that had not begun."


def _headline(row: Schedule) -> SafeString:
    why = f" {row.status_reason}" if row.status in (Status.PAUSED, Status.CANCELLED) else ""
    return cells.words(SENTENCES[Status(row.status)] + why)
