import pytest
from celery import current_app
from django.core.management import call_command
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from pytest_django import Settings

from config.beats import Entry, every, sync_beat, table
from config.models import BeatOrigin

pytestmark = pytest.mark.django_db
SWEEP = Entry("sweep", "contracts.sweep", every(2), expires=10)
CHECK = Entry("check", "reserves.check", "0 */5 * * * *", queue="checks")


def row(name: str) -> PeriodicTask:
    return PeriodicTask.objects.get(name=name)


def test_rows_are_made_from_the_table() -> None:
    sync_beat([SWEEP, CHECK, Entry("due", "payouts.due", "*/30 * * * * *")])
    assert (row("sweep").interval.every, row("sweep").expire_seconds) == (2, 10)
    assert (row("check").crontab.minute, row("check").queue) == ("*/5", "checks")
    assert str(row("check").crontab.timezone) == "UTC"
    assert row("due").interval.every == 30


def test_doing_it_again_changes_nothing() -> None:
    for _ in range(2):
        sync_beat([SWEEP, CHECK])
    assert PeriodicTask.objects.filter(name__in=["sweep", "check"]).count() == 2
    assert IntervalSchedule.objects.count() == 1
    assert CrontabSchedule.objects.filter(minute="*/5").count() == 1


def test_an_operators_interval_is_kept_and_a_changed_setting_wins() -> None:
    sync_beat([SWEEP])
    own = IntervalSchedule.objects.create(every=60, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.filter(name="sweep").update(interval=own, enabled=False, queue="elsewhere")
    sync_beat([SWEEP])
    assert (row("sweep").interval.every, row("sweep").enabled, row("sweep").queue) == (60, False, "default")
    sync_beat([Entry("sweep", "contracts.sweep", every(5))])
    assert (row("sweep").interval.every, row("sweep").enabled) == (5, False)


def test_a_changed_setting_may_turn_an_interval_into_a_crontab() -> None:
    sync_beat([SWEEP])
    sync_beat([Entry("sweep", "contracts.sweep", "0 3 * * *")])
    assert row("sweep").interval is None
    assert row("sweep").crontab.hour == "3"


def test_names_that_left_the_table_are_deleted_and_others_rows_are_not() -> None:
    every_hour = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    PeriodicTask.objects.create(name="an operator's own", task="x", interval=every_hour)
    sync_beat([SWEEP, CHECK])
    sync_beat([CHECK])
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == {"an operator's own", "check"}
    assert set(BeatOrigin.objects.values_list("name", flat=True)) == {"check"}


def test_a_deleted_row_comes_back() -> None:
    sync_beat([SWEEP])
    PeriodicTask.objects.filter(name="sweep").delete()
    sync_beat([SWEEP])
    assert row("sweep").interval.every == 2


def test_doubles_made_by_hand_do_not_disturb() -> None:
    for _ in range(2):
        IntervalSchedule.objects.create(every=2, period=IntervalSchedule.SECONDS)
    sync_beat([SWEEP])
    assert row("sweep").interval.every == 2


def test_the_command_writes_the_table_with_the_settings_of_the_moment(settings: Settings) -> None:
    settings.SWEEP_SECONDS = 7
    call_command("sync_beat", verbosity=0)
    assert row("contracts: sweep").interval.every == 7
    assert {entry.name for entry in table()} == set(BeatOrigin.objects.values_list("name", flat=True))


def test_failed_payments_are_tried_again_as_the_setting_says(settings: Settings) -> None:
    call_command("sync_beat", verbosity=0)
    retries = row("payouts: retry failed")
    assert (retries.task, retries.crontab.minute, retries.crontab.hour) == ("payouts.retry_failed", "0", "*")
    settings.RETRY_FAILED_BATCHES_CRON = "*/10 * * * * *"
    call_command("sync_beat", verbosity=0)
    assert row("payouts: retry failed").interval.every == 10


def test_every_entry_names_a_registered_task() -> None:
    current_app.loader.import_default_modules()
    assert {entry.task for entry in table()} <= set(current_app.tasks)
