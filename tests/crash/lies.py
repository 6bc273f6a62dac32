"""A mirror node that lies while distributions are under way: nobody is declared expired or paid without proof."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

# First, because it sets Django up.
from tests.crash.desk import Desk, Run

# isort: split
from contracts.models import ContractTransaction
from contracts.services.wallets import start_wallet
from payouts.models import Payment
from payouts.services.showing import transactions_of
from tests.crash.claims import claim_wallets
from tests.crash.shares import on_chain

HOLDERS = 60
EXPIRY_SECONDS = 125
WATCH_SECONDS = 2.0
AFTER_EXPIRY_SECONDS = 5.0
LOOK_SECONDS = 0.3
LIES: dict[str, list[dict[str, Any]]] = {
    "a replica behind": [{"name": "mirror.lag_seconds", "params": {"seconds": 300, "replica": 1}}],
    "404 to everything": [{"name": "mirror.not_found"}],
    "404 to every id": [{"name": "mirror.not_found", "match": "/transactions/"}],
    "reset connections": [{"name": "mirror.drop_reply"}],
    "partial tail": [
        {"name": "mirror.partial"},
        {"name": "mirror.ghost", "params": {"mode": "missing"}, "probability": 0.5},
    ],
    "a ghost log": [{"name": "mirror.ghost"}],
    "a ghost transaction": [{"name": "mirror.ghost_transaction"}],
}


class Lies(Desk):
    def tell_all(self) -> list[dict[str, Any]]:
        """One lie after the other; who has not ended by then goes on through the following ones."""
        runs: list[Run] = []
        for lie in LIES:
            self.say(lie)
            self.tell(lie, runs)
        self.look_after_wallet()
        self.wait(runs, self.has_ended)
        for run in runs:
            run.facts["shown_without_proof"].extend(self._unproved(run))
        return [self.facts(run) for run in runs]

    def tell(self, lie: str, runs: list[Run]) -> None:
        """One run is under way when the lie begins, another starts within it; time passes beyond validity."""
        first, second = self.new_run(lie, holders=HOLDERS), self.new_run(lie, holders=HOLDERS)
        runs += [first, second]
        self.start([first])
        self.wait([first], _has_sent)
        with ExitStack() as faults:
            for fault in LIES[lie]:
                faults.enter_context(self.fault(**fault))
            self.start([second])
            self.watch(runs, WATCH_SECONDS)
            self.devnet.advance(EXPIRY_SECONDS)
            self.watch(runs, AFTER_EXPIRY_SECONDS)

    def look_after_wallet(self) -> None:
        """A ghost looks like somebody else with our key. An operator finds out, claims the wallet and starts it."""
        claim_wallets(self.devnet, os.environ)
        start_wallet(self.wallet, reason="nobody was there", by="crash tests")

    def watch(self, runs: list[Run], seconds: float) -> None:
        """Looks at the database first and at the chain afterwards: what is shown must be true already."""
        deadline = time.monotonic() + seconds
        open_runs = [run for run in runs if not self.has_ended(run)]
        while time.monotonic() < deadline:
            for run in open_runs:
                run.facts.setdefault("shown_without_proof", []).extend(self._unproved(run))
            time.sleep(LOOK_SECONDS)

    def _unproved(self, run: Run) -> Iterator[str]:
        """Who is called expired never comes on chain, and every holder can be paid.

        A call that time overtook on its way expires rightly: the nodes refuse it, or consensus records that it
        came too late.
        """
        expired = transactions_of(run.distribution).filter(status=ContractTransaction.Status.EXPIRED)
        executed = set(self.devnet.executed([call.transaction_id for call in expired]))
        for call in expired:
            if call.transaction_id in executed:
                yield f"{call} is EXPIRED: {call.error_text}"
        lines = run.distribution.payments.exclude(status=Payment.Status.PENDING)
        shown = list(lines.values_list("holder", "status", "paid_units"))
        chain = on_chain(self.devnet, run.made) if shown else {}
        for holder, status, units in shown:
            if status != Payment.Status.PAID or chain[holder] != units:
                yield f"{holder} is {status} with {units} and has {chain[holder]} on chain"


def _has_sent(run: Run) -> bool:
    return transactions_of(run.distribution).filter(purpose="batch", submitted_at__isnull=False).exists()


if __name__ == "__main__":
    json.dump(Lies().tell_all(), sys.stdout)
