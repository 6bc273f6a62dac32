"""Times as people write them: a wall clock with its zone in, an instant in UTC out."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contracts import clock

EXAMPLE = "2027-03-31 09:00"
WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FARTHEST = timedelta(days=50 * 366)


class BadTime(ValueError):
    """It is no time, or none that can be used; the message names the fix."""


def zone_of(name: str) -> ZoneInfo:
    """The zone of this IANA name. Raises BadTime."""
    try:
        return ZoneInfo(name.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadTime(f"there is no time zone {name!r}; write it as in Europe/Madrid, or UTC") from error


def parse_moment(given: datetime | str, zone: str) -> datetime:
    """The instant in UTC of a wall clock of ``zone``, or of a time that says its own offset.

    Of two that the clocks show alike when they go back, the first. Raises BadTime, also for a wall clock that
    the zone skips, because its author meant another one.
    """
    where = zone_of(zone)
    read = _read(given) if isinstance(given, str) else given
    if read.tzinfo is not None:
        return _near(read.astimezone(UTC))
    at = instant(read, where)
    if at.astimezone(where).replace(tzinfo=None) != read:
        raise BadTime(
            f"{read:%Y-%m-%d %H:%M} does not exist in {zone}: the clocks are put forward then. "
            f"Give another time, as in {at.astimezone(where):%Y-%m-%d %H:%M}"
        )
    return _near(at)


def _read(text: str) -> datetime:
    if not WRITTEN.fullmatch(text.strip()):
        raise BadTime(f"{text!r} is no time; write it as in {EXAMPLE}")
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadTime(f"{text!r} is no time: {error}; write it as in {EXAMPLE}") from error


def _near(at: datetime) -> datetime:
    if at - clock.now() > FARTHEST:
        raise BadTime(f"{at:%Y-%m-%d} is more than 50 years ahead; check the year")
    return at


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The UTC of a naive wall clock: one that is skipped moves forward by the gap, of two the first counts."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def shown(at: datetime, zone: str) -> str:
    """As people of that zone read it, with the zone's name."""
    return f"{at.astimezone(zone_of(zone)):%Y-%m-%d %H:%M:%S} {zone}"


def duration(length: timedelta) -> str:
    """As in ``1 day, 2:03:00``, in whole seconds."""
    return str(timedelta(seconds=length // timedelta(seconds=1)))


def consensus_of(at: datetime) -> str:
    """The same moment as consensus times are written."""
    return clock.consensus_text((at - EPOCH) // timedelta(microseconds=1) * 1_000)
