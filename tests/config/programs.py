"""Small programs for the supervisor to run, and a look at what is left of them."""

import sys
from pathlib import Path

from devnet.services.processes import is_alive, wait_until
from devnet.services.supervisor import Entry

# Writes its pid, starts a child of its own, and sleeps; ends at SIGTERM.
SLEEPER = """
import os, signal, subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) if "child" in sys.argv else None
with Path(sys.argv[1]).open("a") as pids:
    pids.write(f"{os.getpid()}\\n" + (f"{child.pid}\\n" if child else ""))
print("started", flush=True)
time.sleep(600)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPER


def sleeper(name: str, pids: Path, *flags: str, code: str = SLEEPER) -> Entry:
    return Entry(name, (sys.executable, "-c", code, str(pids), *flags))


def pids_in(file: Path, count: int) -> list[int]:
    """The newest pids in the file, once there are that many."""

    def found() -> list[int]:
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    assert wait_until(lambda: len(found()) >= count, 10), f"{len(found())} of {count} programs started"
    return found()


def all_gone(pids: list[int]) -> bool:
    return wait_until(lambda: not any(is_alive(pid) for pid in pids), 10)
