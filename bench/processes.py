"""CPU time and memory of the processes of one stack, read from outside."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from devnet.services.postgres import Postgres
from devnet.services.redis import Redis

PAYDATE = ("worker", "signer", "beat", "web")
OUTSIDE = ("postgres", "redis", "devnet")


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of CPU since the start, children included, and the most memory that one process ever had."""

    cpu_seconds: float
    peak_mb: float


def look(home: Path) -> dict[str, Usage]:
    """The processes of the stack in this folder by name, copies together, with `postgres` and `redis`."""
    found: dict[str, Usage] = {}
    for name, pid in _pids(home):
        usage, kind = _usage(pid), name.partition(".")[0]
        known = found.get(kind, Usage(0.0, 0.0))
        found[kind] = Usage(known.cpu_seconds + usage.cpu_seconds, max(known.peak_mb, usage.peak_mb))
    return found


def spent(before: dict[str, Usage], after: dict[str, Usage]) -> dict[str, float]:
    return {
        name: round(usage.cpu_seconds - before[name].cpu_seconds, 2)
        for name, usage in after.items()
        if name in before
    }


def _pids(home: Path) -> Iterator[tuple[str, int]]:
    for file in sorted((home / "run").glob("*.pid")):
        if file.stem != "supervisor":
            yield file.stem, int(file.read_text())
    for name, service in (("postgres", Postgres(home)), ("redis", Redis(home))):
        if pid := service.pid():
            yield name, pid


def _usage(pid: int) -> Usage:
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return Usage(sum(map(_cpu_seconds, family)), max(map(_peak_mb, family)))


def _cpu_seconds(process: psutil.Process) -> float:
    """With those of children that ended and were waited for; the others are counted by themselves."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _peak_mb(process: psutil.Process) -> float:
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
