"""Redis: it carries rings, never the truth."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.celery import QUEUES
from config.doctor.findings import Finding, failed, ok, warning
from config.doctor.registry import check

GROUP = "Redis"
SECONDS = 3
OLDEST = (6, 2)
FULL = 0.8
# A sweep rings for at most 500 rows of a kind, and again after some seconds.
MANY_RINGS = 5_000
HIDDEN = "Redis hides its configuration, as managed ones do"


@contextmanager
def _redis() -> Iterator[redis.Redis]:
    address = settings.REDIS_URL.get_secret_value()
    with redis.Redis.from_url(
        address, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=Retry(NoBackoff(), 0)
    ) as client:
        yield client


def _setting(name: str) -> str | None:
    """None where a managed Redis refuses the question."""
    with _redis() as client:
        try:
            found: Any = client.config_get(name)
        except redis.ResponseError:
            return None
        value = found.get(name)
    return None if value is None else str(value)


@check(GROUP, "redis")
def reachable() -> Finding:
    try:
        with _redis() as client:
            facts: Any = client.info("server")
    except redis.AuthenticationError:
        return failed("Redis refuses the password", "correct the password in REDIS_URL")
    except redis.RedisError as error:
        kind = type(error).__name__
        return failed(
            f"Redis does not answer ({kind})",
            "check REDIS_URL, that Redis runs, and that it accepts connections from this machine",
        )
    version = str(facts["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        return failed(f"Redis {version} is too old", "use Redis 6.2 or newer")
    return ok(f"Redis {version}")


@check(GROUP, "eviction", needs=("redis",))
def eviction() -> Finding:
    policy = _setting("maxmemory-policy")
    if policy is None:
        return warning(HIDDEN, "see in its console that maxmemory-policy is noeviction")
    if policy != "noeviction":
        return failed(
            f"Redis throws messages away when it is full (maxmemory-policy {policy})",
            "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf",
        )
    return ok("noeviction")


@check(GROUP, "persistence", needs=("redis",))
def persistence() -> Finding:
    """Nothing is lost without it, but everything waits for the sweeps after a restart."""
    setting = _setting("appendonly")
    if setting is None:
        return warning(HIDDEN, "see in its console that append-only persistence is on")
    if setting != "yes":
        return warning(
            "Redis forgets its messages at a restart; the sweeps find their rows again, only later",
            "CONFIG SET appendonly yes, and the same in redis.conf",
        )
    return ok("append-only file")


@check(GROUP, "memory", needs=("redis",))
def memory() -> Finding:
    with _redis() as client:
        facts: Any = client.info("memory")
    used, most = int(facts["used_memory"]), int(facts.get("maxmemory") or 0)
    if most and used > FULL * most:
        return failed(
            f"Redis uses {_megabytes(used)} of {_megabytes(most)} MB; when full it takes no more rings",
            "give it more memory (maxmemory), and see what fills it",
        )
    return ok(f"{_megabytes(used)} MB used" + (f" of {_megabytes(most)}" if most else ""))


@check(GROUP, "queues", needs=("redis",))
def queues() -> Finding:
    with _redis() as client:
        lengths = {name: int(client.llen(name)) for name in QUEUES}
    words = ", ".join(f"{name} {length}" for name, length in lengths.items() if length) or "empty"
    if max(lengths.values()) > MANY_RINGS:
        return warning(
            f"rings pile up: {words}", "start more workers or signers, or see in their log what keeps them"
        )
    return ok(words)


def _megabytes(count: int) -> str:
    return f"{count / 2**20:.0f}"
