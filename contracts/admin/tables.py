"""Tables under a page, each a section of its own, and the sections that any object with a history has."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from contracts.admin import cells
from contracts.admin.control import ends, hold_state, moved
from contracts.models import AuditEvent, Hold

ROWS = 50


@dataclass(frozen=True, slots=True)
class Choice:
    text: str
    value: str
    is_chosen: bool


@dataclass(frozen=True)
class Table:
    """Cells are safe HTML or plain values; ``page`` is None for a table that fits.

    ``more`` are tables of the same section, each under its title.
    """

    headers: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]
    empty: str
    page: "Page[Any] | None" = None
    choices: list[Choice] = field(default_factory=list)
    search: str | None = None
    note: str = ""
    facts: list[tuple[str, object]] = field(default_factory=list)
    title: str = ""
    more: "list[Table]" = field(default_factory=list)


Section = Callable[[Any, HttpRequest], Table]
Sections = Mapping[str, tuple[str, Section]]


def paged(
    rows: QuerySet[Any],
    request: HttpRequest,
    show: Callable[[Any], tuple[object, ...]],
    headers: Iterable[str],
    empty: str,
    **more: Any,
) -> Table:
    page = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    return Table(
        tuple(headers), [show(row) for row in page], empty, page if page.has_other_pages() else None, **more
    )


def section_context(sections: Sections, row: Any, request: HttpRequest) -> dict[str, Any]:
    """What the page's tabs need; an unknown name shows the first section."""
    wanted = request.GET.get("show", "")
    shown = wanted if wanted in sections else next(iter(sections))
    return {
        "table": sections[shown][1](row, request),
        "shown": shown,
        "sections": [(name, title) for name, (title, _) in sections.items()],
    }


def holds_table(covering: Q, request: HttpRequest) -> Table:
    headers = ("State", "On", "Cause", "Reason", "Placed", "Lifted", "Lifted because")
    rows = Hold.objects.filter(covering).order_by("-placed_at")
    return paged(rows, request, _hold, headers, "No hold has ever covered it.")


def _hold(row: Hold) -> tuple[object, ...]:
    lifted = (
        cells.moment(row.lifted_at) + cells.words(f" by {row.lifted_by}")
        if row.lifted_at
        else f"open; it ends {ends(row)}"
    )
    placed = cells.moment(row.placed_at) + cells.words(f" by {row.placed_by}")
    name = cells.link(row, "everything" if row.scope == Hold.Scope.GLOBAL else f"the {row.scope.lower()}")
    return (
        hold_state(row),
        name,
        row.cause,
        cells.words(row.reason),
        placed,
        lifted,
        cells.words(row.lift_reason),
    )


def audit_table(concerned: Q, request: HttpRequest) -> Table:
    headers = ("At", "What", "From and to", "Reason", "By")
    rows = AuditEvent.objects.filter(concerned).order_by("-at", "-pk")
    return paged(rows, request, _event, headers, "Nothing is recorded yet.")


def _event(row: AuditEvent) -> tuple[object, ...]:
    return (cells.moment(row.at), cells.words(row.object_label), moved(row), cells.words(row.reason), row.by)
