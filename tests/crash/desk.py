"""What every program of the crash tests does on a running stack: new assets, new distributions, watching them.

A program runs with the stack's settings, because it looks into the stack's own database, and prints a report as
JSON on standard output; the tests judge it.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.development")
django.setup()

from contracts.models import Wallet  # noqa: E402
from contracts.services.registering import NewAsset, add_asset  # noqa: E402
from devnet.client import DevnetClient  # noqa: E402
from devnet.clock import offset_ns  # noqa: E402
from payouts.models import Distribution  # noqa: E402
from payouts.services.creating import NewDistribution, create_distribution  # noqa: E402
from payouts.services.showing import transactions_of  # noqa: E402
from payouts.services.starting import execute_distribution  # noqa: E402
from tests.crash.shares import POOL, POOL_UNITS, on_chain, owed  # noqa: E402

Status = Distribution.Status
ENDED = (Status.COMPLETED, Status.PARTIALLY_COMPLETED, Status.FAILED, Status.CANCELLED)
WAIT_SECONDS = 150


@dataclass
class Run:
    """One distribution and everything the tests ask about it."""

    scenario: str
    distribution: Distribution
    made: dict[str, Any]
    point: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def words(self) -> str:
        distribution = self.distribution
        calls = [f"{call} {call.status} {call.waiting_reason}" for call in transactions_of(distribution)]
        batches = distribution.batches.exclude(waiting_reason="").values_list("waiting_reason", flat=True)
        place = f"{self.scenario} {self.point} {distribution.uid} {distribution.status}"
        return f"{place} {distribution.status_reason} {calls} {list(batches)}"


class Desk:
    def __init__(self) -> None:
        self.devnet = DevnetClient.of()
        self.wallet = Wallet.objects.get(role=Wallet.Role.PAYER)
        self.count = Distribution.objects.count()

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def new_run(self, scenario: str, point: str = "", *, holders: int, fund: int = POOL_UNITS) -> Run:
        self.count += 1
        made = self.devnet.prepare(holders=holders, seed=self.count, fund=fund, symbol=f"C{self.count}")
        asset = add_asset(
            NewAsset(
                asset=made["asset"]["id"],
                payout_contract=made["payout_contract"]["id"],
                wallet=self.wallet,
                label=f"{scenario} {point}",
                by="crash tests",
            )
        )
        wanted = NewDistribution(
            asset=asset.address, amount_type="FIXED", amount=POOL, concept=scenario, by="crash tests"
        )
        return Run(scenario, create_distribution(wanted), made, point)

    def start(self, runs: Iterable[Run]) -> None:
        for run in runs:
            execute_distribution(run.distribution, by="crash tests")

    def wait(self, runs: list[Run], until: Callable[[Run], bool], *, seconds: float = WAIT_SECONDS) -> bool:
        deadline = time.monotonic() + seconds
        while not all(until(run) for run in runs):
            if time.monotonic() > deadline:
                self.say("not reached: " + "; ".join(run.words() for run in runs if not until(run)))
                return False
            time.sleep(0.1)
        return True

    def has_ended(self, run: Run) -> bool:
        run.distribution.refresh_from_db()
        return run.distribution.status in ENDED

    def facts(self, run: Run) -> dict[str, Any]:
        distribution = run.distribution
        distribution.refresh_from_db()
        chain = on_chain(self.devnet, run.made)
        lines = dict(distribution.payments.values_list("holder", "paid_units"))
        calls = transactions_of(distribution)
        return {
            "scenario": run.scenario,
            "status": distribution.status,
            "reason": distribution.status_reason,
            "each_has_exactly_his_share": chain == owed(run.made),
            "paid_on_chain": sum(chain.values()),
            "chain_equals_database": all(chain[holder] == int(lines.get(holder, 0)) for holder in chain),
            "calls": [f"{call}:{call.status}" for call in calls],
            "successful_payouts": calls.filter(purpose="batch", status="SUCCEEDED").count(),
            "batches": distribution.batches.exclude(status="SPLIT").count(),
            "batches_cut": distribution.batches.filter(status="SPLIT").count(),
            **run.facts,
        }

    @contextmanager
    def fault(self, name: str, params: dict[str, Any] | None = None, **more: Any) -> Iterator[None]:
        self.devnet.fault(name, params or {}, **more)
        try:
            yield
        finally:
            self.devnet.clear(name)


def offset_seconds() -> float:
    return offset_ns() / 1e9
