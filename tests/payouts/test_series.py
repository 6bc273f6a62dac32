"""When a series is due: month ends, leap years, both switches of the clocks, ends and skipped occurrences."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from payouts.models import Schedule
from payouts.services.series import following, occurrence_at, occurrences, upcoming
from payouts.services.times import BadTime, parse_moment, zone_of

MADRID, NEW_YORK, LORD_HOWE = "Europe/Madrid", "America/New_York", "Australia/Lord_Howe"


def series(frequency: str, start: str, zone: str = "UTC", **columns: object) -> Schedule:
    anchor = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return Schedule(frequency=frequency, anchor_at=anchor, zone=zone, **columns)


def walls(schedule: Schedule, count: int, *, start: int = 0) -> list[str]:
    """What the clocks of the zone show at the occurrences."""
    zone = ZoneInfo(schedule.zone)
    found = islice(occurrences(schedule, start=start), count)
    return [f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}" for one in found]


def hours(schedule: Schedule, count: int) -> list[str]:
    return [f"{one.at:%m-%d %H:%M}" for one in islice(occurrences(schedule), count)]


@pytest.mark.parametrize(
    ("year", "february"),
    [("2027", "2027-02-28 09:00"), ("2028", "2028-02-29 09:00"), ("2100", "2100-02-28 09:00")],
)
def test_a_month_after_the_31st_is_its_last_day_and_then_the_31st_again(year: str, february: str) -> None:
    schedule = series("MONTHLY", f"{year}-01-31 09:00", MADRID)
    assert walls(schedule, 4) == [
        f"{year}-01-31 09:00",
        february,
        f"{year}-03-31 09:00",
        f"{year}-04-30 09:00",
    ]


def test_a_series_from_a_leap_day_keeps_it_where_the_month_has_it() -> None:
    schedule = series("MONTHLY", "2028-02-29 12:00")
    assert walls(schedule, 3) == ["2028-02-29 12:00", "2028-03-29 12:00", "2028-04-29 12:00"]
    assert walls(schedule, 1, start=12) == ["2029-02-28 12:00"]
    assert walls(schedule, 1, start=48) == ["2032-02-29 12:00"]


@pytest.mark.parametrize(
    ("zone", "start", "utc"),
    [
        (MADRID, "2027-03-27 09:00", ["03-27 08:00", "03-28 07:00", "03-29 07:00"]),
        (MADRID, "2027-10-30 09:00", ["10-30 07:00", "10-31 08:00", "11-01 08:00"]),
        (NEW_YORK, "2027-03-13 09:00", ["03-13 14:00", "03-14 13:00", "03-15 13:00"]),
        (NEW_YORK, "2027-11-06 09:00", ["11-06 13:00", "11-07 14:00", "11-08 14:00"]),
        (LORD_HOWE, "2027-10-02 09:00", ["10-01 22:30", "10-02 22:00", "10-03 22:00"]),
    ],
)
def test_the_wall_clock_is_kept_over_both_switches_of_the_clocks(
    zone: str, start: str, utc: list[str]
) -> None:
    schedule = series("DAILY", start, zone)
    assert hours(schedule, 3) == utc
    assert {wall[-5:] for wall in walls(schedule, 3)} == {"09:00"}


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        (MADRID, "2027-03-27 02:30", ["02:30", "03:30", "02:30"]),
        (NEW_YORK, "2027-03-13 02:15", ["02:15", "03:15", "02:15"]),
        (LORD_HOWE, "2027-10-02 02:10", ["02:10", "02:40", "02:10"]),
    ],
)
def test_a_time_that_the_clocks_skip_moves_forward_by_the_gap_for_that_day_only(
    zone: str, start: str, expected: list[str]
) -> None:
    assert [wall[-5:] for wall in walls(series("DAILY", start, zone), 3)] == expected


@pytest.mark.parametrize(
    ("zone", "start", "utc"),
    [
        (MADRID, "2027-10-30 02:30", ["10-30 00:30", "10-31 00:30", "11-01 01:30"]),
        (NEW_YORK, "2027-11-06 01:30", ["11-06 05:30", "11-07 05:30", "11-08 06:30"]),
    ],
)
def test_of_a_time_that_comes_twice_the_first_counts(zone: str, start: str, utc: list[str]) -> None:
    assert hours(series("DAILY", start, zone), 3) == utc


def test_hours_are_elapsed_hours_whatever_the_clocks_do() -> None:
    schedule = series("HOURLY", "2027-03-28 00:00", MADRID)
    assert walls(schedule, 4) == [f"2027-03-28 0{hour}:00" for hour in (0, 1, 3, 4)]
    found = list(islice(occurrences(schedule), 60))
    assert {later.at - sooner.at for sooner, later in pairwise(found)} == {timedelta(hours=1)}


def test_a_week_keeps_its_day_and_time() -> None:
    schedule = series("WEEKLY", "2027-03-22 17:00", MADRID)
    assert walls(schedule, 3) == ["2027-03-22 17:00", "2027-03-29 17:00", "2027-04-05 17:00"]


def test_a_series_ends_by_count_or_date_and_leaves_out_what_is_skipped() -> None:
    by_count = series("DAILY", "2027-01-01 09:00", count=4, skipped=[1])
    assert [one.number for one in occurrences(by_count)] == [0, 2, 3]
    last = datetime(2027, 1, 3, 9, tzinfo=UTC)
    by_date = series("DAILY", "2027-01-01 09:00", ends_at=last)
    assert [one.at for one in occurrences(by_date)][-1] == last
    assert following(by_date, 3) is None
    assert following(by_count, 1) == next(occurrences(by_count, start=2))


def test_the_next_twelve_dates_start_with_what_is_not_created_yet() -> None:
    schedule = series("MONTHLY", "2027-01-31 09:00", MADRID, next_number=2, skipped=[3])
    shown = upcoming(schedule)
    assert [one.number for one in shown] == [2, *range(4, 15)]


def test_a_series_without_an_end_ends_with_the_calendar() -> None:
    schedule = series("MONTHLY", "9999-11-30 09:00")
    assert walls(schedule, 5) == ["9999-11-30 09:00", "9999-12-30 09:00"]


@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1)),  # noqa: DTZ001 - a wall clock
    zone=st.sampled_from(["UTC", MADRID, NEW_YORK, LORD_HOWE, "Asia/Kathmandu"]),
    frequency=st.sampled_from(Schedule.Frequency.values),
    number=st.integers(0, 2_000),
)
def test_occurrences_go_forward_and_depend_on_the_anchor_alone(
    start: datetime, zone: str, frequency: str, number: int
) -> None:
    anchor = start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    schedule = Schedule(frequency=frequency, anchor_at=anchor, zone=zone)
    at, after = occurrence_at(schedule, number), occurrence_at(schedule, number + 1)
    assert anchor <= at < after
    assert following(schedule, number).at == at  # type: ignore[union-attr]
    if frequency == "MONTHLY":
        wall = anchor.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + relativedelta(months=number)
        assert at.astimezone(ZoneInfo(zone)).date() == wall.date()


@given(st.integers(1, 31), st.integers(0, 400))
def test_a_monthly_series_is_on_its_day_or_on_the_last_of_the_month(day: int, number: int) -> None:
    schedule = series("MONTHLY", f"2027-01-{day:02d} 09:00", MADRID)
    found = occurrence_at(schedule, number).astimezone(ZoneInfo(MADRID))
    is_last = (found + timedelta(days=1)).month != found.month
    assert found.day == day or (is_last and found.day < day)


def test_times_are_read_in_their_zone_or_with_their_own_offset() -> None:
    expected = datetime(2027, 7, 1, 7, tzinfo=UTC)
    for text, zone in (
        ("2027-07-01 09:00", MADRID),
        ("2027-07-01T09:00:00", MADRID),
        ("2027-07-01T07:00Z", MADRID),
        ("2027-07-01 03:00:00-04:00", "UTC"),
    ):
        assert parse_moment(text, zone) == expected
    assert parse_moment(expected, NEW_YORK) == expected


@pytest.mark.parametrize(
    ("text", "zone", "words"),
    [
        ("tomorrow", "UTC", "'tomorrow' is no time; write it as in 2027-03-31 09:00"),
        ("2027-02-30 09:00", "UTC", "'2027-02-30 09:00' is no time: day is out of range"),
        ("2027-02-28", "UTC", "is no time; write it as in"),
        ("2027-03-28 02:30", MADRID, "does not exist in Europe/Madrid: the clocks are put forward"),
        ("2027-03-28 02:30", MADRID, "as in 2027-03-28 03:30"),
        ("2270-03-28 02:30", "UTC", "is more than 50 years ahead; check the year"),
        (
            "2027-03-28 02:30",
            "Madrid",
            "there is no time zone 'Madrid'; write it as in Europe/Madrid, or UTC",
        ),
        ("2027-03-28 02:30", "../../etc/passwd", "there is no time zone"),
        ("2027-03-28 02:30", "Europe", "there is no time zone 'Europe'"),
        ("2027-03-28 02:30", "", "there is no time zone ''"),
    ],
)
def test_a_time_that_cannot_be_used_is_refused_with_the_fix(text: str, zone: str, words: str) -> None:
    with pytest.raises(BadTime) as refused:
        parse_moment(text, zone)
    assert words in str(refused.value)


def test_zones_are_those_of_the_tz_database() -> None:
    assert str(zone_of(" Europe/Madrid ")) == MADRID
