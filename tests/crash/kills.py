"""Random processes of a stack killed with SIGKILL from outside, in an order that a seed repeats, while runs go on."""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

# First, because it sets Django up.
from tests.crash.desk import Desk, Run

# isort: split
from django.db import Error, connection

from devnet.services.postgres import Postgres
from devnet.services.processes import read_pid
from devnet.services.redis import Redis
from payouts.services.starting import AlreadyStarted
from tests.patience import PATIENCE

PROCESSES = ("web", "worker", "signer", "beat")
# Workers and signers have the most to lose, so they die more often.
VICTIMS = ("worker", "worker", "signer", "signer", "beat", "web", "postgres", "redis")
PAUSES = (0.2, 1.5)
LIVES = (0.0, 6.0)
HOLDERS = 1_000
SIDE_BY_SIDE = 2
BACK_SECONDS = PATIENCE
ENDS_SECONDS = 180.0
T = TypeVar("T")


@dataclass(frozen=True)
class Kill:
    """After a pause, and when the victim has lived so many seconds: some die at work, some while they start."""

    victim: str
    pause: float
    life: float


def drawn(seed: int, count: int) -> list[Kill]:
    """The same seed gives the same victims in the same order, with the same pauses and lives.

    Victims are drawn like cards, so that each has its turn in a round.
    """
    dice = random.Random(seed)
    rounds = [dice.sample(VICTIMS, len(VICTIMS)) for _ in range(0, count, len(VICTIMS))]
    victims = [victim for one in rounds for victim in one][:count]
    return [Kill(victim, dice.uniform(*PAUSES), dice.uniform(*LIVES)) for victim in victims]


class Kills(Desk):
    def __init__(self) -> None:
        super().__init__()
        home = Path(os.environ["PAYDATE_HOME"])
        postgres, redis = Postgres(home), Redis(home)
        self.living: dict[str, tuple[Path, Callable[[], int | None]]] = {
            "postgres": (postgres.data / "postmaster.pid", postgres.pid),
            "redis": (redis.pid_file, redis.pid),
        }
        for name in PROCESSES:
            file = home / "run" / f"{name}.pid"
            self.living[name] = (file, partial(read_pid, file))

    def go(self, kills: list[Kill]) -> dict[str, Any]:
        """Two runs are under way at each kill, a new one follows whenever one ends; then all end by themselves."""
        runs: list[Run] = []
        killed = Counter[str]()
        for kill in kills:
            self.keep_busy(runs)
            time.sleep(kill.pause)
            self.kill(kill)
            killed[kill.victim] += 1
        since = time.monotonic()
        self.wait(runs, self.has_ended, seconds=ENDS_SECONDS)
        return {
            "runs": [self.facts(run) for run in runs],
            "killed": killed,
            "seconds_after_the_last_kill": round(time.monotonic() - since, 1),
        }

    def keep_busy(self, runs: list[Run]) -> None:
        while sum(not self.has_ended(run) for run in runs) < SIDE_BY_SIDE:
            run = _patiently(lambda: self.new_run("kills", holders=HOLDERS))
            _patiently(partial(self.begin, run))
            runs.append(run)

    def begin(self, run: Run) -> None:
        with suppress(AlreadyStarted):  # the database died after the commit, before its answer
            self.start([run])

    def has_ended(self, run: Run) -> bool:
        return _patiently(partial(super().has_ended, run))

    def kill(self, kill: Kill) -> None:
        """Whoever is still on the way back from the last time is waited for."""
        deadline = time.monotonic() + BACK_SECONDS
        while (pid := self._pid_of_old(kill)) is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{kill.victim} did not come back within {BACK_SECONDS:g} s")
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)

    def _pid_of_old(self, kill: Kill) -> int | None:
        file, read = self.living[kill.victim]
        try:
            is_old = time.time() - file.stat().st_mtime >= kill.life
        except FileNotFoundError:
            return None
        return read() if is_old else None


def _patiently(action: Callable[[], T]) -> T:
    """Again and again while the database is away, because it is one of the victims."""
    deadline = time.monotonic() + BACK_SECONDS
    while True:
        try:
            return action()
        except Error:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main(seed: int, count: int) -> None:
    desk = Kills()
    desk.say(f"{count} random kills, seed {seed}")
    json.dump(desk.go(drawn(seed, count)), sys.stdout)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
