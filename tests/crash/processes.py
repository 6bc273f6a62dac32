"""Watching the stack's processes from outside: when they died, when they came back."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

LOOK_SECONDS = 0.1


def execute(uid: str) -> int:
    """``manage.py execute_distribution --no-wait``; -9 is a death at the claim."""
    command = [sys.executable, "manage.py", "execute_distribution", "--no-wait", uid]
    return subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    ).returncode


class Watch:
    """Notes when a new pid of the signer or a worker appears, from a thread of its own."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "run"
        self._pids: dict[str, str] = {}
        self._restarts: list[float] = []
        threading.Thread(target=self._run, daemon=True).start()

    def seconds_after_restart(self, hit: float | None, ended: float | None) -> float | None:
        """From the last restart of a process before the end; restarts for other distributions' sake count too."""
        if ended is None or hit is None:
            return None
        before = [moment for moment in self._restarts if moment <= ended]
        return round(ended - max([*before, hit]), 2)

    def kill(self, name: str) -> None:
        os.kill(int((self._folder / f"{name}.pid").read_text()), signal.SIGKILL)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(LOOK_SECONDS):
            for file in self._folder.glob("*.pid"):
                self._note(file)

    def _note(self, file: Path) -> None:
        try:
            pid, moment = file.read_text(), file.stat().st_mtime
        except FileNotFoundError:
            return
        if pid and self._pids.get(file.stem, pid) != pid:
            self._restarts.append(moment)
        self._pids[file.stem] = pid
