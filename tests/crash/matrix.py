"""The crash matrix: real processes of one running stack, killed at every fault point of the registry.

Each phase starts its distributions side by side, arms one fault point for each, and waits until all have ended;
the report says for every distribution what happened, and the tests judge it.
"""

import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

# First, because it sets Django up.
from tests.crash.desk import Desk, Run, Status, offset_seconds

# isort: split
from celery import current_app
from django.conf import settings
from redis import Redis

import contracts.tasks  # noqa: F401
import payouts.tasks  # noqa: F401 - registers every fault point
from contracts import faults
from contracts.models import Hold
from devnet import crash
from payouts.services.retrying import RETRY_CREATED
from payouts.services.showing import transactions_of
from payouts.services.starting import CLAIMED, execute_distribution
from tests.crash.processes import Watch, execute
from tests.crash.shares import POOL_UNITS, on_chain, owed

HOLDERS = 12
MOST_WAVES = 4
SIDE_BY_SIDE_WAVES = 3
EXPIRY_SECONDS = 125
# Longer than the first two pauses of automatic retries.
RETRY_SECONDS = 4 * 3600


class Matrix(Desk):
    def __init__(self) -> None:
        super().__init__()
        self.watch = Watch(Path(os.environ["PAYDATE_HOME"]))
        self.report: list[dict[str, Any]] = []

    # --- one phase ---------------------------------------------------------------------------

    def armed_run(self, scenario: str, point: str = "", *, fund: int = POOL_UNITS) -> Run:
        run = self.new_run(scenario, point, holders=HOLDERS, fund=fund)
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

    def was_hit(self, run: Run) -> bool:
        return not run.point or crash.hit_at(run.point, run.distribution.uid) is not None

    def judge(self, runs: list[Run]) -> None:
        for run in runs:
            self.report.append(self.facts(run))

    def facts(self, run: Run) -> dict[str, Any]:
        facts = super().facts(run)
        distribution = run.distribution
        expected = dict(distribution.payments.values_list("holder", "expected_units"))
        hit = crash.hit_at(run.point, distribution.uid) if run.point else None
        ended = distribution.ended_at.timestamp() - offset_seconds() if distribution.ended_at else None
        return facts | {
            "point": run.point,
            "was_hit": self.was_hit(run),
            "plan_equals_shares": expected == owed(run.made),
            "seconds_after_restart": self.watch.seconds_after_restart(hit, ended),
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
        runs = [self.armed_run("payout", point) for point in points]
        self.start(runs)
        self.wait(runs, self.has_ended)
        self.judge(runs)
        return [run.point for run in runs if not self.was_hit(run)]

    def revert(self) -> None:
        """The call fails on chain: nobody is paid, and the reason is the chain's."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "revert"]
        runs = [self.armed_run("revert", point) for point in points]
        with self.fault("consensus.fail", {"result": "CONTRACT_EXECUTION_EXCEPTION"}, match="batch:"):
            self.start(runs)
            self.wait(runs, lambda run: self.has_ended(run) and self.was_hit(run))
        self.judge(runs)

    def oversized(self) -> None:
        """A call has gas for two holders: batches are cut, and the process that cuts one dies."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "oversized"]
        runs = [self.armed_run("oversized", point) for point in points]
        with self.fault("consensus.gas", {"base": 1_000_000, "per_transfer": 6_000_000}):
            self.start(runs)
            self.wait(runs, lambda run: self.has_ended(run) and self.was_hit(run))
        self.judge(runs)

    def retry(self) -> None:
        """A frozen holder is left out, looked at in vain, and paid by a retry when he can be.

        The ticks are rung here: with those of beat the runs that fail in other phases would go on.
        """
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "retry"]
        runs = [self.armed_run("retry", point) for point in points]
        for run in runs:
            self.devnet.freeze(run.made["payment_token"]["id"], run.made["holders"][0])
        self.start(runs)
        self.wait(runs, self.has_ended)
        self.wait(runs, self.was_looked_at)
        for run in runs:
            run.facts["paid_before_the_retry"] = sum(on_chain(self.devnet, run.made).values())
            self.devnet.unfreeze(run.made["payment_token"]["id"], run.made["holders"][0])
        self.devnet.advance(RETRY_SECONDS)
        self.wait(runs, self.was_paid_by_a_retry)
        self.judge(runs)

    def was_looked_at(self, run: Run) -> bool:
        """Nobody goes on with what a process died of: the next tick must."""
        _tick()
        return run.point == RETRY_CREATED.name or self.was_hit(run)

    def was_paid_by_a_retry(self, run: Run) -> bool:
        _tick()
        return self.was_hit(run) and _is(run, Status.COMPLETED)

    def lost(self) -> None:
        """Accepted by a node and never seen again: absence is proved, and a new attempt pays."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "lost"]
        runs = [self.armed_run("lost", point) for point in points]
        with self.fault("consensus.lose", match="batch:"):
            self.start(runs)
            self.wait(runs, lambda run: _calls(run, "SUBMITTED") > 0)
            # Resends of the same bytes must not reach consensus either until the window is over.
            self.devnet.advance(EXPIRY_SECONDS)
        self.wait(runs, lambda run: self.has_ended(run) and self.was_hit(run))
        self.judge(runs)

    def approval(self) -> None:
        """Custody waits for a person, the signer dies while waiting, the approval comes in time."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "approval"]
        runs = [self.armed_run("approval", point) for point in points]
        with self.fault("custody.approval", {"mode": "pending"}):
            self.start(runs)
            self.wait(runs, lambda run: self.was_hit(run) and _is_held(run, Hold.Cause.CUSTODY))
        for run in runs:
            run.facts["held_for_approval"] = _is_held(run, Hold.Cause.CUSTODY)
        self.devnet.approve()
        self.wait(runs, self.has_ended)
        self.judge(runs)

    def shortfall(self) -> None:
        """Not enough money: HELD, and it runs by itself after a top-up."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "shortfall"]
        runs = [self.armed_run("shortfall", point, fund=POOL_UNITS - 1) for point in points]
        self.start(runs)
        self.wait(runs, lambda run: _is_held(run, Hold.Cause.RESERVE))
        for run in runs:
            run.distribution.refresh_from_db()
            run.facts["held_words"] = run.distribution.status_reason
            self.devnet.mint(run.made["payment_token"]["id"], run.made["payout_contract"]["id"], 1)
        self.wait(runs, lambda run: self.has_ended(run) and self.was_hit(run))
        self.judge(runs)

    def replies(self) -> None:
        """Replies lost after the work was done, at custody, consensus and mirror."""
        runs = [self.armed_run("lost replies") for _ in range(3)]
        with (
            self.fault("custody.drop_reply", probability=0.3),
            self.fault("consensus.drop_reply", probability=0.6),
            self.fault("mirror.drop_reply", probability=0.2),
            self.fault("mirror.lag_seconds", {"seconds": 3, "replica": 1}),
        ):
            self.start(runs)
            self.wait(runs, self.has_ended)
        self.judge(runs)

    def throttled(self) -> None:
        """One in ten answers of custody is 429."""
        runs = [self.armed_run("throttled") for _ in range(3)]
        with self.fault("custody.error_rate", {"status": 429, "retry_after": 1}, probability=0.1):
            self.start(runs)
            self.wait(runs, self.has_ended)
        self.judge(runs)

    def emptied(self) -> None:
        """Redis is emptied again and again while they run."""
        runs = [self.armed_run("redis emptied") for _ in range(3)]
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
        runs = [self.armed_run("two of each") for _ in range(4)]
        self.start(runs)
        for name in ("signer", "worker.2", "signer.2", "worker"):
            time.sleep(1)
            self.watch.kill(name)
        self.wait(runs, self.has_ended)
        self.judge(runs)


def _tick() -> None:
    time.sleep(0.5)
    current_app.send_task("payouts.retry_failed", ignore_result=True)


def _is(run: Run, status: str) -> bool:
    run.distribution.refresh_from_db()
    return run.distribution.status == status


def _calls(run: Run, status: str) -> int:
    return int(transactions_of(run.distribution).filter(purpose="batch", status=status).count())


def _is_held(run: Run, cause: str) -> bool:
    run.distribution.refresh_from_db()
    is_open = Hold.objects.open().filter(object_uid=run.distribution.uid, cause=cause).exists()
    return is_open and run.distribution.status == Status.HELD


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
