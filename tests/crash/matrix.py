"""The crash matrix: real processes of one running stack, killed at every fault point of the registry.

Run as a program with the stack's settings, because it looks into the stack's own database. Each phase starts
its distributions side by side, arms one fault point for each, and waits until all have ended; the report, JSON
on standard output, says for every distribution what happened, and the tests judge it.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.development")
django.setup()

from django.conf import settings  # noqa: E402
from redis import Redis  # noqa: E402

import contracts.tasks  # noqa: E402, F401
import payouts.tasks  # noqa: E402, F401 - registers every fault point
from contracts import faults  # noqa: E402
from contracts.models import Hold, Wallet  # noqa: E402
from contracts.services.registering import NewAsset, add_asset  # noqa: E402
from devnet import crash  # noqa: E402
from devnet.client import DevnetClient  # noqa: E402
from payouts.models import Distribution  # noqa: E402
from payouts.services.creating import NewDistribution, create_distribution  # noqa: E402
from payouts.services.showing import transactions_of  # noqa: E402
from payouts.services.starting import CLAIMED, execute_distribution  # noqa: E402
from tests.crash.processes import Watch, execute  # noqa: E402

Status = Distribution.Status
ENDED = (Status.COMPLETED, Status.PARTIALLY_COMPLETED, Status.FAILED, Status.CANCELLED)
HOLDERS = 12
POOL_UNITS = 1_000 * 10**6
PHASE_SECONDS = 150
MOST_WAVES = 4
SIDE_BY_SIDE_WAVES = 3
EXPIRY_SECONDS = 125


@dataclass
class Run:
    """One distribution of a phase and everything the tests ask about it."""

    scenario: str
    point: str
    distribution: Distribution
    made: dict[str, Any]
    killed_at: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Matrix:
    def __init__(self) -> None:
        self.devnet = DevnetClient.of()
        self.wallet = Wallet.objects.get()
        self.watch = Watch(Path(os.environ["PAYDATE_HOME"]))
        self.report: list[dict[str, Any]] = []
        self.count = 0

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    # --- one phase ---------------------------------------------------------------------------

    def new_run(self, scenario: str, point: str = "", *, fund: int = POOL_UNITS, pool: str = "1000") -> Run:
        self.count += 1
        made = self.devnet.prepare(holders=HOLDERS, seed=self.count, fund=fund, symbol=f"C{self.count}")
        asset = add_asset(
            NewAsset(
                asset=made["asset"]["id"],
                payout_contract=made["payout_contract"]["id"],
                wallet=self.wallet,
                label=f"{scenario} {point}",
                by="crash matrix",
            )
        )
        wanted = NewDistribution(
            asset=asset.address, amount_type="FIXED", amount=pool, concept=scenario, by="crash matrix"
        )
        run = Run(scenario, point, create_distribution(wanted), made)
        if point:
            crash.arm(point, run.distribution.uid)
        return run

    def start(self, runs: Iterable[Run]) -> None:
        """Here and now, but for the run whose claim is where a process dies: that takes a command of its own."""
        for run in runs:
            if run.point == CLAIMED.name:
                execute(run.distribution.uid)
            else:
                execute_distribution(run.distribution, by="crash matrix")

    def wait(self, runs: list[Run], until: Callable[[Run], bool], *, seconds: float = PHASE_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not all(until(run) for run in runs):
            if time.monotonic() > deadline:
                self.say("not reached: " + "; ".join(_words(run) for run in runs if not until(run)))
                return
            time.sleep(0.1)

    def has_ended(self, run: Run) -> bool:
        run.distribution.refresh_from_db()
        return run.distribution.status in ENDED

    def was_hit(self, run: Run) -> bool:
        return not run.point or crash.hit_at(run.point, run.distribution.uid) is not None

    def judge(self, runs: list[Run]) -> None:
        for run in runs:
            self.report.append(self._facts(run))

    def _facts(self, run: Run) -> dict[str, Any]:
        distribution = run.distribution
        distribution.refresh_from_db()
        on_chain = self.devnet.balances(run.made["payment_token"]["id"], run.made["holders"])
        lines = dict(distribution.payments.values_list("holder", "paid_units"))
        expected = dict(distribution.payments.values_list("holder", "expected_units"))
        hit = crash.hit_at(run.point, distribution.uid) if run.point else None
        ended = distribution.ended_at.timestamp() - _offset() if distribution.ended_at else None
        return {
            "scenario": run.scenario,
            "point": run.point,
            "status": distribution.status,
            "reason": distribution.status_reason,
            "was_hit": self.was_hit(run),
            "chain_equals_database": all(
                on_chain[holder] == int(lines.get(holder, 0)) for holder in on_chain
            ),
            "chain_equals_plan": bool(expected) and all(on_chain[h] == int(expected[h]) for h in on_chain),
            "paid_on_chain": sum(on_chain.values()),
            "seconds_after_restart": self.watch.seconds_after_restart(hit, ended),
            "calls": [f"{call}:{call.status}" for call in transactions_of(distribution)],
            "successful_payouts": transactions_of(distribution)
            .filter(purpose="batch", status="SUCCEEDED")
            .count(),
            "batches": distribution.batches.count(),
            **run.facts,
        }

    # --- the phases --------------------------------------------------------------------------

    def payout(self) -> None:
        """Every point of an ordinary run, each in a distribution of its own, a third of them side by side.

        All at once would keep the signer down for longer than a body may wait for custody. A run can miss its
        point when the process dies for another one's sake between the step and the point; it gets another run.
        """
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "payout"]
        waves = [points[start::SIDE_BY_SIDE_WAVES] for start in range(SIDE_BY_SIDE_WAVES)]
        for _ in range(MOST_WAVES):
            missed = [point for wave in waves for point in self._payout_wave(wave)]
            waves = [missed] if missed else []

    def _payout_wave(self, points: list[str]) -> list[str]:
        """Pays one distribution for each point; returns the points that were not reached."""
        runs = [self.new_run("payout", point) for point in points]
        self.start(runs)
        self.wait(runs, self.has_ended)
        self.judge(runs)
        return [run.point for run in runs if not self.was_hit(run)]

    def revert(self) -> None:
        """The call fails on chain: nobody is paid, and the reason is the chain's."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "revert"]
        runs = [self.new_run("revert", point) for point in points]
        with self.fault("consensus.gas", {"base": 1_500_000, "per_transfer": 0}):
            self.start(runs)
            self.wait(runs, lambda run: self.has_ended(run) and self.was_hit(run))
        self.judge(runs)

    def lost(self) -> None:
        """Accepted by a node and never seen again: absence is proved, and a new attempt pays."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "lost"]
        runs = [self.new_run("lost", point) for point in points]
        with self.fault("consensus.lose", {}, match="batch:"):
            self.start(runs)
            self.wait(
                runs, lambda run: _calls(run, "SUBMITTED") == run.distribution.batches.count() > 0, seconds=40
            )
            # Resends of the same bytes must not reach consensus either until the window is over.
            self.devnet.advance(EXPIRY_SECONDS)
        self.wait(runs, lambda run: self.has_ended(run) and self.was_hit(run))
        self.judge(runs)

    def approval(self) -> None:
        """Custody waits for a person, the signer dies while waiting, the approval comes in time."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "approval"]
        runs = [self.new_run("approval", point) for point in points]
        with self.fault("custody.approval", {"mode": "pending"}):
            self.start(runs)
            self.wait(runs, lambda run: self.was_hit(run) and _is_held(run, Hold.Cause.CUSTODY), seconds=40)
        for run in runs:
            run.facts["held_for_approval"] = _is_held(run, Hold.Cause.CUSTODY)
        self.devnet.approve()
        self.wait(runs, self.has_ended)
        self.judge(runs)

    def shortfall(self) -> None:
        """Not enough money: HELD, and it runs by itself after a top-up."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "shortfall"]
        runs = [self.new_run("shortfall", point, fund=POOL_UNITS - 1) for point in points]
        self.start(runs)
        self.wait(runs, lambda run: _is_held(run, Hold.Cause.RESERVE), seconds=40)
        for run in runs:
            run.distribution.refresh_from_db()
            run.facts["held_words"] = run.distribution.status_reason
            self.devnet.mint(run.made["payment_token"]["id"], run.made["payout_contract"]["id"], 1)
        self.wait(runs, lambda run: self.has_ended(run) and self.was_hit(run))
        self.judge(runs)

    def replies(self) -> None:
        """Replies lost after the work was done, at custody, consensus and mirror."""
        runs = [self.new_run("lost replies") for _ in range(3)]
        with (
            self.fault("custody.drop_reply", {}, probability=0.3),
            self.fault("consensus.drop_reply", {}, probability=0.6),
            self.fault("mirror.drop_reply", {}, probability=0.2),
            self.fault("mirror.lag_seconds", {"seconds": 3, "replica": 1}),
        ):
            self.start(runs)
            self.wait(runs, self.has_ended)
        self.judge(runs)

    def throttled(self) -> None:
        """One in ten answers of custody is 429."""
        runs = [self.new_run("throttled") for _ in range(3)]
        with self.fault("custody.error_rate", {"status": 429, "retry_after": 1}, probability=0.1):
            self.start(runs)
            self.wait(runs, self.has_ended)
        self.judge(runs)

    def emptied(self) -> None:
        """Redis is emptied again and again while they run."""
        runs = [self.new_run("redis emptied") for _ in range(3)]
        redis = Redis.from_url(settings.REDIS_URL.get_secret_value())
        self.start(runs)

        def flush_and_look(run: Run) -> bool:
            if run is runs[0] and int(time.monotonic() * 10) % 15 == 0:
                redis.flushall()
            return self.has_ended(run)

        self.wait(runs, flush_and_look)
        self.judge(runs)

    def crowd(self) -> None:
        """With two of each process, distributions side by side, and one of each pair killed now and then."""
        runs = [self.new_run("two of each") for _ in range(4)]
        self.start(runs)
        for name in ("signer", "worker.2", "signer.2", "worker"):
            time.sleep(1)
            self.watch.kill(name)
        self.wait(runs, self.has_ended)
        self.judge(runs)

    @contextmanager
    def fault(self, name: str, params: dict[str, Any], **more: Any) -> Iterator[None]:
        self.devnet.fault(name, params, **more)
        try:
            yield
        finally:
            self.devnet.clear(name)


def _offset() -> float:
    from devnet.clock import offset_ns

    return offset_ns() / 1e9


def _calls(run: Run, status: str) -> int:
    return int(transactions_of(run.distribution).filter(purpose="batch", status=status).count())


def _is_held(run: Run, cause: str) -> bool:
    run.distribution.refresh_from_db()
    is_open = Hold.objects.open().filter(object_uid=run.distribution.uid, cause=cause).exists()
    return is_open and run.distribution.status == Status.HELD


def _words(run: Run) -> str:
    distribution = run.distribution
    calls = [f"{call} {call.status} {call.waiting_reason}" for call in transactions_of(distribution)]
    return f"{run.scenario} {run.point} {distribution.uid} {distribution.status} {distribution.status_reason} {calls}"


def main(phases: list[str]) -> None:
    matrix = Matrix()
    for phase in phases:
        begin = time.monotonic()
        matrix.say(f"phase {phase}")
        getattr(matrix, phase)()
        matrix.say(f"phase {phase} took {time.monotonic() - begin:.1f} s")
    registry = [asdict(point) for point in faults.REGISTRY.values()]
    json.dump({"runs": matrix.report, "registry": registry, "hits": crash.hits()}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
