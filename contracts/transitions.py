"""Statuses move along declared arrows, by compare-and-set, and leave an audit event behind."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import models

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrow:
    source: str
    target: str
    reason: str


class Transitions:
    """The one table of a status column: which moves exist, and what each means."""

    def __init__(self, *arrows: tuple[str, str, str]) -> None:
        self.arrows = tuple(Arrow(*arrow) for arrow in arrows)
        self._known = {(arrow.source, arrow.target): arrow for arrow in self.arrows}

    def check(self, source: str, target: str) -> None:
        if (source, target) not in self._known:
            raise IllegalMove(f"there is no arrow from {source} to {target}")

    def reason(self, source: str, target: str) -> str:
        return self._known[source, target].reason

    def targets_of(self, source: str) -> tuple[str, ...]:
        return tuple(arrow.target for arrow in self.arrows if arrow.source == source)


class IllegalMove(Exception):
    """Code asked for an arrow that the table does not have: a defect, never a race."""


def move(
    row: Any,
    to: str,
    *,
    reason: str = "",
    by: str = "paydate",
    only_if: dict[str, Any] | None = None,
    **columns: Any,
) -> bool:
    """Moves ``row`` from the status it was read with to ``to``; False means that somebody else was first.

    ``only_if`` adds conditions to the compare-and-set, ``columns`` are written with it. On success the
    instance carries the new values and an AuditEvent lies in the caller's transaction.
    """
    source = row.status
    row.TRANSITIONS.check(source, to)
    rows: models.QuerySet[Any] = type(row)._default_manager.filter(pk=row.pk, status=source)
    if not rows.filter(**(only_if or {})).update(status=to, **columns):
        log.info("race_lost", row=str(row), source=source, target=to)
        return False
    for name, value in {"status": to, **columns}.items():
        setattr(row, name, value)
    record_move(row, source, to, reason=reason or row.TRANSITIONS.reason(source, to), by=by)
    return True


def record_move(row: Any, source: str, to: str, *, reason: str, by: str) -> None:
    from contracts.models import AuditEvent  # the audit trail is itself a model of this app

    AuditEvent.write(row, what="status", source=source, target=to, reason=reason, by=by)
    log_move(row, source, to, reason)


def record_moves(moves: Iterable[tuple[Any, str, str, str]], *, by: str = "paydate") -> None:
    """The same for many rows, each (row, source, target, reason), by one statement."""
    from contracts.models import AuditEvent

    moves = list(moves)
    AuditEvent.write_many(
        [(row, source, to, reason) for row, source, to, reason in moves], what="status", by=by
    )
    for row, source, to, reason in moves:
        log_move(row, source, to, reason)


def log_move(row: Any, source: str, to: str, reason: str) -> None:
    """The log line of an arrow; the audit event is the caller's."""
    log.info(
        "moved",
        noun=row._meta.model_name,
        id=row.pk,
        source=str(source),
        target=str(to),
        reason=reason,
        **ids(row),
    )


def ids(row: Any) -> dict[str, Any]:
    """What a log line about this row should carry, as the model names it."""
    names: Iterable[str] = getattr(row, "LOG_FIELDS", ())
    return {name: getattr(row, name) for name in names}
