"""Whether this process is up, and whether Paydate can do its work, for a load balancer."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import Error, ProgrammingError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from health_check.base import HealthCheck
from health_check.exceptions import HealthCheckException, ServiceUnavailable
from health_check.views import HealthCheckView
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.beats import HEARTBEAT_SECONDS
from config.models import Heartbeat
from contracts.services.identity import identity_problem

PROCESSES = ("worker", "signer", "beat")
OLDEST_HEARTBEAT = timedelta(seconds=4 * HEARTBEAT_SECONDS)
# The library's default tries four times, which makes a plain no slow.
ONCE = Retry(NoBackoff(), 0)
SAFE_COMMIT = ("on", "remote_write", "remote_apply")


class NotReady(ServiceUnavailable):
    """Says in words what is missing; never an address or a password."""


@dataclass
class _OfDatabase(HealthCheck):
    def run(self) -> None:
        try:
            self.look()
        except Error as error:
            raise NotReady("the database does not answer") from error
        finally:
            # The thread ends with this answer; its connection must, too.
            connections.close_all()

    def look(self) -> None:
        raise NotImplementedError


@dataclass
class Database(_OfDatabase):
    """PostgreSQL 15 to 18, and a commit that survives the primary where there are replicas."""

    def look(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int, current_setting('synchronous_commit'),"
                " current_setting('synchronous_standby_names'), (SELECT count(*) FROM pg_stat_replication)"
            )
            version, commit, standbys, replicas = cursor.fetchone()
        if not 150000 <= version < 190000:
            raise NotReady(f"PostgreSQL {version // 10000} is not supported: use 15 to 18")
        if settings.IS_PRODUCTION and commit not in SAFE_COMMIT:
            raise NotReady(
                f"synchronous_commit is {commit}: a crash could forget what was sent; switch it on"
            )
        if replicas and not standbys:
            raise NotReady(
                "there are replicas but no synchronous_standby_names: a fail-over could forget payments"
            )


@dataclass
class Migrations(_OfDatabase):
    def look(self) -> None:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            raise NotReady(f"{len(missing)} migrations are not applied: run manage.py prepare_database")


@dataclass
class Identity(_OfDatabase):
    """The database is the one that this Paydate was given, not a copy of it."""

    def look(self) -> None:
        try:
            problem = identity_problem()
        except ProgrammingError:
            return  # the table is missing, and the migrations that are not applied are named above
        if problem:
            raise NotReady(problem)


@dataclass
class Heartbeats(_OfDatabase):
    """Rows written by tasks: a worker that answers pings but takes no work is found, too."""

    def look(self) -> None:
        ages = Heartbeat.objects.all().ages()
        late = [_lateness(process, ages.get(process)) for process in PROCESSES]
        if any(late):
            raise NotReady("; ".join(filter(None, late)))


@dataclass
class Broker(HealthCheck):
    def run(self) -> None:
        try:
            with redis.Redis.from_url(
                settings.REDIS_URL.get_secret_value(), socket_timeout=3, retry=ONCE
            ) as client:
                client.ping()
                policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
        except redis.ResponseError:
            return  # a managed Redis that hides its configuration
        except redis.RedisError as error:
            raise NotReady("Redis does not answer") from error
        if policy != "noeviction":
            raise NotReady(f"Redis evicts messages (maxmemory-policy {policy}): set it to noeviction")


class ReadyView(HealthCheckView):
    """200 or 503, always JSON: {"ready": …, "problems": [words], "checks": {name: "ok" or words}}."""

    checks = (Database, Migrations, Identity, Heartbeats, Broker)

    async def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        with self.get_executor() as executor:
            results = [await check.get_result(executor) for check in self.get_checks()]
        answers = {type(result.check).__name__.lower(): _words(result.error) for result in results}
        problems = [_words(result.error) for result in results if result.error]
        body = {"ready": not problems, "problems": problems, "checks": answers}
        return JsonResponse(body, status=503 if problems else 200)

    def get_executor(self) -> AbstractContextManager[ThreadPoolExecutor]:
        return ThreadPoolExecutor(max_workers=1)


def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"live": True})


def _words(error: HealthCheckException | None) -> str:
    return error.message if error else "ok"


def _lateness(process: str, age: timedelta | None) -> str:
    if age is None:
        return f"the {process} was never seen"
    if age > OLDEST_HEARTBEAT:
        return f"the {process} was last seen {age.total_seconds():.0f} s ago"
    return ""
