"""Drives one measurement on a running stack; a program of its own, because it looks into the stack's database.

Everything happens as an operator would have it: an asset is registered, a distribution created and started.
Then it only looks, at rows and at processes. The report is JSON, on the last line of standard output.
"""

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.development")
django.setup()

from django.conf import settings  # noqa: E402

from bench import checks, due, rows  # noqa: E402
from bench.gate import Gate  # noqa: E402
from bench.processes import Usage, look, spent  # noqa: E402
from contracts.models import Asset, Contract, Wallet  # noqa: E402
from contracts.services.registering import NewAsset, add_asset  # noqa: E402
from devnet.client import DevnetClient  # noqa: E402
from payouts.models import Distribution  # noqa: E402
from payouts.services.creating import NewDistribution, create_distribution  # noqa: E402
from payouts.services.starting import execute_distribution  # noqa: E402

Status = Distribution.Status
ENDED = (Status.COMPLETED, Status.PARTIALLY_COMPLETED, Status.FAILED, Status.CANCELLED)
POOL = "1000000"
FUND = 10 * 10**12
LOOK_SECONDS = 0.1
LATENCY_MS = 200
BUDGET_SECONDS = 300
RATE_LIMIT = {"requests": 1_000, "seconds": 60}
BALANCES_AT_ONCE = 1_000
ID = re.compile(r"\b(wa|key|sig)-[0-9a-z-]+")


class Bench:
    def __init__(self) -> None:
        self.home = Path(os.environ["PAYDATE_HOME"])
        self.devnet = DevnetClient.of()
        self.wallet = Wallet.objects.get(role=Wallet.Role.PAYER)
        self.assets = 0

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    # --- what is measured ------------------------------------------------------------------------

    def planning(self, holders: int) -> dict[str, Any]:
        """Until the plan is closed; what is paid after that is not waited for."""
        self.warm_up()
        _, asset = self.asset(holders)
        before = look(self.home)
        distribution = self.start(asset)
        self.wait(distribution, lambda: distribution.plan_closed_at is not None)
        assert distribution.started_at and distribution.plan_closed_at
        seconds = (distribution.plan_closed_at - distribution.started_at).total_seconds()
        after = look(self.home)
        return {"holders": holders, "planning": round(seconds, 2), **_usage(before, after)}

    def zero(self, holders: int) -> dict[str, Any]:
        """Nothing waits: what is left is the work itself."""
        self.devnet.fault("consensus.latency_ms", {"ms": 0})
        self.warm_up()
        made, asset = self.asset(holders)
        return self.pay(made, asset)

    def latency(self, holders: int, in_sequence: int) -> dict[str, Any]:
        """All batches side by side, then the same batches of the same holders one after another."""
        self.warm_up()
        made, asset = self.asset(holders)
        self.devnet.latency("network", LATENCY_MS)
        parallel = self.pay(made, asset)
        with Gate(asset) as gate:
            before = look(self.home)
            distribution = self.start(asset)
            self.wait(distribution, lambda: distribution.plan_closed_at is not None)
            turns = gate.let_pass(distribution, in_sequence)
        usage = _usage(before, look(self.home))
        batches = parallel["batches"]
        scaled = round(sum(turns) / len(turns) * batches, 2)
        return {
            "parallel": parallel,
            "sequence": {"batches": len(turns), "seconds": round(sum(turns), 2), "turns": turns, **usage},
            "one_after_another": scaled,
            "is_scaled": len(turns) < batches,
            "ratio": round(scaled / parallel["paying"], 1),
        }

    def budget(self, holders: int) -> dict[str, Any]:
        """Custody refuses what is above its limit; Paydate stays below its own budget."""
        self.devnet.fault("custody.rate_limit", RATE_LIMIT)
        made, asset = self.asset(holders)
        self.devnet.custody_traffic(forget=True)
        paid = self.pay(made, asset)
        traffic = self.devnet.custody_traffic()
        times = _since_first_payment(traffic["times"], asset)
        within = [moment for moment in times if moment < BUDGET_SECONDS]
        minutes = min(times[-1], BUDGET_SECONDS) / 60
        return {
            **paid,
            "minutes": round(minutes, 2),
            "requests": len(within),
            "requests_per_minute": round(len(within) / minutes, 1),
            "by_minute": [
                sum(60 * n <= moment < 60 * (n + 1) for moment in within) for n in range(round(minutes))
            ],
            "most_in_a_minute": traffic["most_in_a_minute"],
            "refused": traffic["refused"],
            "last_requests": self._kinds(),
        }

    # --- how -------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """A small payout first, so that no process loads its modules while the clock runs."""
        made, asset = self.asset(300)
        self.pay(made, asset)

    def asset(self, holders: int) -> tuple[dict[str, Any], Asset]:
        """An asset of its own whose batch size is learned already: the largest that the settings allow."""
        self.assets += 1
        begin = time.monotonic()
        made = self.devnet.prepare(holders=holders, seed=self.assets, fund=FUND, symbol=f"B{self.assets}")
        self.say(f"{holders} holders prepared in {time.monotonic() - begin:.1f} s")
        asset = add_asset(
            NewAsset(
                asset=made["asset"]["id"],
                payout_contract=made["payout_contract"]["id"],
                wallet=self.wallet,
                label=f"bench {self.assets}",
                by="bench",
            )
        )
        Contract.objects.filter(pk=asset.payout_contract_id).update(learned_batch_size=settings.BATCH_SIZE)
        return made, asset

    def start(self, asset: Asset) -> Distribution:
        wanted = NewDistribution(
            asset=asset.address, amount_type="FIXED", amount=POOL, concept="bench", by="bench"
        )
        distribution = create_distribution(wanted)
        execute_distribution(distribution, by="bench")
        return distribution

    def pay(self, made: dict[str, Any], asset: Asset) -> dict[str, Any]:
        """Start to end, and the proof that every holder was paid exactly what was planned."""
        before = look(self.home)
        distribution = self.start(asset)
        self.wait(distribution, lambda: distribution.plan_closed_at is not None)
        planned = look(self.home)
        self.wait(distribution, lambda: distribution.status in ENDED)
        after = look(self.home)
        unpaid = rows.what_is_unpaid(distribution)
        if distribution.status != Status.COMPLETED or unpaid:
            raise SystemExit(f"{distribution.uid} ended {distribution.status}, not paid: {unpaid}")
        self._check_chain(made, distribution)
        report = rows.as_report(rows.phases_of(distribution))
        self.say(
            f"{report['holders']} holders: planned in {report['planning']} s, paid in {report['paying']} s "
            f"({report['lines_per_second']} lines/s), {report['total']} s in all"
        )
        return {**report, "cpu_planning": spent(before, planned), **_usage(before, after, report["batches"])}

    def wait(self, distribution: Distribution, until: Callable[[], bool]) -> None:
        while not until():
            if distribution.status == Status.HELD:
                raise SystemExit(f"{distribution.uid} is HELD: {distribution.status_reason}")
            time.sleep(LOOK_SECONDS)
            distribution.refresh_from_db()

    def _kinds(self) -> dict[str, int]:
        """What custody was asked lately, ids left out: what is not signing shows here."""
        asked = self.devnet.custody_requests()
        return dict(Counter(f"{one['method']} {ID.sub('*', one['path'])}" for one in asked).most_common())

    def _check_chain(self, made: dict[str, Any], distribution: Distribution) -> None:
        """The holders' tokens on chain are what the database says, on top of what earlier runs paid."""
        token, holders = made["payment_token"]["id"], made["holders"]
        on_chain = sum(
            sum(self.devnet.balances(token, holders[start : start + BALANCES_AT_ONCE]).values())
            for start in range(0, len(holders), BALANCES_AT_ONCE)
        )
        before = made.get("paid_units", 0)
        made["paid_units"] = on_chain
        if on_chain - before != rows.paid_units(distribution):
            raise SystemExit(
                f"{distribution.uid}: the chain paid {on_chain - before}, the database says otherwise"
            )


def _since_first_payment(times: list[float], asset: Asset) -> list[float]:
    """Custody's clock counts from the machine's start; the plan's own request and the pause after it are left out."""
    age = time.time() - rows.first_request_at(Distribution.objects.get(asset=asset)).timestamp()
    first = time.monotonic() - age
    return [moment - first for moment in times if moment >= first]


def _usage(before: dict[str, Usage], after: dict[str, Usage], batches: int = 0) -> dict[str, Any]:
    cpu = spent(before, after)
    report: dict[str, Any] = {
        "cpu": cpu,
        "peak_mb": {name: round(usage.peak_mb, 1) for name, usage in after.items()},
    }
    if batches:
        report["cpu_ms_per_batch"] = {
            name: round(seconds * 1000 / batches, 1) for name, seconds in cpu.items()
        }
    return report


def main() -> None:
    part, options = sys.argv[1], json.loads(sys.argv[2])
    alone: dict[str, Callable[..., dict[str, Any]]] = {"checks": checks.measured, "due": due.measured}
    measured = alone.get(part) or getattr(Bench(), part)
    print(json.dumps(measured(**options)))


if __name__ == "__main__":
    main()
