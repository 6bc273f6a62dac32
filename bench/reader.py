"""The process that reads from the instant mirror, in a database of its own; driven by `bench.events`.

    python -m bench.reader prepare|follow|sync '{...}'

Rows are written directly, each as it would be after its registration and its plan. What was read is compared with
what the mirror had, and a reading that lacks anything counts as none. The report is JSON, on the last line.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.testing")
django.setup()

from django.conf import settings  # noqa: E402
from django.db.models import Sum  # noqa: E402

from bench.instant_chain import (  # noqa: E402
    BALANCE,
    HOLDERS_OF,
    UNITS,
    Place,
    evm_address,
    holder,
    last_place,
    lines_of,
    moment,
    people_of,
)
from bench.processes import look, spent  # noqa: E402
from bench.sampling import sampled  # noqa: E402
from chainsync.models import ChainEvent, EventListener  # noqa: E402
from chainsync.services.following import follow as follow_once  # noqa: E402
from chainsync.services.syncing import sync_asset  # noqa: E402
from contracts import clock  # noqa: E402
from contracts.models import Asset, Contract, Holding, Token, Wallet  # noqa: E402
from contracts.services.networks import hedera_network  # noqa: E402
from payouts.models import Distribution, Payment, PlanPage  # noqa: E402
from payouts.services.lines import store_page  # noqa: E402
from payouts.services.plans import Owed  # noqa: E402
from reserves.models import Reservation  # noqa: E402

PAGE = 10_000  # lines written at once


# --- before the clock starts -----------------------------------------------------------------------


def prepare(*, mix: str, first_second: int, contracts: Mapping[str, int]) -> dict[str, Any]:
    """What is followed by number, each with the events it will have: assets with transfers, or payout contracts, with
    the plans of what is paid."""
    for number, events in contracts.items():
        is_asset = mix == "transfers"
        contract_number, asset_number = (
            int(number) + offset for offset in ((1_000, 0) if is_asset else (0, 1_000))
        )
        contract = _contract(contract_number, datetime.fromtimestamp(first_second, UTC))
        asset = _asset(contract, asset_number)
        EventListener.objects.create(
            network=contract.network,
            address=f"0.0.{number}",
            kind=EventListener.Kind.ASSET if is_asset else EventListener.Kind.CONTRACT,
        )
        for snapshot, lines in enumerate(lines_of(mix, events), start=1):
            _plan(asset, snapshot, lines, first_second)
    return {"lines": Payment.objects.count()}


def _contract(number: int, created_at: datetime) -> Contract:
    network = hedera_network()
    wallet, _ = Wallet.objects.get_or_create(
        network=network,
        account="0.0.1002",
        defaults={"custodian": "DFNS", "custody_wallet_id": "wa-bench", "key_scheme": "ED25519"},
    )
    money, _ = Token.objects.get_or_create(
        network=network, address="0.0.2001", defaults={"symbol": "USDC", "decimals": 6}
    )
    return Contract.objects.create(
        network=network,
        kind=Contract.Kind.LIFECYCLE_CASH_FLOW,
        address=f"0.0.{number}",
        evm_address=evm_address(number),
        label="bench",
        interface_version="1.1",
        wallet=wallet,
        payment_token=money,
        created_at=created_at,
    )


def _asset(contract: Contract, number: int) -> Asset:
    return Asset.objects.create(
        network=contract.network,
        address=f"0.0.{number}",
        evm_address=evm_address(number),
        interface_version="8",
        name="Bench",
        symbol=f"B{number}",
        kind=Asset.Kind.EQUITY,
        decimals=2,
        payout_contract=contract,
        created_at=contract.created_at,
    )


def _plan(asset: Asset, snapshot: int, lines: int, first_second: int) -> None:
    """A distribution that is being paid, with its lines and batches as planning writes them, and its reservation."""
    distribution = Distribution.objects.create(
        asset=asset,
        amount_type=Distribution.AmountType.FIXED,
        amount_units=lines * UNITS,
        status=Distribution.Status.PROCESSING,
        snapshot_id=snapshot,
        snapshot_consensus_at=moment(first_second - 1, 0),
        supply_units=lines,
        holder_count=lines,
        pool_units=lines * UNITS,
        plan_closed_at=clock.now(),
        created_by="bench",
    )
    Reservation.objects.create(
        contract=asset.payout_contract, distribution_uid=distribution.uid, units=lines * UNITS
    )
    for number, start in enumerate(range(0, lines, PAGE)):
        page = PlanPage.objects.create(distribution=distribution, number=number, size=PAGE)
        store_page(
            page, [Owed(holder(person), 1, UNITS) for person in range(start, min(start + PAGE, lines))]
        )


# --- what is measured ------------------------------------------------------------------------------


def follow(*, mix: str, first_second: int, contracts: Mapping[str, int]) -> dict[str, Any]:
    """The contracts one after the other, each to the end of its logs; the last one is reported, the others warm up."""
    report: dict[str, Any] = {}
    for number, events in contracts.items():
        listener = EventListener.objects.get(address=f"0.0.{number}")
        with Stopwatch() as watch:
            looks = _follow_to(listener, last_place(first_second, events))
        _check(listener, mix, events)
        report = _report(events, events * HOLDERS_OF[mix], watch) | {"looks": looks}
    return report


def _follow_to(listener: EventListener, last: Place) -> int:
    """How many looks it took."""
    looks, place = 0, (listener.cursor_at, listener.cursor_index)
    while place != last:
        follow_once(listener.pk)
        listener.refresh_from_db()
        looks, before, place = looks + 1, place, (listener.cursor_at, listener.cursor_index)
        if place == before:
            raise SystemExit(f"{listener} stays at {place}, its end is {last}: {listener.last_error}")
    return looks


def _check(listener: EventListener, mix: str, events: int) -> None:
    """Every event stored; those that mean something applied: each line paid as planned, each holder to be asked for."""
    rows = ChainEvent.objects.of(listener.network, listener.address)
    lines = Payment.objects.filter(distribution__asset__payout_contract__address=listener.address)
    payments = lines.filter(status=Payment.Status.PAID, paid_units=UNITS, difference="")
    found = {
        "events": rows.count(),
        "processed": rows.filter(is_proved=True, quarantine_reason="").exclude(processed_at=None).count(),
        "unknown": rows.filter(name="", is_proved=False, quarantine_reason="").count(),
        "paid": payments.count(),
        "outdated": Holding.objects.filter(asset__address=listener.address).count(),
    }
    is_known = mix != "unknown"
    expected = {
        "events": events,
        "processed": events * is_known,
        "unknown": events * (not is_known),
        "paid": events * HOLDERS_OF[mix],
        "outdated": len({one for number in range(events) for one in people_of(number)})
        if mix == "transfers"
        else 0,
    }
    if found != expected:
        raise SystemExit(f"{mix} left {found}, expected was {expected}")


def _report(events: int, lines: int, watch: "Stopwatch") -> dict[str, Any]:
    return {
        "events": events,
        "lines": lines,
        "seconds": round(watch.seconds, 2),
        "events_per_second": round(events / watch.seconds, 1),
        "lines_per_second": round(lines / watch.seconds, 1),
        "cpu_us_per_event": watch.cpu_us_of_each(events),
        "peak_mb": watch.peak_mb,
    }


def sync(*, number: int, holders: int) -> dict[str, Any]:
    """An asset that was never read, once."""
    asset = _asset(_contract(number - 1_000, clock.now() - timedelta(days=1)), number)
    with Stopwatch() as watch:
        sync_asset(asset.pk)
    asset.refresh_from_db()
    rows = Holding.objects.filter(asset=asset)
    total = rows.aggregate(total=Sum("balance_units"))["total"]
    if asset.sync_status != Asset.SyncStatus.SYNCED or (rows.count(), total) != (holders, holders * BALANCE):
        raise SystemExit(
            f"{asset} is {asset.sync_status} with {rows.count()} of {holders} holders and {total} units: "
            f"{asset.sync_error}"
        )
    return {
        "holders": holders,
        "seconds": round(watch.seconds, 2),
        "holders_per_second": round(holders / watch.seconds, 1),
        "cpu_us_per_holder": watch.cpu_us_of_each(holders),
        "start_mb": watch.start_mb,
        "peak_mb": watch.peak_mb,
    }


# --- how -------------------------------------------------------------------------------------------


class Stopwatch:
    """Time, CPU time of this process and the others, and this one's most memory, before and after what is measured.

    Looking at processes takes time, too, which is neither in ``seconds`` nor in this process's CPU.
    """

    def __enter__(self) -> Self:
        self._before = look(_home())
        self.start_mb = round(self._before["reader"].peak_mb, 1)
        self._begin, self._own = time.monotonic(), time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        own = time.process_time() - self._own
        self.seconds = time.monotonic() - self._begin
        after = look(_home())
        self._cpu = spent(self._before, after) | {"reader": own}
        self.peak_mb = round(after["reader"].peak_mb, 1)

    def cpu_us_of_each(self, count: int) -> dict[str, float]:
        return {name: round(seconds * 1_000_000 / count, 1) for name, seconds in self._cpu.items()}


def _home() -> Path:
    return Path(os.environ["PAYDATE_HOME"])


TASKS: Mapping[str, Callable[..., dict[str, Any]]] = {"prepare": prepare, "follow": follow, "sync": sync}


def main() -> None:
    task, options = sys.argv[1], json.loads(sys.argv[2])
    settings.HEDERA_MIRROR_URL = options.pop("mirror", "")
    # As in production: the offset of a devnet would be looked up in its file each time.
    settings.CLOCK_OFFSET = ""
    (_home() / "run" / "reader.pid").write_text(str(os.getpid()))
    folder = options.pop("profile", "")
    with sampled(Path(folder), options["mix"]) if folder else nullcontext():
        report = TASKS[task](**options)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
