"""Keeps the services and the Procfile's processes running, and leaves none of the latter behind."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from devnet.services.processes import tether

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
GRACE_SECONDS = 20.0
LARGEST_LOG = 50 * 1024 * 1024
# Long enough for a new one to write its pid file.
SERVICE_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    command: tuple[str, ...]


def read_procfile(file: Path) -> list[Entry]:
    """Plain commands only: a shell in between would outlive us."""
    lines = [line.strip() for line in file.read_text().splitlines()]
    named = [line.partition(":") for line in lines if line and not line.startswith("#")]
    return [Entry(name.strip(), tuple(command.split())) for name, _, command in named]


def scaled(entries: Iterable[Entry], copies: Mapping[str, int]) -> list[Entry]:
    """`copies` of an entry: the first keeps its name, the others become name.2, name.3 …"""
    return [
        replace(entry, name=entry.name if number == 1 else f"{entry.name}.{number}")
        for entry in entries
        for number in range(1, copies.get(entry.name, 1) + 1)
    ]


class Child:
    """One process in its own group, started again with a growing pause whenever it ends."""

    def __init__(
        self, entry: Entry, *, home: Path, folder: Path, environment: Mapping[str, str], echo: bool
    ) -> None:
        self.entry = entry
        self.folder = folder
        self.environment = environment
        self.echo = echo
        self.log = home / "log" / f"{entry.name}.log"
        self.pid_file = home / "run" / f"{entry.name}.pid"
        self.process: subprocess.Popen[bytes] | None = None
        self._pause = FIRST_PAUSE
        self._started_at = 0.0
        self._start_at = 0.0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        for file in (self.log, self.pid_file):
            file.parent.mkdir(parents=True, exist_ok=True)
        self._started_at = time.monotonic()
        # Not a gentle signal: its output has nobody left to read it, and nothing of ours needs a farewell.
        self.process = subprocess.Popen(  # noqa: S603
            [*tether(signal.SIGKILL), *self.entry.command],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pid_file.write_text(str(self.process.pid))
        threading.Thread(target=self._copy_output, args=(self.process,), daemon=True).start()

    def revive(self) -> None:
        """Start it if it ended and its pause is over."""
        if self.is_running:
            return
        now = time.monotonic()
        if self._start_at == 0.0:
            self._plan_start(now)
        elif now >= self._start_at:
            self._start_at = 0.0
            self.start()

    def signal_group(self, number: signal.Signals) -> None:
        # A Mac answers EPERM for a group of zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self.process is not None:
                os.killpg(self.process.pid, number)

    def forget(self) -> None:
        self.pid_file.unlink(missing_ok=True)

    def _plan_start(self, now: float) -> None:
        code = self.process.returncode if self.process is not None else None
        # Killed from outside is no sign that it would fail again; ending by itself so early is.
        if code == -signal.SIGKILL or now - self._started_at > STEADY_SECONDS:
            self._pause = FIRST_PAUSE
        self.say(f"ended with exit code {code}, starts again in {self._pause:g} s")
        self._start_at = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        # What it left of its group, for instance gunicorn's worker.
        self.signal_group(signal.SIGKILL)

    def say(self, text: str) -> None:
        print(f"{self.entry.name:<8} | {text}", flush=True)

    def _copy_output(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab", buffering=0) as log:
            for line in process.stdout:
                log.write(line)
                if self.echo:
                    self.say(line.decode(errors="replace").rstrip())


class Service(Protocol):
    """PostgreSQL or Redis; whoever made it starts it first and stops it."""

    def pid(self) -> int | None: ...

    def start_again(self) -> None: ...


class Kept:
    """A service that was killed is there again about a second later."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._start_at = 0.0

    def revive(self) -> None:
        now = time.monotonic()
        if self.service.pid() is None and now >= self._start_at:
            print(f"{type(self.service).__name__} ended, starts again", flush=True)
            self._start_at = now + SERVICE_PAUSE
            self.service.start_again()


class Supervisor:
    def __init__(
        self,
        entries: Iterable[Entry],
        *,
        home: Path,
        folder: Path,
        environment: Mapping[str, str],
        stopping: threading.Event,
        services: Iterable[Service] = (),
        echo: bool = True,
    ) -> None:
        self.kept = [Kept(service) for service in services]
        self.children = [
            Child(entry, home=home, folder=folder, environment=environment, echo=echo) for entry in entries
        ]
        self.stopping = stopping

    def start(self, names: Container[str] | None = None) -> None:
        """All that do not run yet, or the named ones of them."""
        for child in self.children:
            if (
                not self.stopping.is_set()
                and child.process is None
                and (not names or child.entry.name in names)
            ):
                child.start()

    def run(self) -> None:
        """Until `stopping` is set. Call it from the main thread: the children end with the thread that made them."""
        self.start()
        while not self.stopping.wait(0.1):
            for service in self.kept:
                service.revive()
            for child in self.children:
                child.revive()

    def stop(self) -> None:
        """Ask all at once, wait, then insist. In-flight work is found again by the sweeps."""
        self._signal_all(signal.SIGTERM)
        limit = time.monotonic() + GRACE_SECONDS
        while any(child.is_running for child in self.children) and time.monotonic() < limit:
            time.sleep(0.05)
        self._signal_all(signal.SIGKILL)
        for child in self.children:
            if child.process is not None:
                child.process.wait()
            child.forget()

    def _signal_all(self, number: signal.Signals) -> None:
        for child in self.children:
            child.signal_group(number)
