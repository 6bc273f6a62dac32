"""Stacks of real processes for the crash tests, and the programs that drive them."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from devnet.client import DevnetClient, NotRunning
from devnet.services.postgres import Postgres
from devnet.services.processes import end, wait_until
from devnet.services.stack import Stack
from tests.crash.claims import ROOT, claim_wallets
from tests.patience import PATIENCE

ANSWER = "answer: "  # of the clerk
START_SECONDS = PATIENCE
STOP_SECONDS = PATIENCE
SHORT = {
    "EXPIRY_MARGIN_SECONDS": "2",
    "LOOK_SPACING_SECONDS": "1",
    "RESEND_SECONDS": "3",
    "FENCE_SECONDS": "5",
    "LOG_LEVEL": "INFO",
}
WALLET = (
    "from devnet.client import DevnetClient;"
    "wallet = DevnetClient.of().wallet(); DevnetClient.of().close_block();"
    "from django.core.management import call_command;"
    "call_command('add_wallet', wallet['wallet_id'], account=wallet['account'], label='payer')"
)


def environment(home: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Of the stack and of the program that drives it; nothing of the test run's own settings leaks in."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PAYDATE_", "DATABASE_", "REDIS_"))
    }
    own = {"PAYDATE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "config.development"}
    return {**kept, **SHORT, **given, **own}


@contextmanager
def surroundings(home: Path, given: Mapping[str, str]) -> Iterator[None]:
    """This process has the environment of the stack for a while: its supervisor inherits it."""
    wanted = environment(home, given)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name not in wanted]:
            patch.delenv(name)
        for name, value in wanted.items():
            patch.setenv(name, value)
        yield


class Network:
    """A devnet in a process of its own, which outlives the stacks that use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def devnet(self) -> DevnetClient:
        return DevnetClient.of(self.folder)

    def start(self) -> None:
        command = [sys.executable, "manage.py", "devnet", "--state-dir", str(self.folder), "serve"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.testing"}
        )
        assert wait_until(self._answers, START_SECONDS), "the devnet did not start"

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.devnet.status())
        except NotRunning:
            return False


def copy_home(source: Path, target: Path) -> None:
    """The stopped cluster of one home byte for byte, with its password, in place of another's."""
    shutil.rmtree(target / "postgres", ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    for name in ("postgres", "postgres.password"):
        subprocess.run(["cp", "-a", str(source / name), str(target)], check=True)


class Site:
    """One stack in a folder that the user of PostgreSQL may enter, which pytest's own folders are not."""

    def __init__(self, home: Path, given: Mapping[str, str]) -> None:
        self.home = home
        self.given = dict(given)
        with surroundings(home, self.given):
            self.stack = Stack(home)
        self._clerk: subprocess.Popen[str] | None = None

    def up(self, copies: Mapping[str, int] | None = None) -> None:
        with surroundings(self.home, self.given):
            self.stack.up(copies)

    def begin(self) -> None:
        """Without waiting until it is ready, which one that is fenced off never is."""
        with surroundings(self.home, self.given):
            self.stack.begin()

    def down(self) -> None:
        self.stack.down()

    def leave(self) -> None:
        """For good."""
        if self._clerk is not None:
            self._clerk.terminate()
            self._clerk.wait()
        self.down()

    def kill(self) -> None:
        """All at once: the kernel ends every process of the stack with its supervisor."""
        if pid := self.stack.pid():
            os.kill(pid, signal.SIGKILL)
        services = self.stack.services.values()
        assert wait_until(lambda: all(service.pid() is None for service in services), STOP_SECONDS)

    @property
    def postgres(self) -> Postgres:
        return Postgres(self.home)

    @contextmanager
    def database_stopped(self) -> Iterator[None]:
        """Stopped cleanly, while everything else goes on; the frozen supervisor cannot start it again at once."""
        supervisor, postmaster = self.stack.pid(), self.postgres.pid()
        assert supervisor is not None
        assert postmaster is not None
        os.kill(supervisor, signal.SIGSTOP)
        try:
            end(postmaster, signal.SIGINT, STOP_SECONDS)
            yield
        finally:
            os.kill(supervisor, signal.SIGCONT)
        assert wait_until(self.postgres.is_ready, START_SECONDS)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.given.get("DATABASE_URL", self.postgres.url)) as connection:
            return connection.execute(query).fetchall()

    def ask_clerk(self, *words: Any) -> Any:
        """What ``tests.crash.clerk`` answers, who is there from the first question on."""
        if self._clerk is None:
            self._clerk = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.clerk"],
                cwd=ROOT,
                env=environment(self.home, self.given),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        print(json.dumps(words), file=self._clerk.stdin, flush=True)
        for line in self._clerk.stdout or ():
            if line.startswith(ANSWER):
                return json.loads(line.removeprefix(ANSWER))
        raise AssertionError(f"the clerk of {self.home} ended with exit code {self._clerk.wait()}")

    def drive(self, program: str, *words: str) -> Any:
        """Runs ``tests.crash.<program>`` with the stack's settings; what it reports."""
        done = self._run("-m", f"tests.crash.{program}", *words)
        return json.loads(done.stdout.splitlines()[-1])

    def claim_wallets(self, devnet: DevnetClient) -> str:
        return claim_wallets(devnet, environment(self.home, self.given))

    def register_wallet(self) -> None:
        self.register(WALLET)

    def register(self, program: str) -> None:
        """Runs these statements in a process that may see the custody secrets."""
        self._run("manage.py", "shell", "--no-imports", "-c", program, PAYDATE_PROCESS="signer")

    def _run(self, *words: str, **given: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=environment(self.home, self.given) | given,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )


@contextmanager
def alone() -> Iterator[None]:
    """No other stack runs meanwhile: what these are judged by is how soon killed processes are back, and two stacks on
    two cores keep each other from it.
    """
    with _locked(fcntl.LOCK_EX):
        yield


@contextmanager
def beside() -> Iterator[None]:
    """Together with other stacks that do not have to be alone."""
    with _locked(fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(how: int) -> Iterator[None]:
    settings.TEST_HOME.mkdir(parents=True, exist_ok=True)
    with (settings.TEST_HOME / "stacks.lock").open("w") as file:
        fcntl.flock(file, how)
        yield


@contextmanager
def running(home: Path, given: Mapping[str, str], copies: Mapping[str, int] | None = None) -> Iterator[Site]:
    """With the wallet registered; stopped at the end, whatever happened."""
    site = Site(home, given)
    try:
        site.up(copies)
        site.register_wallet()
        yield site
    finally:
        site.leave()
