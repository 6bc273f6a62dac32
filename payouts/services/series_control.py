"""What a person can do with a series: pause, resume, skip one occurrence, cancel. What has begun goes on."""

from django.db import transaction

from contracts import clock
from contracts.models import AuditEvent
from contracts.transitions import move
from payouts.models import Distribution, Schedule
from payouts.services.cancelling import NotCancelled, cancel_distribution
from payouts.services.recurring import create_occurrences, lock, set_next, waiting_of
from payouts.services.series import Occurrence, following, occurrence_at
from payouts.services.times import shown

Status = Schedule.Status
PAUSED_WORDS = "its series is paused"


class NotControlled(Exception):
    """Nothing was changed; the message says why and what can be done."""


@transaction.atomic
def pause_schedule(schedule: Schedule, *, by: str, reason: str) -> None:
    """Nothing of it starts until it is resumed. Raises NotControlled."""
    row = _checked(schedule, reason, Status.ACTIVE, fix="only an ACTIVE series can be paused")
    move(row, Status.PAUSED, by=by, reason=reason, status_reason=reason)
    waiting_of(row).filter(status=Distribution.Status.PENDING).update(status_reason=PAUSED_WORDS)


def resume_schedule(schedule: Schedule, *, by: str, reason: str) -> None:
    """What passed while it was paused is left out, and what is still to come goes on. Raises NotControlled."""
    with transaction.atomic():
        row = _checked(schedule, reason, Status.PAUSED, fix="only a PAUSED series can be resumed")
        move(row, Status.ACTIVE, by=by, reason=reason, status_reason="")
        pending = waiting_of(row).filter(status=Distribution.Status.PENDING)
        for passed in pending.filter(execute_at__lte=clock.now()):
            _cancel(passed, by=by, reason="its time passed while its series was paused")
        pending.filter(status_reason=PAUSED_WORDS).update(status_reason="")
        set_next(row, row.next_number, after=clock.now())
    create_occurrences(row.pk)


@transaction.atomic
def skip_occurrence(schedule: Schedule, *, number: int | None = None, by: str, reason: str) -> Occurrence:
    """Leaves one out: the next that has not begun, or the one of this number. Raises NotControlled."""
    row = _checked(
        schedule, reason, Status.ACTIVE, Status.PAUSED, Status.FINISHED, fix="nothing of it comes any more"
    )
    if number is None:
        number = _next_of(row)
    occurrence = _skippable(row, number)
    for made in row.distributions.filter(occurrence=number):
        _cancel(made, by=by, reason=f"skipped: {reason}")
    row.skipped = sorted({*row.skipped, number})
    row.save(update_fields=["skipped"])
    if number == row.next_number and row.next_at is not None:
        set_next(row, number + 1)
    words = f"occurrence {number}, {shown(occurrence.at, row.zone)}"
    AuditEvent.write(row, what="skip", target=words, reason=reason, by=by)
    return occurrence


@transaction.atomic
def cancel_schedule(schedule: Schedule, *, by: str, reason: str) -> int:
    """For ever, with its occurrences that have not begun; says how many those were. Raises NotControlled."""
    row = _checked(
        schedule,
        reason,
        Status.ACTIVE,
        Status.PAUSED,
        fix="cancel its occurrences that are left, each by itself",
    )
    move(row, Status.CANCELLED, by=by, reason=reason, status_reason=reason, next_at=None)
    waiting = list(waiting_of(row))
    for distribution in waiting:
        _cancel(distribution, by=by, reason=f"its series was cancelled: {reason}")
    return len(waiting)


def _checked(schedule: Schedule, reason: str, *statuses: str, fix: str) -> Schedule:
    """The row under its lock, in one of these statuses."""
    if not reason.strip():
        raise NotControlled("say why: it is kept in the audit trail")
    row = lock(schedule.pk)
    if row.status not in statuses:
        raise NotControlled(f"the {row} is {row.status}; {fix}")
    return row


def _next_of(schedule: Schedule) -> int:
    made = waiting_of(schedule).filter(execute_at__gt=clock.now()).first()
    if made is not None:
        return int(made.occurrence)
    if schedule.next_at is None:
        raise NotControlled(f"the {schedule} has no occurrence that is still to come")
    return schedule.next_number


def _skippable(schedule: Schedule, number: int) -> Occurrence:
    """Raises NotControlled for what is made and has begun, was left out, or never comes."""
    if number in schedule.skipped:
        raise NotControlled(f"occurrence {number} is skipped already")
    made = schedule.distributions.filter(occurrence=number).first()
    if made is not None:
        if not waiting_of(schedule).filter(pk=made.pk).exists():
            raise NotControlled(f"occurrence {number} is {made.status}; it cannot be skipped any more")
        return Occurrence(number, occurrence_at(schedule, number))
    found = following(schedule, number) if number >= schedule.next_number else None
    if found is None or found.number != number or schedule.next_at is None:
        raise NotControlled(f"the {schedule} has no occurrence {number} to come")
    return found


def _cancel(distribution: Distribution, *, by: str, reason: str) -> None:
    try:
        cancel_distribution(distribution, by=by, reason=reason)
    except NotCancelled as error:
        raise NotControlled(f"occurrence {distribution.occurrence}: {error}") from error
