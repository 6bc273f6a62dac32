"""How fast the chain is followed: events read from an instant mirror, and the holders of an asset.

A part has a PostgreSQL with `fsync` and a Redis of its own. Each round has a fresh process that reads (`bench.reader`)
and a fresh copy of a prepared database, so that every round finds the same; the mirror is a third process.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from bench.instant_chain import HOLDERS_OF, LOGS_OF_A_TRANSACTION, NANOSECONDS, TRANSACTION_NS
from bench.machine import ROOT, describe
from config.boot import keep_loopback_off_proxies
from devnet.services.postgres import Postgres
from devnet.services.redis import Redis

FULL_EVENTS, SMALL_EVENTS = 20_000, 2_000
ROUNDS = 3
FEWER_PAYOUTS = 10
WARM_UP = 200
FULL_HOLDERS, SMALL_HOLDERS = (10_000, 100_000), (1_000, 10_000)
CONTRACT, WARM_CONTRACT, ASSET = 5_001, 5_002, 6_001
# The cursor stays a minute behind the chain: what is to be read to its end is older.
BEHIND_SECONDS = 120
MIRROR_STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Bench:
    """Its services run; ``prepared`` is the database that rounds are copied from."""

    home: Path
    postgres: Postgres
    redis: Redis
    prepared = "prepared"

    @property
    def machine(self) -> dict[str, str | int]:
        return describe(self.postgres.url)

    def run(self, task: str, options: Mapping[str, Any], *, database: str) -> dict[str, Any]:
        """What `bench.reader` reports."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.reader", task, json.dumps(options)],
            cwd=ROOT,
            env=self._environment(database),
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return report

    def round(self, task: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """One run in a fresh copy of what is prepared."""
        self.create("round", template=self.prepared)
        report = self.run(task, options, database="round")
        print(f"{time.strftime('%H:%M:%S')} {json.dumps(report)}", file=sys.stderr, flush=True)
        return report

    def prepare(self, options: Mapping[str, Any] | None = None) -> None:
        """An empty database with all tables, and what the reader prepares in it by these options."""
        self.create(self.prepared)
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(migrate, cwd=ROOT, env=self._environment(self.prepared), check=True, stdout=sys.stderr)
        if options:
            self.run("prepare", options, database=self.prepared)
            self._execute("VACUUM ANALYZE", database=self.prepared)

    def create(self, name: str, *, template: str = "template0") -> None:
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")

    @contextmanager
    def mirror(self, wanted: Mapping[str, Any]) -> Iterator[str]:
        with instant_mirror(wanted, self.home / "run" / "mirror.pid") as url:
            yield url

    def _environment(self, database: str) -> dict[str, str]:
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "config.testing",
            "PAYDATE_TEST_RUN": str(self.home),
            "PAYDATE_HOME": str(self.home),
            "DATABASE_URL": self._url(database),
            "REDIS_URL": self.redis.url,
        }

    def _url(self, database: str) -> str:
        return urlunsplit(urlsplit(self.postgres.url)._replace(path=f"/{database}"))

    def _execute(self, statement: str, *, database: str = "postgres") -> None:
        with psycopg.connect(self._url(database), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def started(home: Path) -> Iterator[Bench]:
    """With services in this folder, which is removed afterwards."""
    shutil.rmtree(home, ignore_errors=True)
    (home / "run").mkdir(parents=True)
    keep_loopback_off_proxies()
    bench = Bench(home, Postgres(home), Redis(home))
    try:
        bench.postgres.start()
        bench.redis.start()
        yield bench
    finally:
        bench.redis.stop()
        bench.postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def instant_mirror(wanted: Mapping[str, Any], pid_file: Path) -> Iterator[str]:
    """The address of a mirror node in a process of its own, that knows what is wanted and answers at once."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.instant_mirror", json.dumps(wanted)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    pid_file.write_text(str(process.pid))
    try:
        if not (url := process.stdout.readline().strip()):
            raise SystemExit("the instant mirror did not start; its error stands above")
        yield url
    finally:
        process.stdin.close()
        process.wait(MIRROR_STOP_SECONDS)
        process.stdout.close()


def events(home: Path, count: int, *, rounds: int = ROUNDS, profile: str = "") -> dict[str, Any]:
    """Of each mix the median of its rounds. Where the reader spends its CPU time goes into the folder ``profile``."""
    with started(home) as bench:
        mixes = {mix: _of_mix(bench, mix, count, rounds, profile) for mix in HOLDERS_OF}
        return {"machine": bench.machine, "rounds": rounds, "mixes": mixes}


def _of_mix(bench: Bench, mix: str, count: int, rounds: int, profile: str) -> dict[str, Any]:
    if mix == "payouts":
        count //= FEWER_PAYOUTS  # each moves a hundred lines
    contracts = {str(WARM_CONTRACT): min(WARM_UP, count), str(CONTRACT): count}
    until = int(time.time())
    first = until - BEHIND_SECONDS - count // LOGS_OF_A_TRANSACTION * TRANSACTION_NS // NANOSECONDS
    common = {"mix": mix, "first_second": first, "contracts": contracts}
    bench.prepare(common)
    logs = [[int(number), mix, events, first] for number, events in contracts.items()]
    with bench.mirror({"until": until, "logs": logs}) as url:
        options = common | {"mirror": url, "profile": profile}
        made = [bench.round("follow", options) for _ in range(rounds)]
    return _middle(made)


def holders(home: Path, sizes: Sequence[int]) -> dict[str, Any]:
    """An asset of each size, synced once by a process of its own."""
    with started(home) as bench:
        bench.prepare()
        runs = [_of_size(bench, size) for size in sizes]
        return {"machine": bench.machine, "runs": runs}


def _of_size(bench: Bench, size: int) -> dict[str, Any]:
    with bench.mirror({"until": int(time.time()), "asset": [ASSET, size]}) as url:
        return bench.round("sync", {"number": ASSET, "holders": size, "mirror": url})


def _middle(made: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of each figure; of figures by name, each its own."""
    return {name: _median([one[name] for one in made]) for name in made[0]}


def _median(values: Sequence[Any]) -> Any:
    if isinstance(values[0], dict):
        return _middle(values)
    return round(median(values), 2)
