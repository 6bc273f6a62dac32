"""How fast reserves are checked: tickets opened as a tick of beat opens them, answered by the worker of a stack.

The contracts are on the local chain, each with an instance of its own; their rows are written directly, because
registering ten thousand of them is not what is measured. A round in which not every ticket is PROCESSED is no round.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from django.db import transaction
from django.db.models import Max, Min
from django.test import override_settings
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from bench.machine import ROOT
from bench.processes import look, spent
from chainsync.models import EventListener
from contracts import clock
from contracts.models import Contract, ContractTransaction, Token, Wallet
from contracts.services.networks import stellar_network
from devnet.client import DevnetClient
from reserves.models import InvestmentBook, PaymentAvailability
from reserves.services import checking
from reserves.services.ticketing import open_tickets

Status = PaymentAvailability.Status
LATENCY_MS = 200
LOOK_SECONDS = 0.1
WAIT_SECONDS = 600
WARM_UP = 200
# As it is read of a contract in which nobody has invested yet.
BOOK = {
    "rate_basis_points": 500,
    "return_months": 12,
    "return_type": 1,
    "claim_block_days": 0,
    "goal_units": 1_000_000_0000000,
    "reserve_units": 0,
    "project_units": 0,
    "state": 2,
    "is_paused": False,
    "as_of_ledger": 1_000,
}


class Checks:
    def __init__(self) -> None:
        self.home = Path(os.environ["PAYDATE_HOME"])
        self.devnet = DevnetClient.of()
        self.wallet = Wallet.objects.get(role=Wallet.Role.SOURCE)

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    # --- what is measured ------------------------------------------------------------------------

    def side_by_side(self, addresses: Sequence[str], rounds: int) -> dict[str, Any]:
        made = [self.round(addresses) for _ in range(rounds)]
        names = ("seconds", "per_second", "p50_ms", "p95_ms", "cpu_ms_per_check")
        return {"checks": len(addresses), **{name: _middle([one[name] for one in made]) for name in names}}

    def round(self, addresses: Sequence[str]) -> dict[str, Any]:
        """From the first ticket that was taken up to the last that was PROCESSED."""
        before = look(self.home)
        pks = open_tickets(list(addresses), by="bench")
        self.wait(pks)
        after = look(self.home)
        report = _times(pks)
        cpu = spent(before, after)
        self.say(f"{len(pks)} checks in {report['seconds']} s, {report['per_second']}/s; CPU {cpu}")
        per_check = {name: round(seconds * 1000 / len(pks), 2) for name, seconds in cpu.items()}
        return {**report, "cpu_ms_per_check": per_check}

    def one_at_a_time(self, addresses: Sequence[str]) -> dict[str, Any]:
        """In this process: tickets that nobody is rung for, and that the sweep is not to find."""
        later = clock.now() + timedelta(days=1)
        contracts = Contract.objects.filter(address__in=addresses)
        tickets = [
            PaymentAvailability(contract=contract, requested_by="bench", next_attempt_at=later)
            for contract in contracts
        ]
        PaymentAvailability.objects.bulk_create(tickets)
        begin = time.monotonic()
        for ticket in tickets:
            checking.check(ticket.pk)
        seconds = time.monotonic() - begin
        self.wait([ticket.pk for ticket in tickets])
        return {
            "checks": len(tickets),
            "seconds": round(seconds, 2),
            "per_second": round(len(tickets) / seconds, 2),
        }

    def selection(self, contracts: int) -> dict[str, Any]:
        """All contracts at once: first by the command, in a process of its own, then step by step in this one."""
        command, seconds, peak_mb = self.command()
        self.wait(list(PaymentAvailability.objects.values_list("pk", flat=True)))
        begin = time.monotonic()
        with transaction.atomic():
            pks = open_tickets(by="bench")
            written = time.monotonic() - begin
        rung = time.monotonic() - begin - written
        self.wait(pks)
        return {
            "contracts": len(pks),
            "command": {"words": command, "seconds": round(seconds, 2), "peak_mb": peak_mb},
            "written": round(written, 2),
            "rung": round(rung, 2),
            "answered": _times(pks),
        }

    def command(self) -> tuple[str, float, float]:
        """Its last words, the seconds it took with its start, and the most memory it had."""
        words = [sys.executable, "manage.py", "check_payment_availability"]
        begin = time.monotonic()
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        output = process.stdout.read() if process.stdout else ""
        _, code, usage = os.wait4(process.pid, 0)
        if code:
            raise SystemExit(f"check_payment_availability ended with {code}")
        return output.strip(), time.monotonic() - begin, round(usage.ru_maxrss / 1024, 1)

    def submitted(self, addresses: Sequence[str]) -> dict[str, Any]:
        """Signed checks of contracts that all have the same owner: one source account, one sequence number."""
        with override_settings(RESERVE_CHECK_MODE="submit"):
            pks = open_tickets(list(addresses), by="bench")
        self.wait(pks)
        calls = ContractTransaction.objects.filter(
            checks__in=pks, status=ContractTransaction.Status.SUCCEEDED
        )
        ledgers = sorted(ledger for ledger in calls.values_list("ledger", flat=True) if ledger)
        times = _times(pks)
        span = ledgers[-1] - ledgers[0]
        return {
            "checks": len(pks),
            "calls": len(ledgers),
            "ledgers": span + 1,
            "most_in_a_ledger": max(ledgers.count(one) for one in ledgers),
            "per_ledger": round((len(ledgers) - 1) / span, 2),
            "per_minute": round(60 * len(pks) / times["seconds"], 1),
            "seconds": times["seconds"],
        }

    # --- how -------------------------------------------------------------------------------------

    def be_quiet(self) -> None:
        """Events and books of the same contracts are read at a pace of their own, which is not measured here."""
        PeriodicTask.objects.filter(task="reserves.refresh_books").update(enabled=False)
        PeriodicTasks.update_changed()

    def contracts(self, count: int) -> list[str]:
        """So many more; the addresses."""
        begin = time.monotonic()
        made = self.devnet.create_investments(count, owner=self.wallet.account)
        money, _ = Token.objects.get_or_create(
            network=stellar_network(), address=made["token"], defaults={"symbol": "USDC", "decimals": 7}
        )
        rows = [
            Contract(
                network=stellar_network(),
                kind=Contract.Kind.INVESTMENT,
                address=address,
                label="bench",
                interface_version="1",
                wallet=self.wallet,
                payment_token=money,
            )
            for address in made["contracts"]
        ]
        Contract.objects.bulk_create(rows, batch_size=2_000)
        EventListener.objects.bulk_create(
            EventListener(network=row.network, address=row.address, enabled=False) for row in rows
        )
        InvestmentBook.objects.bulk_create(InvestmentBook(contract=row, **BOOK) for row in rows)
        self.say(f"{count} contracts made in {time.monotonic() - begin:.1f} s")
        return [row.address for row in rows]

    def wait(self, pks: Sequence[int]) -> None:
        """Until all have ended."""
        begin = time.monotonic()
        tickets = PaymentAvailability.objects.filter(pk__gte=min(pks), pk__lte=max(pks))
        while tickets.filter(status=Status.PENDING).exists():
            if time.monotonic() - begin > WAIT_SECONDS:
                raise SystemExit(f"not all of {len(pks)} checks ended in {WAIT_SECONDS} s")
            time.sleep(LOOK_SECONDS)
        if failed := tickets.exclude(status=Status.PROCESSED).first():
            raise SystemExit(f"{failed} FAILED: {failed.error_class}: {failed.error_text}")


def measured(*, contracts: int, rounds: int, sample: int, selected: int, signed: int) -> dict[str, Any]:
    """All of it on one stack, so that ratios compare the same machine at the same time."""
    bench = Checks()
    bench.be_quiet()
    addresses = bench.contracts(contracts)
    bench.round(addresses[:WARM_UP])
    report: dict[str, Any] = {"zero": bench.side_by_side(addresses, rounds)}
    if sample:
        bench.devnet.latency("soroban", LATENCY_MS)
        report["latency"] = bench.side_by_side(addresses, rounds)
        report["sequence"] = bench.one_at_a_time(addresses[:sample])
        bench.devnet.latency("soroban", 0)
        report["ratio"] = round(report["latency"]["per_second"] / report["sequence"]["per_second"], 1)
    if signed:
        report["submitted"] = bench.submitted(addresses[:signed])
    if selected:
        bench.contracts(selected - contracts)
        report["selection"] = bench.selection(selected)
    report["peak_mb"] = {name: round(usage.peak_mb, 1) for name, usage in look(bench.home).items()}
    return report


def _times(pks: Sequence[int]) -> dict[str, float]:
    rows = PaymentAvailability.objects.filter(pk__gte=min(pks), pk__lte=max(pks))
    span = rows.aggregate(first=Min("started_at"), last=Max("ended_at"))
    seconds = (span["last"] - span["first"]).total_seconds()
    own = [
        (ended - started).total_seconds() * 1000
        for started, ended in rows.values_list("started_at", "ended_at")
        if started and ended
    ]
    steps = quantiles(own, n=20)
    return {
        "seconds": round(seconds, 2),
        "per_second": round(len(own) / seconds, 1),
        "p50_ms": round(steps[9], 1),
        "p95_ms": round(steps[18], 1),
    }


def _middle(values: Sequence[Any]) -> Any:
    """The median; of figures by name, each its own."""
    if isinstance(values[0], dict):
        return {name: round(median(one[name] for one in values), 2) for name in values[0]}
    return median(values)
