"""A thousand distributions that are due at the same moment, one of them broken: how fast they start, and that all end.

Their rows are written directly, as a series writes them; everything after that is the stack's: beat's tick, the rings,
the claims, the snapshots and the payments. Custody has no limit.
"""

import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db.models import Max, Min

from bench.processes import look, spent
from contracts import clock
from contracts.models import Asset, Wallet
from contracts.services.registering import NewAsset, add_asset
from devnet.client import DevnetClient
from payouts.models import Distribution
from payouts.services.creating import write

Status = Distribution.Status
FUND = 10**12
AMOUNT = 1_000_000
AHEAD = timedelta(seconds=5)
LOOK_SECONDS = 0.2
WAIT_SECONDS = 1_800
NOBODY = "0x" + "0" * 33 + "badbad1"


class Due:
    def __init__(self) -> None:
        self.home = Path(os.environ["PAYDATE_HOME"])
        self.devnet = DevnetClient.of()
        self.wallet = Wallet.objects.get(role=Wallet.Role.PAYER)

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def measured(self, assets: int, each: int) -> dict[str, Any]:
        """``each`` distributions of each of ``assets``, one holder each, and one of an asset that is no contract."""
        made = [self.asset(number) for number in range(1, assets + 1)]
        nowhere = self.broken(assets + 1)
        self.say(f"{assets} assets prepared")
        self.warm_up(made[0])
        due_at = clock.now() + AHEAD
        before = look(self.home)
        broken = self.due(nowhere, due_at)
        runs = [self.due(asset, due_at) for _ in range(each) for asset in made]
        self.wait(lambda: not Distribution.objects.filter(status=Status.PENDING).exists())
        started = self.started(due_at)
        self.say(f"{len(runs) + 1} started: {started}")
        sound = Distribution.objects.filter(execute_at=due_at).exclude(pk=broken.pk)
        self.wait(lambda: not sound.exclude(status=Status.COMPLETED).exists())
        broken.refresh_from_db()
        return {
            "assets": assets,
            "distributions": len(runs) + 1,
            **started,
            "all_paid_after": round((clock.now() - due_at).total_seconds(), 1),
            "paid": sound.filter(status=Status.COMPLETED).count(),
            "broken": f"{broken.status}: {broken.status_reason}",
            "cpu": spent(before, look(self.home)),
        }

    def warm_up(self, asset: Asset) -> None:
        """One small payout first, so that no process loads its modules while the clock runs."""
        first = self.due(asset, clock.now())
        self.wait(lambda: Distribution.objects.filter(pk=first.pk, status=Status.COMPLETED).exists())

    def asset(self, number: int) -> Asset:
        made = self.devnet.prepare(holders=1, seed=number, fund=FUND, symbol=f"D{number}")
        return add_asset(
            NewAsset(
                asset=made["asset"]["id"],
                payout_contract=made["payout_contract"]["id"],
                wallet=self.wallet,
                label=f"due {number}",
                by="bench",
            )
        )

    def broken(self, number: int) -> Asset:
        """It is registered, and at its address is nothing."""
        asset = self.asset(number)
        Asset.objects.filter(pk=asset.pk).update(
            address="0.0.999999", evm_address=NOBODY, symbol="BROKEN", sync_enabled=False
        )
        asset.refresh_from_db()
        return asset

    def due(self, asset: Asset, at: datetime) -> Distribution:
        return write(
            asset,
            by="bench",
            amount_type=Distribution.AmountType.FIXED,
            amount_units=AMOUNT,
            concept="bench",
            execution=Distribution.Execution.SCHEDULED,
            execute_at=at,
        )

    def started(self, due_at: datetime) -> dict[str, float]:
        """Seconds after their time at which the first and the last left PENDING, and how many did in a second."""
        rows = Distribution.objects.filter(execute_at=due_at)
        times = rows.aggregate(first=Min("started_at"), last=Max("started_at"))
        seconds = max(0.001, (times["last"] - times["first"]).total_seconds())
        return {
            "first_after": round((times["first"] - due_at).total_seconds(), 1),
            "last_after": round((times["last"] - due_at).total_seconds(), 1),
            "per_second": round(rows.count() / seconds, 1),
        }

    def wait(self, until: Any) -> None:
        begun = shown = time.monotonic()
        while not until():
            if time.monotonic() - begun > WAIT_SECONDS:
                raise SystemExit(f"not reached in {WAIT_SECONDS} s: {_statuses()}")
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                self.say(str(_statuses()))
            time.sleep(LOOK_SECONDS)


def _statuses() -> dict[str, int]:
    found: dict[str, int] = {}
    for status in Distribution.objects.values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found


def measured(assets: int, each: int) -> dict[str, Any]:
    return Due().measured(assets, each)
