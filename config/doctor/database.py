"""PostgreSQL: the only truth there is."""

import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from config.doctor.findings import Finding, failed, from_sentence, ok, warning
from config.doctor.registry import check
from config.health import SAFE_COMMIT
from contracts.models import Installation
from contracts.services.identity import identity_problem

GROUP = "Database"
OURS = ("contracts", "chainsync", "reserves", "payouts", "config")
MOST_SECONDS_APART = 5.0


def _row(question: str) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone() or ()


@check(
    GROUP,
    "database",
    fix="check DATABASE_URL, that PostgreSQL runs, and that it accepts connections from this machine",
)
def database() -> Finding:
    begin = time.monotonic()
    version, words, encoding = _row(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
        " current_setting('server_encoding')"
    )
    milliseconds = (time.monotonic() - begin) * 1000
    if not 150000 <= version < 190000:
        return failed(f"PostgreSQL {words} is not supported", "use PostgreSQL 15 to 18")
    if encoding != "UTF8":
        return failed(
            f"the database is encoded in {encoding}",
            "create it again with ENCODING 'UTF8' and restore into it",
        )
    return ok(f"PostgreSQL {words}, {encoding}, answers in {milliseconds:.0f} ms")


@check(GROUP, "commits", needs=("database",))
def commits() -> Finding:
    """What was sent must be in the database for good, also after a crash or a fail-over."""
    commit, standbys, replicas, fsync, pages = _row(
        "SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),"
        " (SELECT count(*) FROM pg_stat_replication), current_setting('fsync'),"
        " current_setting('full_page_writes')"
    )
    if commit not in SAFE_COMMIT:
        return failed(
            f"synchronous_commit is {commit}: a crash could forget what was sent",
            "ALTER DATABASE ... SET synchronous_commit = on, and restart the processes",
        )
    if settings.IS_PRODUCTION and "off" in (fsync, pages):
        return failed(
            f"fsync is {fsync} and full_page_writes {pages}: a power cut could break the database",
            "switch both on in postgresql.conf",
        )
    if replicas and not standbys:
        return failed(
            f"{replicas} replicas, but no synchronous_standby_names: a fail-over could forget payments",
            "name at least one of them in synchronous_standby_names",
        )
    return ok(f"synchronous_commit is {commit}" + (f", {replicas} replicas" if replicas else ""))


@check(GROUP, "database's clock", needs=("database",))
def clock() -> Finding:
    """Compared in the middle of the question, so that its way there and back does not count."""
    begin = time.time()
    (theirs,) = _row("SELECT extract(epoch FROM clock_timestamp())::float8")
    apart = theirs - (begin + time.time()) / 2
    if abs(apart) <= MOST_SECONDS_APART:
        return ok(f"within {max(abs(apart), 0.1):.1f} s of ours")
    side = "ahead of" if apart > 0 else "behind"
    return warning(
        f"it is {abs(apart):.0f} s {side} this machine's",
        "let NTP set both clocks; chain time says which is wrong",
    )


@check(GROUP, "migrations", needs=("database",))
def migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{one.app_label}.{one.name}" for one, _ in missing[:3])
        more = ", ..." if len(missing) > 3 else ""
        return failed(
            f"{len(missing)} migrations are not applied: {names}{more}", "run manage.py prepare_database"
        )
    known = set(executor.loader.disk_migrations)
    newer = [key for key in executor.loader.applied_migrations if key[0] in OURS and key not in known]
    if newer:
        names = ", ".join(".".join(key) for key in newer[:3])
        return failed(
            f"the database was prepared by a newer release: {names}", "start that release, not this one"
        )
    return ok("all applied")


@check(GROUP, "identity", needs=("migrations",))
def identity() -> Finding:
    if problem := identity_problem():
        return from_sentence(problem, ": ")
    owner = Installation.objects.first()
    return ok(f"this database belongs to {owner}" if owner else "the first signature claims this database")
