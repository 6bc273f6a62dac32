"""A running stack as its user sees it: the commands of make, and what they leave behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from config.boot import BASE_DIR
from devnet.client import DevnetClient
from devnet.services.processes import is_alive, read_pid
from tests.stack.ports import open_ports

SECONDS = 240
OF_THIS_RUN = (
    "PAYDATE_",
    "DATABASE_URL",
    "REDIS_URL",
    "DJANGO_SETTINGS_MODULE",
    "LOG_LEVEL",
    "MAKE",
    "MFLAGS",
)
NOT_COPIED = shutil.ignore_patterns(".*", "tests", "node_modules", "__pycache__", "staticfiles")


@dataclass
class Installation:
    """A clone with its `.local`; `given` are variables its user has exported."""

    clone: Path
    home: Path
    given: Mapping[str, str] = field(default_factory=dict)

    def make(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """What `make ...` prints and answers; the virtual environment is there already."""
        return subprocess.run(
            self._command(words),
            cwd=self.clone,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            text=True,
        )

    @contextmanager
    def making(self, *words: str) -> Iterator["Conversation"]:
        """The same, while somebody watches; killed if the watcher fails."""
        process = subprocess.Popen(
            self._command(words),
            cwd=self.clone,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        try:
            yield Conversation(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def manage(self, *words: str, **given: str) -> "subprocess.CompletedProcess[str]":
        """A manage.py command on this stack, with further variables of its own."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=self.clone,
            env=self._environment() | {"PAYDATE_HOME": str(self.home)} | given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            text=True,
        )

    @property
    def devnet(self) -> DevnetClient:
        return DevnetClient.of(self.home / "devnet")

    def pids(self) -> dict[str, int | None]:
        """Of the processes that leave a pid file, by name."""
        return {file.stem: read_pid(file) for file in (self.home / "run").glob("*.pid")}

    def processes(self) -> list[str]:
        """Command lines of everything that was started for this home; known on Linux only."""
        mark = f"PAYDATE_HOME={self.home}".encode()
        alive = [folder for folder in Path("/proc").glob("[0-9]*") if is_alive(int(folder.name))]
        return [_command_of(folder) for folder in alive if mark in _environment_of(folder)]

    def open_ports(self) -> list[str]:
        """Which of the addresses this stack ever chose still answer."""
        return open_ports(self.home)

    def _command(self, words: tuple[str, ...]) -> list[str]:
        # The tests run in the virtual environment that `make venv` would look after.
        return ["make", "--no-print-directory", "--old-file=venv", *words]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OF_THIS_RUN)}
        return {**kept, **self.given}


class Conversation:
    """A command in its own process group, as a terminal would start it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []

    def until(self, pattern: str) -> re.Match[str]:
        """Reads on to the line that matches; its match."""
        for line in self.process.stdout or ():
            self.said.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line with {pattern!r} in:\n{''.join(self.said)}")

    def interrupt(self) -> None:
        """Ctrl-C: every process of the group gets it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        self.said += list(self.process.stdout or ())
        return self.process.wait(SECONDS)

    @property
    def text(self) -> str:
        return "".join(self.said)


def cloned(folder: Path, given: Mapping[str, str] | None = None) -> Installation:
    """A copy of the sources in `folder`, with the stack in its `.local` as by default."""
    shutil.copytree(BASE_DIR, folder, ignore=NOT_COPIED)
    (folder / ".local").mkdir()
    (folder / ".local" / "venv").symlink_to(sys.prefix)
    return Installation(folder, folder / ".local", given or {})


def beside(home: Path, given: Mapping[str, str] | None = None) -> Installation:
    """This clone, with a home of its own for the stack."""
    return Installation(BASE_DIR, home, {**(given or {}), "PAYDATE_HOME": str(home)})


def _environment_of(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:  # somebody else's, or gone in the meantime
        return []


def _command_of(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return process.name
