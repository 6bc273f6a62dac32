"""What beat rings, in one table, and how the table reaches django-celery-beat's rows."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from config.cron import At, Every, parse_cron
from config.models import BeatOrigin

HEARTBEAT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """`schedule` as in the settings: five or six cron fields. A ring not taken within `expires` seconds is dropped."""

    name: str
    task: str
    schedule: str
    queue: str = "default"
    expires: int = 60


def every(seconds: int) -> str:
    """Intervals above 59 seconds have no cron spelling, so this one is ours."""
    return f"every {seconds} seconds"


def table() -> list[Entry]:
    sweep = every(settings.SWEEP_SECONDS)
    beat = every(HEARTBEAT_SECONDS)
    return [
        Entry("contracts: sweep", "contracts.sweep", sweep, expires=10),
        Entry("payouts: sweep", "payouts.sweep", sweep, expires=10),
        Entry("payouts: start what is due", "payouts.start_due", settings.SCHEDULED_PAYOUTS_CRON),
        Entry(
            "payouts: retry failed", "payouts.retry_failed", settings.RETRY_FAILED_BATCHES_CRON, expires=600
        ),
        Entry("payouts: import corporate actions", "payouts.import_due", every(30), expires=30),
        Entry("payouts: remind of unclaimed", "payouts.remind_unclaimed", every(86_400), expires=3600),
        Entry("reserves: sweep", "reserves.sweep", sweep, queue="checks", expires=10),
        Entry(
            "reserves: check payment availability",
            "reserves.check_payment_availability",
            settings.PAYMENT_AVAILABILITY_CRON,
            queue="checks",
            expires=240,
        ),
        Entry(
            "reserves: check blocked contracts",
            "reserves.check_blocked",
            every(settings.RESERVE_BLOCKED_SECONDS),
            queue="checks",
        ),
        Entry("reserves: refresh books", "reserves.refresh_books", every(300), queue="checks", expires=240),
        Entry("reserves: forget old checks", "reserves.forget_old", every(3600), queue="checks", expires=600),
        Entry(
            "chainsync: follow contracts",
            "chainsync.follow_due",
            every(max(1, settings.BLOCKCHAIN_POLLING_INTERVAL_ACTIVE // 1000)),
            queue="sync",
            expires=10,
        ),
        # Not in the queue of what it watches: a queue that is full must not keep people from hearing of it.
        Entry("chainsync: watch listeners", "chainsync.watch", every(5), expires=5),
        Entry(
            "chainsync: sync assets",
            "chainsync.sync_due",
            settings.ASSET_SYNC_CRON,
            queue="sync",
            expires=600,
        ),
        Entry(
            "chainsync: compare with the chain",
            "chainsync.reconcile_due",
            settings.RECONCILIATION_CRON,
            queue="sync",
            expires=3600,
        ),
        Entry("contracts: seal audit events", "contracts.seal_audit_events", every(10), expires=10),
        Entry("contracts: send notices", "contracts.send_notices", every(10), expires=10),
        Entry(
            "contracts: guard wallets",
            "contracts.guard_wallets",
            every(settings.FENCE_SECONDS),
            queue="signing",
        ),
        Entry("heartbeat of the workers", "config.heartbeat", beat, expires=HEARTBEAT_SECONDS),
        Entry(
            "heartbeat of the signers", "config.heartbeat", beat, queue="signing", expires=HEARTBEAT_SECONDS
        ),
    ]


@transaction.atomic
def sync_beat(entries: Iterable[Entry]) -> None:
    """Create, correct and remove our rows.

    A schedule the table changed wins; one it did not change is left as an operator set it, and so is the switch
    that enables a row. Task, queue and expiry always follow the table. Rows that are not ours are not touched.
    """
    entries = list(entries)
    origins = dict(BeatOrigin.objects.select_for_update().values_list("name", "schedule"))
    for entry in entries:
        _sync(entry, origins.get(entry.name))
    gone = origins.keys() - {entry.name for entry in entries}
    PeriodicTask.objects.filter(name__in=gone).delete()
    BeatOrigin.objects.filter(name__in=gone).delete()
    PeriodicTasks.update_changed()


def _sync(entry: Entry, origin: str | None) -> None:
    row = PeriodicTask.objects.filter(name=entry.name).first()
    if row is None:
        row, origin = PeriodicTask(name=entry.name), None
    if origin != entry.schedule:
        _set_schedule(row, entry.schedule)
        BeatOrigin.objects.update_or_create(name=entry.name, defaults={"schedule": entry.schedule})
    row.task, row.queue, row.expire_seconds = entry.task, entry.queue, entry.expires
    row.save()


def _set_schedule(row: PeriodicTask, text: str) -> None:
    """The oldest equal row is shared, because operators can make doubles of it in the admin."""
    row.interval, row.crontab, row.solar, row.clocked = None, None, None, None
    match _parsed(text):
        case Every(seconds):
            fields = {"every": seconds, "period": IntervalSchedule.SECONDS}
            row.interval = IntervalSchedule.objects.filter(**fields).order_by("pk").first() or (
                IntervalSchedule.objects.create(**fields)
            )
        case At() as at:
            fields = {name: getattr(at, name) for name in At.__slots__} | {"timezone": "UTC"}
            row.crontab = CrontabSchedule.objects.filter(**fields).order_by("pk").first() or (
                CrontabSchedule.objects.create(**fields)
            )


def _parsed(text: str) -> Every | At:
    if text.startswith("every "):
        return Every(int(text.split()[1]))
    return parse_cron(text)
