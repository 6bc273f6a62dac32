"""What is due starts by itself, once, at its time; what was missed follows its policy; nothing waits for another."""

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.models import AuditEvent, ContractTransaction, Hold
from contracts.services.holds import lift_hold, place_hold
from payouts.models import Distribution
from payouts.services import scheduling
from payouts.services.scheduling import start_distribution, start_due, start_some
from payouts.services.starting import NotStartable, execute_distribution
from reserves.models import Reservation
from tests.factories import DistributionFactory, ScheduleFactory
from tests.running import Status, assert_all_paid_once, create, idle, moves
from tests.threads import together
from tests.world import Pump, World

HOUR = timedelta(hours=1)


def tick(pump: Pump) -> None:
    start_due()
    pump.drain()


def due(**columns: Any) -> Distribution:
    """A row whose time came a minute ago."""
    return DistributionFactory.create(
        **{"execute_at": clock.now() - timedelta(minutes=1), "execution": "SCHEDULED"} | columns
    )


def at(distribution: Distribution, seconds: str) -> float:
    """Seconds of a consensus time after the time to pay."""
    assert distribution.execute_at is not None
    return float((clock.from_ns(clock.consensus_ns(seconds)) - distribution.execute_at).total_seconds())


# --- on time ------------------------------------------------------------------------------------------------------


def test_a_scheduled_payout_is_paid_at_its_time_and_not_before(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    wall = (clock.now() + HOUR).astimezone(ZoneInfo("Europe/Madrid"))
    distribution = create(
        setting.asset.address, amount="90", execute_at=f"{wall:%Y-%m-%d %H:%M:%S}", zone="Europe/Madrid"
    )
    assert distribution.execution == "SCHEDULED"
    assert distribution.execute_at == wall.replace(microsecond=0)

    tick(pump)
    with pytest.raises(
        NotStartable, match=r"starts by itself at .* Europe/Madrid; to pay earlier, cancel it"
    ):
        execute_distribution(distribution, by="olivia")
    assert moves(distribution) == ["PENDING"]

    world.advance(3_601)
    tick(pump)
    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    assert distribution.started_by == "paydate"
    assert at(distribution, distribution.executed_at) >= 0


def test_the_snapshot_is_taken_at_the_record_time_and_paid_later(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    record_at, execute_at = clock.now() + timedelta(minutes=10), clock.now() + 2 * HOUR
    distribution = create(
        setting.asset.address,
        amount="90",
        record_at=record_at,
        execute_at=execute_at,
        zone="America/New_York",
    )
    tick(pump)
    assert moves(distribution) == ["PENDING"]

    world.advance(601)
    tick(pump)

    def taken() -> bool:
        distribution.refresh_from_db()
        return "paying begins" in distribution.status_reason

    pump.run(taken)
    idle(pump)
    distribution.refresh_from_db()
    taken_at = clock.from_ns(clock.consensus_ns(distribution.snapshot_consensus_at))
    assert record_at <= taken_at < execute_at
    assert distribution.status == Status.PLANNING
    assert "the snapshot is taken, paying begins at" in distribution.status_reason
    assert "America/New_York" in distribution.status_reason
    assert not Reservation.objects.exists(), "the money of others is not tied up before it is due"

    world.advance(7_200)
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
    assert at(distribution, distribution.executed_at) >= 0


def test_a_snapshot_that_came_too_late_is_held_once_until_a_person_agrees(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.RECORD_LATENESS_SECONDS = 60
    setting = world.asset(holders=3)
    distribution = create(
        setting.asset.address,
        amount="90",
        record_at=clock.now() + timedelta(minutes=5),
        execute_at=clock.now() + timedelta(minutes=6),
    )
    world.advance(600)
    tick(pump)
    pump.until_status(distribution, Status.HELD)

    assert distribution.snapshot_id is not None
    assert "after the record time" in distribution.status_reason
    assert "lift this hold to pay the holders of that moment, or cancel" in distribution.status_reason
    idle(pump)
    hold = Hold.objects.get()
    assert (hold.cause, hold.needs_operator, hold.lifted_at) == ("PREFLIGHT", True, None)

    lift_hold(hold, reason="the issuer agrees", by="olivia")
    pump.until_status(distribution, Status.COMPLETED)
    assert Hold.objects.count() == 1
    assert_all_paid_once(setting, distribution)


def test_a_snapshot_of_the_past_pays_its_holders_without_another(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    world.control.do_call(setting.made["asset"]["id"], "takeSnapshot", [])
    world.control.do_close_block()
    taken_at = clock.now()
    world.advance(600)

    distribution = create(setting.asset.address, amount="90", snapshot_id=1, record_at=taken_at)
    execute_distribution(distribution, by="olivia")
    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    assert distribution.snapshot_id == 1
    assert not ContractTransaction.objects.filter(function="takeSnapshot").exists()


# --- each for itself ----------------------------------------------------------------------------------------------


def test_ticks_that_overlap_start_everything_once(world: World, pump: Pump) -> None:
    runs = [due() for _ in range(60)]

    assert together(*[start_due] * 4) == []
    assert {name for name, _ in pump.rings} == {"payouts.start_some"}
    pump.rings.clear()
    jobs = [lambda: start_some(0)] * 4 + [lambda pk=run.pk: start_distribution(pk) for run in runs[:5]]
    assert together(*jobs) == []

    assert set(Distribution.objects.values_list("status", flat=True)) == {Status.PLANNING}
    assert AuditEvent.objects.filter(source="PENDING", target="PLANNING").count() == len(runs)
    assert sorted(pump.rings) == [("payouts.advance_distribution", run.pk) for run in runs]


def test_a_ring_that_is_lost_is_repeated_by_the_next_tick(world: World, pump: Pump) -> None:
    run = due()
    with pump.without("payouts.start_some"):
        tick(pump)
    run.refresh_from_db()
    assert run.status == Status.PENDING
    with pump.without("payouts.advance_distribution"):
        tick(pump)
    run.refresh_from_db()
    assert run.status == Status.PLANNING


def test_what_a_process_took_and_left_when_it_died_is_taken_again(world: World, pump: Pump) -> None:
    run = due()
    assert scheduling._take_due(clock.now()) == [run.pk]
    start_some(0)
    run.refresh_from_db()
    assert run.status == Status.PENDING
    world.advance(21)
    start_some(0)
    run.refresh_from_db()
    assert run.status == Status.PLANNING


def test_one_that_cannot_start_says_why_and_delays_nobody(
    world: World, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [due(execute_at=clock.now() - timedelta(minutes=n)) for n in range(10, 0, -1)]
    broken = runs[0]

    def execute(distribution: Distribution, **given: Any) -> None:
        if distribution.pk == broken.pk:
            raise RuntimeError("a cable is loose")
        execute_distribution(distribution, **given)

    monkeypatch.setattr(scheduling, "execute_distribution", execute)
    with pump.without("payouts.advance_distribution"):
        tick(pump)
    assert Distribution.objects.filter(status=Status.PLANNING).count() == 9
    broken.refresh_from_db()
    assert broken.status == Status.PENDING
    assert broken.status_reason == "unexpected error, see the log: RuntimeError: a cable is loose"

    monkeypatch.setattr(scheduling, "execute_distribution", execute_distribution)
    world.advance(61)
    with pump.without("payouts.advance_distribution"):
        tick(pump)
    broken.refresh_from_db()
    assert (broken.status, broken.status_reason) == (Status.PLANNING, "")


def test_pages_of_what_is_due_are_shared_and_all_of_them_started(
    world: World, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "PAGE", 3)
    later = due(execute_at=clock.now() + HOUR)
    by_hand = DistributionFactory.create()
    runs = [due().pk for _ in range(8)]
    start_due()
    assert list(pump.rings) == [("payouts.start_some", number) for number in range(3)]
    start_some(0)
    assert [pk for name, pk in pump.rings if name == "payouts.advance_distribution"] == runs
    for waiting in (later, by_hand):
        waiting.refresh_from_db()
        assert waiting.status == Status.PENDING


def test_a_hold_on_everything_holds_what_becomes_due(world: World, pump: Pump) -> None:
    hold = place_hold(scope="GLOBAL", cause="OPERATOR", reason="the auditors are in the house", by="olivia")
    run = due()
    tick(pump)
    run.refresh_from_db()
    assert (run.status, run.status_reason) == (Status.HELD, "the auditors are in the house")
    lift_hold(hold, reason="they left", by="olivia")
    run.refresh_from_db()
    assert run.status == Status.PLANNING


# --- what was missed ----------------------------------------------------------------------------------------------


def test_a_day_of_downtime_is_made_up_for_as_each_policy_says(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3, fund=1_000_000_000)
    times = {"execute_at": clock.now() + HOUR, "zone": "Europe/Madrid"}
    late, asked, skipped = (
        create(setting.asset.address, amount="30", missed_policy=policy, **times)
        for policy in ("RUN_LATE", "ASK", "SKIP")
    )
    world.advance(25 * 3_600)
    tick(pump)

    for run in (late, asked, skipped):
        run.refresh_from_db()
    assert asked.status == Status.HELD
    assert asked.status_reason.startswith("its time was missed: it was due at ")
    assert asked.status_reason.endswith("lift this hold to start it late, or cancel this distribution")
    assert re.search(r"Europe/Madrid, 1 day, 0:\d\d:\d\d ago", asked.status_reason)
    assert skipped.status == Status.CANCELLED
    assert skipped.status_reason.endswith("and it was to be skipped then")
    assert skipped.ended_at is not None
    pump.until_status(late, Status.COMPLETED)
    assert "its time was missed" in AuditEvent.objects.get(object_id=late.pk, target="PLANNING").reason

    idle(pump)
    tick(pump)
    assert moves(asked) == ["PENDING", "HELD"], "it waits for a person"
    lift_hold(Hold.objects.get(), reason="pay it today", by="olivia")
    asked.refresh_from_db()
    assert asked.status == Status.PENDING
    tick(pump)
    pump.until_status(asked, Status.COMPLETED)
    assert Hold.objects.count() == 1


def test_a_little_late_is_not_missed(world: World, pump: Pump, settings: Settings) -> None:
    settings.MISSED_AFTER_SECONDS = 900
    runs = [due(missed_policy="ASK", execute_at=clock.now() - timedelta(seconds=s)) for s in (300, 1_500)]
    with pump.without("payouts.advance_distribution"):
        tick(pump)
    for run in runs:
        run.refresh_from_db()
    assert [run.status for run in runs] == [Status.PLANNING, Status.HELD]


def test_an_occurrence_of_a_paused_series_does_not_start(world: World, pump: Pump) -> None:
    run = due(schedule=ScheduleFactory.create(status="PAUSED", next_at=None), occurrence=0)
    tick(pump)
    start_distribution(run.pk)
    run.refresh_from_db()
    assert run.status == Status.PENDING


# --- when the tick comes ------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("cron", "shown"),
    [("*/30 * * * * *", "every 30 seconds"), ("0 */5 * * * *", "*/5 * * * *"), ("15 3 * * 1", "15 3 * * 1")],
)
def test_the_tick_comes_as_the_setting_says_with_five_fields_or_six(
    settings: Settings, cron: str, shown: str
) -> None:
    settings.SCHEDULED_PAYOUTS_CRON = cron
    call_command("sync_beat", verbosity=0)
    row = PeriodicTask.objects.get(name="payouts: start what is due")
    assert (row.task, row.enabled) == ("payouts.start_due", True)
    assert str(row.interval or row.crontab).startswith(shown)


def test_a_tick_between_two_others_changes_nothing(world: World, pump: Pump) -> None:
    """As after beat was restarted in the middle of a minute."""
    run = due()
    with pump.without("payouts.advance_distribution"):
        for _ in range(3):
            tick(pump)
    assert moves(run) == ["PLANNING"]
