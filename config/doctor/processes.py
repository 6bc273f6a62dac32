"""Worker, signer and beat, by the signs of life that their work leaves behind."""

from collections.abc import Callable
from datetime import timedelta

from django_celery_beat.models import PeriodicTask

from config.beats import Entry, table
from config.doctor.findings import Finding, failed, ok, skipped, warning
from config.doctor.registry import Look, check
from config.health import OLDEST_HEARTBEAT, PROCESSES
from config.models import BeatOrigin, Heartbeat

GROUP = "Processes"
BEAT = "beat"


def _is_late(age: timedelta | None) -> bool:
    return age is None or age > OLDEST_HEARTBEAT


def _alive(process: str) -> Callable[[], Finding]:
    def look() -> Finding:
        ages = Heartbeat.objects.all().ages()
        age = ages.get(process)
        if not _is_late(age) and age is not None:
            return ok(f"seen {max(age.total_seconds(), 0):.0f} s ago")
        if process != BEAT and _is_late(ages.get(BEAT)):
            return skipped("needs beat, which asks it for its sign of life")
        when = "never seen" if age is None else f"last seen {age.total_seconds():.0f} s ago"
        return failed(
            when,
            f"start the Procfile's `{process}` under a supervisor; if it runs, its log says what keeps it",
        )

    return look


def _register(processes: tuple[str, ...]) -> list[Look]:
    return [check(GROUP, process, needs=("migrations",))(_alive(process)) for process in processes]


# Beat first: the others' signs of life are rung for by it.
_register((BEAT, *(process for process in PROCESSES if process != BEAT)))


@check(GROUP, "beat's rows", needs=("migrations",))
def beat_rows() -> Finding | list[Finding]:
    entries = table()
    rows = {row.name: row for row in PeriodicTask.objects.filter(name__in=[entry.name for entry in entries])}
    origins = dict(BeatOrigin.objects.values_list("name", "schedule"))
    differing = [
        failed(f"{entry.name}: {words}", "run manage.py sync_beat")
        for entry in entries
        if (words := _difference(entry, rows.get(entry.name), origins.get(entry.name)))
    ]
    switched_off = [
        warning(f"{row.name}: somebody switched it off", "enable it in the admin under Periodic tasks")
        for row in rows.values()
        if not row.enabled
    ]
    return [*differing, *switched_off] or ok(f"{len(entries)} rows, as in this release")


def _difference(entry: Entry, row: PeriodicTask | None, origin: str | None) -> str:
    """An operator's own interval is no difference."""
    if row is None:
        return "the row is missing, so nothing rings for it"
    if origin != entry.schedule:
        return f"the settings say {entry.schedule}, the row was made for {origin or 'something else'}"
    if (row.task, row.queue, row.expire_seconds) != (entry.task, entry.queue, entry.expires):
        return "task, queue or expiry are not those of this release"
    return ""
