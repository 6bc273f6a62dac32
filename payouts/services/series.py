"""When the occurrences of a series are: arithmetic on its anchor, so that none inherits the shift of another.

A month after 31 January is its last day, and the one after that 31 March again. Days, weeks and months keep the wall
clock of the series' zone; hours are elapsed hours.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from dateutil.relativedelta import relativedelta

from payouts.models import Schedule
from payouts.services.times import instant, zone_of

Frequency = Schedule.Frequency
SHOWN = 12
_STEPS: dict[str, Callable[[int], relativedelta]] = {
    Frequency.DAILY: lambda number: relativedelta(days=number),
    Frequency.WEEKLY: lambda number: relativedelta(weeks=number),
    Frequency.MONTHLY: lambda number: relativedelta(months=number),
}


@dataclass(frozen=True, slots=True)
class Occurrence:
    number: int
    at: datetime


def occurrence_at(schedule: Schedule, number: int) -> datetime:
    """The UTC of occurrence ``number``, counted from 0. A wall clock that is skipped moves forward by the gap."""
    if schedule.frequency == Frequency.HOURLY or number == 0:
        return schedule.anchor_at + timedelta(hours=number)
    zone = zone_of(schedule.zone)
    wall = schedule.anchor_at.astimezone(zone).replace(tzinfo=None)
    return instant(wall + _STEPS[schedule.frequency](number), zone)


def occurrences(schedule: Schedule, *, start: int = 0) -> Iterator[Occurrence]:
    """All from number ``start`` on that are not skipped, up to the end of the series, if it has one."""
    number = start
    while schedule.count is None or number < schedule.count:
        try:
            at = occurrence_at(schedule, number)
        except (OverflowError, ValueError):  # past the last year of the calendar
            return
        if schedule.ends_at is not None and at > schedule.ends_at:
            return
        if number not in schedule.skipped:
            yield Occurrence(number, at)
        number += 1


def following(schedule: Schedule, number: int) -> Occurrence | None:
    """The first one from ``number`` on, or None when the series is over."""
    return next(occurrences(schedule, start=number), None)


def upcoming(schedule: Schedule, *, most: int = SHOWN) -> list[Occurrence]:
    """The next ones that are not created yet."""
    return list(islice(occurrences(schedule, start=schedule.next_number), most))
