"""Gathers the figures, part by part: one that fails is named in the answer and leaves the others standing."""

import threading
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any

import structlog
from django.db import Error, connection, transaction
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from config.boot import BASE_DIR
from config.metrics import following, paying, reserving, sending, waiting
from config.metrics.families import Values, gauge, gauges, info
from contracts import clock

log = structlog.get_logger(__name__)
Part = Callable[[datetime], Iterator[Metric]]

PARTS: dict[str, Part] = {
    "machinery": waiting.machinery,
    "distributions": paying.distributions,
    "batches": paying.batches,
    "transactions": sending.transactions,
    "custody": sending.custody,
    "events": following.events,
    "looks": following.looks,
    "listeners": following.listeners,
    "contracts": reserving.contracts,
    "reserve checks": reserving.checks,
    "waiting": waiting.waiting,
    "standstills": waiting.standstills,
}
KEPT_SECONDS = 2.0
STATEMENT_TIMEOUT_MS = 1000


class PaydateCollector(Collector):
    """Keeps an answer for two seconds, so that many scrapers cost the database no more than one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._read_at = float("-inf")

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if time.monotonic() - self._read_at >= KEPT_SECONDS:
                self._kept = read_all()
                self._read_at = time.monotonic()
            return self._kept


def read_all() -> list[Metric]:
    """Every figure as the database has it now. Never raises for what the database does."""
    started = time.perf_counter()
    found: dict[str, list[Metric]] = {}
    try:
        with transaction.atomic():
            _limit_statements()
            for name, part in PARTS.items():
                _read(name, part, found)
    except Error as error:
        log.warning("scrape_failed", error=str(error))
    errors: Values = {(name,): float(name not in found) for name in PARTS}
    return [
        info("paydate_build_info", {"version": version()}),
        gauges("paydate_scrape_error", errors),
        gauge("paydate_scrape_seconds", time.perf_counter() - started),
        *(metric for metrics in found.values() for metric in metrics),
    ]


def _read(name: str, part: Part, found: dict[str, list[Metric]]) -> None:
    try:
        with transaction.atomic():
            found[name] = list(part(clock.now()))
    except Exception:
        log.exception("scrape_failed", part=name)


def _limit_statements() -> None:
    """A scrape must never be what a database in trouble works on; ends with the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")


@cache
def version() -> str:
    project: dict[str, Any] = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]
    return str(project["version"])
