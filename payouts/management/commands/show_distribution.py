from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts import clock
from contracts.gateways.errors import GatewayError
from payouts.amounts import counted, format_units
from payouts.management.exits import BAD_INPUT, FAILED, leave
from payouts.models import Distribution
from payouts.services.creating import BadInput
from payouts.services.finding import find_distribution
from payouts.services.showing import (
    compare_with_chain,
    failures_of,
    given_up_in,
    progress_of,
    transactions_of,
    why_waiting,
)
from payouts.services.times import shown

MOST_TRANSACTIONS = 20
MOST_DIFFERENCES = 20
MOST_GIVEN_UP = 20


class Command(BaseCommand):
    help = "Shows a distribution: counts, amounts, transactions, why it waits, and what the contract itself says."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("distribution", help="the uid, or its beginning")
        parser.add_argument("--chain", action="store_true", help="compare with the contract's own events")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            distribution = find_distribution(options["distribution"])
        except BadInput as error:
            leave(self, BAD_INPUT, str(error))
        self._head(distribution)
        self._transactions(distribution)
        for reason in why_waiting(distribution):
            self.stdout.write(f"  waits: {reason}")
        for reason, count in failures_of(distribution):
            self.stdout.write(f"  failed: {counted(count, 'holder')}, {reason}")
        self._given_up(distribution)
        if options["chain"]:
            self._chain(distribution)

    def _head(self, distribution: Distribution) -> None:
        progress = progress_of(distribution)
        rows = {
            "distribution": distribution.uid,
            "asset": str(distribution.asset),
            "status": distribution.status,
            "concept": distribution.concept or "-",
            "created": f"{distribution.created_at:%Y-%m-%d %H:%M:%S} UTC by {distribution.created_by}",
            **_times(distribution),
            "snapshot": _snapshot(distribution),
            "pool": self._amount(distribution, distribution.pool_units),
            "expected": self._amount(distribution, progress.expected_units if progress.total else None),
            "dust": self._amount(distribution, distribution.dust_units),
            "paid": self._amount(distribution, progress.paid_units),
            "lines": _counts(progress.lines),
            "batches": _counts(progress.batches),
        }
        for name, value in rows.items():
            self.stdout.write(f"{name + ':':<14}{value}")

    def _amount(self, distribution: Distribution, units: int | None) -> str:
        token = distribution.asset.payout_contract.payment_token
        return (
            "unknown yet"
            if units is None
            else format_units(units, decimals=token.decimals, symbol=token.symbol)
        )

    def _transactions(self, distribution: Distribution) -> None:
        calls = transactions_of(distribution)
        for call in calls[:MOST_TRANSACTIONS]:
            name = call.transaction_id or "no transaction id yet"
            error = f" {call.error_class}: {call.error_text}" if call.error_class else ""
            self.stdout.write(f"  {call.status:<10} {call.function} attempt {call.attempt} {name}{error}")
        if (rest := calls.count() - MOST_TRANSACTIONS) > 0:
            self.stdout.write(f"  and {rest} more")

    def _given_up(self, distribution: Distribution) -> None:
        """Each by name: these wait for a person."""
        lines = given_up_in(distribution)
        for line in lines[:MOST_GIVEN_UP]:
            units = self._amount(distribution, int(line.expected_units))
            tries = counted(line.retries, "automatic retry", "automatic retries")
            self.stdout.write(f"  given up: {line.holder}, {units}, after {tries}: {line.failure_reason}")
        if (rest := lines.count() - MOST_GIVEN_UP) > 0:
            self.stdout.write(f"  and {rest:,} more given up")

    def _chain(self, distribution: Distribution) -> None:
        try:
            view = compare_with_chain(distribution)
        except GatewayError as error:
            leave(self, FAILED, f"the chain could not be asked: {error}")
        self.stdout.write(
            f"on chain:     {view.paid_count} holders paid, {self._amount(distribution, view.paid_units)}"
        )
        for holder in view.differing[:MOST_DIFFERENCES]:
            self.stdout.write(f"  differs: {holder}")
        if view.differing:
            leave(self, FAILED, f"{len(view.differing)} holders differ between the contract and the database")
        self.stdout.write("              the same as in the database, holder by holder")


def _times(distribution: Distribution) -> dict[str, str]:
    """Those that it was given."""
    given = {"record time": distribution.record_at, "paid from": distribution.execute_at}
    return {name: shown(at, distribution.zone) for name, at in given.items() if at is not None}


def _snapshot(distribution: Distribution) -> str:
    if distribution.snapshot_id is None:
        return "not taken yet"
    taken_at = clock.from_ns(clock.consensus_ns(distribution.snapshot_consensus_at))
    return f"{distribution.snapshot_id} at {shown(taken_at, distribution.zone)}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none yet"
