"""Watching the stack's processes from outside: when they died, when they came back."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

START_TOGETHER = 3


def execute(uids: list[str]) -> list[int]:
    """``manage.py execute_distribution --no-wait`` for each, a few at a time; -9 is a death at the claim."""
    with ThreadPoolExecutor(START_TOGETHER) as pool:
        return list(pool.map(_execute, uids))


def _execute(uid: str) -> int:
    command = [sys.executable, "manage.py", "execute_distribution", "--no-wait", uid]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode


@dataclass
class Watch:
    """Notes each new pid of the signer and the workers; ``look`` is called all the time."""

    home: Path
    pids: dict[str, str] = field(default_factory=dict)
    restarts: list[float] = field(default_factory=list)

    def look(self) -> None:
        for file in (self.home / "run").glob("*.pid"):
            name, pid = file.stem, file.read_text()
            if pid and self.pids.get(name, pid) != pid:
                self.restarts.append(file.stat().st_mtime)
            self.pids[name] = pid

    def seconds_after_restart(self, hit: float | None, ended: float | None) -> float | None:
        """From the last restart of a process before the end; restarts for other distributions' sake count too."""
        if ended is None or hit is None:
            return None
        before = [moment for moment in self.restarts if moment <= ended] + [hit]
        return round(ended - max(before), 2)

    def kill(self, name: str) -> None:
        pid = int((self.home / "run" / f"{name}.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        self.look()
