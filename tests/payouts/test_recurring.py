"""Series: occurrences come ahead of time and once; people pause, resume, skip and cancel them; bad input is refused."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts import clock
from contracts.models import AuditEvent
from payouts.models import Distribution, Schedule
from payouts.services import recurring
from payouts.services.recurring import create_due_occurrences, create_occurrences, next_dates
from payouts.services.scheduling import start_due
from payouts.services.series_control import (
    NotControlled,
    cancel_schedule,
    pause_schedule,
    resume_schedule,
    skip_occurrence,
)
from reserves.obligations import obligations_of
from tests.factories import ScheduleFactory
from tests.payouts.commands import run
from tests.payouts.test_bad_input import refused, rows
from tests.running import Status, assert_all_paid_once
from tests.threads import together
from tests.world import Pump, World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WHY = {"by": "olivia", "reason": "the board said so"}


def series(frequency: str = "HOURLY", *, start: timedelta = HOUR, **columns: Any) -> Schedule:
    anchor = clock.now() + start
    return ScheduleFactory.create(
        frequency=frequency,
        anchor_at=anchor,
        **{"next_at": anchor} | columns,  # an anchor of its own
    )


def numbers(schedule: Schedule, *statuses: str) -> list[int]:
    made = Distribution.objects.filter(schedule=schedule, status__in=statuses or Status.values)
    return list(made.order_by("occurrence").values_list("occurrence", flat=True))


def wall(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


# --- occurrences --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_is_due_within_a_day_is_made_and_made_once() -> None:
    schedule = series(count=30)
    for _ in range(3):
        create_due_occurrences()
    schedule.refresh_from_db()
    assert numbers(schedule) == list(range(24))
    assert (schedule.next_number, schedule.status) == (24, "ACTIVE")
    first = Distribution.objects.get(schedule=schedule, occurrence=0)
    assert (first.execution, first.execute_at, first.amount_units) == (
        "RECURRING",
        schedule.anchor_at,
        1_000_000,
    )
    assert (first.created_by, first.concept, first.zone) == ("alice", "Rent", "UTC")
    assert (
        AuditEvent.objects.get(object_id=first.pk).reason
        == f"occurrence 0 of the hourly series {schedule.uid}"
    )


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_make_each_occurrence_once() -> None:
    schedule = series(count=12)
    assert together(*[lambda: create_occurrences(schedule.pk)] * 4) == []
    assert numbers(schedule) == list(range(12))


@pytest.mark.django_db
def test_a_series_is_finished_with_its_last_occurrence() -> None:
    schedule = series("DAILY", count=1)
    create_due_occurrences()
    schedule.refresh_from_db()
    assert (schedule.status, schedule.next_at) == ("FINISHED", None)
    assert schedule.status_reason == "its last occurrence was created"
    assert [one.number for one in next_dates(schedule)] == [0], "what is made and waits is shown"


@pytest.mark.django_db
def test_a_series_that_fails_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = series(start=HOUR, count=1), series(start=2 * HOUR, count=1)
    create = recurring.create_occurrences

    def fail(pk: int) -> None:
        if pk == broken.pk:
            raise RuntimeError("a cable is loose")
        create(pk)

    monkeypatch.setattr(recurring, "create_occurrences", fail)
    create_due_occurrences()
    assert (numbers(broken), numbers(sound)) == ([], [0])


@pytest.mark.parametrize(("policy", "status"), [("RUN_LATE", Status.PLANNING), ("SKIP", Status.CANCELLED)])
def test_what_a_series_missed_while_all_was_down_follows_its_policy(
    world: World, pump: Pump, policy: str, status: str
) -> None:
    schedule = series(missed_policy=policy)
    world.advance(24 * 3_600 + 60)
    start_due()
    with pump.without("payouts.advance_distribution"):
        pump.drain()
    assert numbers(schedule, status)[:23] == list(range(23))
    assert len(numbers(schedule)) > 40


@pytest.mark.django_db
def test_the_reserve_knows_of_occurrences_that_are_not_made_yet() -> None:
    schedule = series("DAILY", amount_units=7)
    series("DAILY", amount_type="PERCENTAGE", amount_units=None, percentage_bp=100, asset=schedule.asset)
    create_due_occurrences()
    due = obligations_of(schedule.asset.payout_contract, until=clock.now() + 3 * DAY)
    assert [(one.units, one.words) for one in due] == [
        (7, "Rent: not started yet"),
        (7, "Rent: not created yet"),
        (7, "Rent: not created yet"),
    ]
    assert [one.due_at for one in due] == [schedule.anchor_at + n * DAY for n in range(3)]


# --- what people do with it ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_pause_leaves_out_what_passes_meanwhile(world: World, pump: Pump) -> None:
    schedule = series()
    create_due_occurrences()
    pause_schedule(schedule, **WHY)
    waiting = Distribution.objects.get(schedule=schedule, occurrence=5)
    assert (waiting.status, waiting.status_reason) == (Status.PENDING, "its series is paused")

    world.advance(30 * 3_600)
    start_due()
    pump.drain()
    assert numbers(schedule, Status.PENDING) == list(range(24))
    resume_schedule(schedule, **WHY)

    assert numbers(schedule, Status.CANCELLED) == list(range(24))
    schedule.refresh_from_db()
    assert (schedule.status, schedule.status_reason) == ("ACTIVE", "")
    coming = numbers(schedule, Status.PENDING)
    assert coming == list(range(coming[0], coming[0] + 24)) and coming[0] >= 30
    cancelled = Distribution.objects.get(schedule=schedule, occurrence=5)
    assert cancelled.status_reason == "its time passed while its series was paused"


@pytest.mark.django_db(transaction=True)
def test_one_is_skipped_before_and_after_it_is_made() -> None:
    schedule = series("DAILY")
    create_due_occurrences()
    assert skip_occurrence(schedule, **WHY).number == 0
    assert skip_occurrence(schedule, number=2, **WHY).number == 2
    assert skip_occurrence(schedule, **WHY).number == 1
    schedule.refresh_from_db()
    assert (schedule.skipped, schedule.next_number) == ([0, 1, 2], 3)
    assert numbers(schedule, Status.CANCELLED) == [0]
    assert [one.number for one in next_dates(schedule)] == list(range(3, 15))
    assert AuditEvent.objects.filter(noun="schedule", what="skip", by="olivia").count() == 3
    for number, words in (
        (0, "occurrence 0 is skipped already"),
        (-1, "has no occurrence -1 to come"),
    ):
        with pytest.raises(NotControlled, match=words):
            skip_occurrence(schedule, number=number, **WHY)


@pytest.mark.django_db(transaction=True)
def test_what_has_begun_is_not_skipped() -> None:
    schedule = series()
    create_due_occurrences()
    Distribution.objects.filter(occurrence=0).update(status=Status.COMPLETED)
    with pytest.raises(NotControlled, match="occurrence 0 is COMPLETED; it cannot be skipped any more"):
        skip_occurrence(schedule, number=0, **WHY)


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_series_takes_what_has_not_begun_with_it() -> None:
    schedule = series()
    create_due_occurrences()
    begun = Distribution.objects.filter(occurrence=0)
    begun.update(status=Status.PROCESSING)
    assert cancel_schedule(schedule, **WHY) == 23
    schedule.refresh_from_db()
    assert (schedule.status, schedule.status_reason, schedule.next_at) == (
        "CANCELLED",
        "the board said so",
        None,
    )
    assert begun.get().status == Status.PROCESSING
    assert numbers(schedule, Status.PENDING) == [] and next_dates(schedule) == []
    create_due_occurrences()
    assert len(numbers(schedule)) == 24


@pytest.mark.django_db(transaction=True)
def test_a_series_is_asked_only_for_what_it_can_do() -> None:
    schedule = series()
    with pytest.raises(NotControlled, match="is ACTIVE; only a PAUSED series can be resumed"):
        resume_schedule(schedule, **WHY)
    with pytest.raises(NotControlled, match="say why"):
        pause_schedule(schedule, by="olivia", reason=" ")
    cancel_schedule(schedule, **WHY)
    for act in (pause_schedule, cancel_schedule, skip_occurrence):
        with pytest.raises(NotControlled, match="is CANCELLED"):
            act(schedule, **WHY)  # type: ignore[operator]


@pytest.mark.django_db(transaction=True)
def test_a_skip_and_a_scheduler_at_the_same_moment_agree() -> None:
    for _ in range(3):
        schedule = series("DAILY")
        skip = lambda one=schedule: skip_occurrence(one, number=0, **WHY)  # noqa: E731
        make = lambda one=schedule: create_occurrences(one.pk)  # noqa: E731
        assert together(skip, make) == []
        assert numbers(schedule, Status.PENDING) in ([], [1])
        assert 0 not in numbers(schedule, Status.PENDING)


# --- from the command line ----------------------------------------------------------------------------------------


def test_a_series_is_created_shown_and_paid(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    start = wall(clock.now() + HOUR)
    words = (setting.asset.address, "--amount", "10", "--every", "daily", "--from", start, "--zone", "UTC")
    assert run("create_schedule", *words, "--dry-run").out.startswith(
        "nothing was created\n      0  " + start
    )
    assert not Schedule.objects.exists()

    created = run("create_schedule", *words)
    uid, *dates = created.out.split("\n")
    assert created.code == 0
    assert len([date for date in dates if date]) == 12
    assert "daily: 10.00 USDC to the holders of PDD" in created.err

    world.advance(3_601)
    start_due()
    first = Distribution.objects.get(occurrence=0)
    pump.until_status(first, Status.COMPLETED)
    assert_all_paid_once(setting, first)

    shown = run("control_schedule", "skip", uid[:8], "--reason", "a holiday")
    assert re.match(r"skipped: 1, \d{4}", shown.err)
    assert f"daily series {uid} is ACTIVE" in shown.out
    for action, status in (("pause", "PAUSED"), ("resume", "ACTIVE"), ("cancel", "CANCELLED")):
        assert f"is {status}" in run("control_schedule", action, uid, "--reason", "x").out
    again = run("control_schedule", "cancel", uid, "--reason", "x")
    assert (again.code, again.out) == (2, "")


SERIES = ("--amount=5", "--every=monthly")
LATER = "2036-01-31 09:00"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            ("--from=2020-01-31 09:00",),
            "the first time, 2020-01-31 09:00:00 UTC, has passed; give one to come",
        ),
        (("--from=soon",), "'soon' is no time; write it as in 2027-03-31 09:00"),
        (
            (f"--from={LATER}", "--zone=Madrid"),
            "there is no time zone 'Madrid'; write it as in Europe/Madrid",
        ),
        ((f"--from={LATER}", "--count=0"), "0 is no count of occurrences; give one from 1 to 100,000"),
        ((f"--from={LATER}", "--until=2030-01-01 09:00"), "before its first time"),
        ((f"--from={LATER}", "--amount=0"), "the amount is 0; give one above 0"),
    ],
)
def test_a_series_that_cannot_be(world: World, given: tuple[str, ...], words: str) -> None:
    setting = world.spare_asset()
    assert words in refused("create_schedule", setting.asset.address, *SERIES, *given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--at=2020-01-31 09:00",), "has passed; give one to come, or none and start it by hand"),
        (("--at=2036-03-30 02:30", "--zone=Europe/Madrid"), "does not exist in Europe/Madrid"),
        (("--at=2035-01-01 09:00", "--record-at=2035-01-02 09:00"), "is after the time to pay"),
        (("--record-at=2035-01-02 09:00",), "give the time to pay as well"),
        (
            ("--record-at=2020-01-02 09:00",),
            "nobody can take a snapshot of the past; give the id of an unused one",
        ),
        (("--snapshot=1",), "give the record time as well: when the snapshot was taken"),
        (("--snapshot=1", "--record-at=2035-01-02 09:00"), "is still to come, so no snapshot that exists"),
        (("--snapshot=0", "--record-at=2020-01-02 09:00"), "0 is no snapshot; they are counted from 1"),
        (("--snapshot=77", "--record-at=2020-01-02 09:00"), "PDD has no snapshot 77, or nobody held it then"),
    ],
)
def test_times_that_cannot_be_kept(world: World, given: tuple[str, ...], words: str) -> None:
    setting = world.asset(holders=1)
    assert words in refused("create_distribution", setting.asset.address, "--amount=5", *given)


def test_a_snapshot_is_used_once_and_by_nobody_else(world: World) -> None:
    from tests.chainsync.test_reading import Calls

    setting = world.asset(holders=2)
    calls = Calls(setting)
    calls.close_block()
    taken_at = wall(clock.now())
    world.advance(5)
    words = (
        "create_distribution",
        setting.asset.address,
        "--amount=5",
        f"--record-at={taken_at}",
        "--snapshot=1",
    )
    setting.top_up(10**6)
    calls.pay(setting.holders[0])
    calls.close_block()
    assert "holders were paid by the snapshot 1 already, with another tool" in refused(*words)

    calls.control.do_call(setting.made["asset"]["id"], "takeSnapshot", [])
    calls.close_block()
    unused = [*words[:3], f"--record-at={wall(clock.now())}", "--snapshot=2"]
    world.advance(5)
    assert run(*unused).code == 0
    assert "another distribution uses the snapshot 2 already" in refused(*unused)
    assert rows()["Distribution"] == 1
