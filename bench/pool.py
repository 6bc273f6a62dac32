"""Which Celery pool suits custody work? `make bench ONLY=pool` compares threads and prefork: a table and JSON.

One task is what signing one batch costs: three answers of a slow HTTP server, one check of a signature, one
row updated in PostgreSQL. Memory is the proportional share (PSS), so that what forks share counts once.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psutil
import redis

from bench.pool_tasks import COUNTER
from config.boot import keep_loopback_off_proxies
from devnet.services.postgres import Postgres
from devnet.services.redis import Redis

LATENCY_SECONDS = 0.05
TASKS = 600
WARM_UP = 40
SETTINGS = ((pool, concurrency) for concurrency in (2, 8, 32) for pool in ("threads", "prefork"))


@dataclass(frozen=True, slots=True)
class Figure:
    pool: str
    concurrency: int
    tasks_per_second: float
    memory_mb: int
    cpu_ms_per_task: float
    start_seconds: float


class SlowAnswer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        time.sleep(LATENCY_SECONDS)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


def main() -> None:
    keep_loopback_off_proxies()
    with tempfile.TemporaryDirectory(prefix="paydate-bench-") as folder:
        home = Path(folder)
        postgres, broker = Postgres(home, durable=False), Redis(home, durable=False)
        slow = ThreadingHTTPServer(("127.0.0.1", 0), SlowAnswer)
        Thread(target=slow.serve_forever, daemon=True).start()
        try:
            postgres.start()
            broker.start()
            environment = _environment(home, slow.server_address[1])
            _run(["manage.py", "migrate", "--verbosity=0"], environment)
            figures = [_measure(pool, count, broker.url, environment) for pool, count in SETTINGS]
        finally:
            broker.stop()
            postgres.stop()
    _report(figures)


def _environment(home: Path, port: int) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.testing",
        "PAYDATE_TEST_RUN": str(home),
        "BENCH_URL": f"http://127.0.0.1:{port}/",
    }


def _measure(pool: str, concurrency: int, broker_url: str, environment: dict[str, str]) -> Figure:
    """The queue is filled first, and the clock starts when the first tasks are done and all is warm."""
    client = redis.Redis.from_url(broker_url)
    client.flushall()
    _run(["-m", "bench.pool_tasks", str(WARM_UP + TASKS)], environment)
    command = [
        "-m",
        "celery",
        "--app=bench.pool_app",
        "worker",
        "--include=bench.pool_tasks",
        "--queues=bench",
    ]
    command += [f"--concurrency={concurrency}", "--without-gossip", "--without-mingle"]
    environment = environment | {"BENCH_POOL": pool}
    launched = time.monotonic()
    worker = subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(client, WARM_UP)
        family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
        begin, before = time.monotonic(), _cpu_seconds(family)
        done = _wait(client, WARM_UP + TASKS) - WARM_UP
        seconds, cpu = time.monotonic() - begin, _cpu_seconds(family) - before
        memory = sum(process.memory_full_info().pss for process in family)
    finally:
        worker.terminate()
        worker.wait()
    return Figure(
        pool=pool,
        concurrency=concurrency,
        tasks_per_second=round(done / seconds, 1),
        memory_mb=round(memory / 2**20),
        cpu_ms_per_task=round(cpu * 1000 / done, 1),
        start_seconds=round(begin - launched, 1),
    )


def _wait(client: redis.Redis, count: int) -> int:
    while (done := int(client.get(COUNTER) or 0)) < count:
        time.sleep(0.02)
    return done


def _cpu_seconds(family: list[psutil.Process]) -> float:
    return float(sum(sum(process.cpu_times()[:2]) for process in family))


def _run(arguments: list[str], environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, *arguments], env=environment, check=True)


def _report(figures: list[Figure]) -> None:
    print(f"{'pool':<8} {'slots':>5} {'tasks/s':>8} {'MB':>5} {'CPU ms/task':>12} {'start s':>8}")
    for figure in figures:
        print(
            f"{figure.pool:<8} {figure.concurrency:>5} {figure.tasks_per_second:>8} {figure.memory_mb:>5} "
            f"{figure.cpu_ms_per_task:>12} {figure.start_seconds:>8}"
        )
    print(json.dumps([asdict(figure) for figure in figures]))


if __name__ == "__main__":
    main()
