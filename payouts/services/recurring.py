"""Series: made by a person, and their occurrences by the clock, each once and ahead of its time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction

from contracts import clock
from contracts.models import Asset
from contracts.transitions import move, record_move
from payouts.models import Distribution, Missed, Schedule
from payouts.services.bad_input import BadInput
from payouts.services.creating import amount_columns, check_chain, check_policy, find_asset, write
from payouts.services.series import Occurrence, following, upcoming
from payouts.services.times import BadTime, parse_moment, shown, zone_of

Status = Schedule.Status
# So that people see what comes, and can still skip it.
LEAD = timedelta(days=1)
MOST_OCCURRENCES = 100_000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A NewDistribution for every occurrence. ``start`` and ``until`` are instants, or wall clocks of ``zone``."""

    asset: str
    amount_type: str
    amount: str
    concept: str
    by: str
    frequency: str
    start: datetime | str
    zone: str = "UTC"
    count: int | None = None
    until: datetime | str | None = None
    missed_policy: str = Missed.RUN_LATE


def create_schedule(wanted: NewSchedule) -> Schedule:
    """An ACTIVE series, with what is due within a day already made of it. Raises BadInput; then nothing was written."""
    schedule = draft_schedule(wanted)
    check_chain(schedule.asset)
    with transaction.atomic():
        schedule.save(force_insert=True)
        record_move(schedule, "", Status.ACTIVE, reason=f"created: {schedule.concept}", by=wanted.by)
    create_occurrences(schedule.pk)
    schedule.refresh_from_db()
    return schedule


def draft_schedule(wanted: NewSchedule) -> Schedule:
    """The series as it would be, to show its dates. Nothing is written and the chain not asked. Raises BadInput."""
    asset = find_asset(wanted.asset)
    amount = amount_columns(asset, wanted.amount_type, wanted.amount)
    return _draft(asset, wanted, amount | _time_columns(wanted))


def _draft(asset: Asset, wanted: NewSchedule, columns: dict[str, Any]) -> Schedule:
    return Schedule(
        asset=asset,
        amount_type=wanted.amount_type,
        concept=wanted.concept,
        frequency=wanted.frequency,
        missed_policy=wanted.missed_policy,
        created_by=wanted.by,
        next_at=columns["anchor_at"],
        **columns,
    )


def _time_columns(wanted: NewSchedule) -> dict[str, Any]:
    try:
        zone = str(zone_of(wanted.zone))
        start = parse_moment(wanted.start, zone)
        until = None if wanted.until is None else parse_moment(wanted.until, zone)
    except BadTime as error:
        raise BadInput(str(error)) from error
    check_policy(wanted.missed_policy)
    if reason := _why_not(wanted, start, until, zone):
        raise BadInput(reason)
    return {"anchor_at": start, "zone": zone, "ends_at": until, "count": wanted.count}


def _why_not(wanted: NewSchedule, start: datetime, until: datetime | None, zone: str) -> str | None:
    if wanted.frequency not in Schedule.Frequency.values:
        return f"{wanted.frequency!r} is no frequency; write one of {', '.join(Schedule.Frequency.values)}"
    if start <= clock.now():
        return f"the first time, {shown(start, zone)}, has passed; give one to come"
    if until is not None and until < start:
        return f"the series would end at {shown(until, zone)}, before its first time {shown(start, zone)}"
    if wanted.count is not None and not 0 < wanted.count <= MOST_OCCURRENCES:
        return f"{wanted.count} is no count of occurrences; give one from 1 to {MOST_OCCURRENCES:,}"
    return None


def create_due_occurrences() -> None:
    """One tick: for every series that has something within the lead. One that fails keeps no other waiting."""
    due = Schedule.objects.filter(status=Status.ACTIVE, next_at__lte=clock.now() + LEAD)
    for pk in due.order_by("next_at").values_list("pk", flat=True):
        try:
            create_occurrences(pk)
        except Exception:
            log.exception("unexpected_error", schedule=pk)


def create_occurrences(pk: int) -> None:
    """Makes what is due within the lead, one commit for each, also what was missed."""
    while _create_next(pk):
        pass


@transaction.atomic
def _create_next(pk: int) -> bool:
    """Under the lock of the series, and once for each number whatever happens: the database has a constraint."""
    schedule = lock(pk)
    if schedule.status != Status.ACTIVE or schedule.next_at is None:
        return False
    if schedule.next_at > clock.now() + LEAD:
        return False
    write(
        schedule.asset,
        by=schedule.created_by,
        reason=f"occurrence {schedule.next_number} of the {schedule}",
        **columns_of(schedule, Occurrence(schedule.next_number, schedule.next_at)),
    )
    set_next(schedule, schedule.next_number + 1)
    return True


def columns_of(schedule: Schedule, occurrence: Occurrence) -> dict[str, Any]:
    return {
        "amount_type": schedule.amount_type,
        "amount_units": schedule.amount_units,
        "percentage_bp": schedule.percentage_bp,
        "concept": schedule.concept,
        "execution": Distribution.Execution.RECURRING,
        "execute_at": occurrence.at,
        "zone": schedule.zone,
        "missed_policy": schedule.missed_policy,
        "schedule": schedule,
        "occurrence": occurrence.number,
    }


def lock(pk: int) -> Schedule:
    """In a transaction: from here on nobody else makes, skips or stops an occurrence of it."""
    rows = Schedule.objects.select_related("asset").select_for_update(no_key=True, of=("self",))
    return rows.get(pk=pk)


def set_next(schedule: Schedule, number: int, *, after: datetime | None = None) -> None:
    """Notes the first occurrence from ``number`` on, ``after`` a moment if given; without one the series is FINISHED.

    Under the lock.
    """
    found = following(schedule, number)
    while found is not None and after is not None and found.at <= after:
        found = following(schedule, found.number + 1)
    schedule.next_number, schedule.next_at = (found.number, found.at) if found else (number, None)
    schedule.save(update_fields=["next_number", "next_at"])
    if found is None and schedule.status == Status.ACTIVE:
        move(schedule, Status.FINISHED, status_reason="its last occurrence was created")


def next_dates(schedule: Schedule) -> list[Occurrence]:
    """The next twelve, those that are created and wait for their time included."""
    if schedule.status == Status.CANCELLED:
        return []
    waiting = waiting_of(schedule).values_list("occurrence", "execute_at") if schedule.pk else []
    made = [Occurrence(number, at) for number, at in waiting]
    return (made + (upcoming(schedule) if schedule.next_at else []))[:12]


def waiting_of(schedule: Schedule) -> Any:
    """Its occurrences that were not started, those first that come first."""
    pending, held = Distribution.Status.PENDING, Distribution.Status.HELD
    rows = Distribution.objects.filter(schedule=schedule)
    unstarted = rows.filter(status=pending) | rows.filter(status=held, status_before_hold=pending)
    return unstarted.order_by("occurrence")
