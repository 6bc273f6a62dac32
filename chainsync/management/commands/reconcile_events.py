from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chainsync.management.followed import BAD_INPUT, moment_ns
from chainsync.models import EventListener
from chainsync.services.comparing import DAY_NS, Compared
from chainsync.services.reconciling import COMPARED, Reconciled, comparable, reconcile
from contracts import clock
from contracts.amounts import counted, format_units
from contracts.models import Contract, Token
from contracts.services.networks import hedera_network

DIFFERENT = 1
MOST_DAYS = 3_650


class Command(BaseCommand):
    help = (
        "Compares the stored events of contracts and assets on Hedera with the chain, in whole days, UTC, up to ten "
        "minutes before the mirror node's newest block. What was missed is added; what differs becomes a row that a "
        "person can resolve in the admin. Without a time: since the registration, at most 60 days. "
        "Exit 0 when nothing differs, 1 when a difference is open or a contract could not be compared, 2 for bad "
        "input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--contract", metavar="ADDRESS", help="only this contract or asset")
        start = parser.add_mutually_exclusive_group()
        start.add_argument("--from", metavar="TIME", help="a consensus time, or 2026-11-28T06:30:00Z")
        start.add_argument("--days", type=int, metavar="N", help="the last N days and today")
        parser.add_argument("--until", metavar="TIME", help="up to the end of this time's day")

    def handle(self, *args: Any, **options: Any) -> None:
        since_ns, until_ns = _bounds(options)
        address = options["contract"]
        listeners = [_listener_at(address)] if address else list(comparable())
        results = []
        for listener in listeners:
            results.append(reconcile(listener, since_ns=since_ns, until_ns=until_ns))
            self._show(results[-1])
        if not self._sum_up(results):
            raise SystemExit(DIFFERENT)

    def _show(self, result: Reconciled) -> None:
        """A line for each period in which there is anything, and the differences that are open."""
        listener, quiet = result.listener, 0
        for found in result.periods:
            if found.on_chain or found.stored:
                self.stdout.write(f"{listener}, {_period(found)}: {_line(found, _token_of(listener))}")
            else:
                quiet += 1
        if quiet:
            self.stdout.write(f"{listener}: {counted(quiet, 'day')} without events")
        if result.trouble:
            self.stdout.write(f"{listener}: not compared to the end: {result.trouble}")
        for difference in result.open_differences():
            self.stdout.write(f"  {difference.get_kind_display()}, {difference.day}: {difference.words}")

    def _sum_up(self, results: list[Reconciled]) -> bool:
        """Whether all were compared and nothing differs."""
        differing = sum(result.open_differences().count() for result in results)
        failed = sum(bool(result.trouble) for result in results)
        compared = counted(len(results) - failed, "contract or asset", "contracts and assets")
        words = [f"{compared} compared", f"{counted(differing, 'open difference')}"]
        if failed:
            words.append(f"{failed:,} not compared to the end")
        self.stdout.write(", ".join(words))
        if differing:
            self.stdout.write("Differences in the admin explains each; who may resolve them can do so there")
        return not differing and not failed


def _bounds(options: dict[str, Any]) -> tuple[int | None, int | None]:
    """Nanoseconds since the epoch. Raises CommandError."""
    now_ns, days = clock.now_ns(), options["days"]
    if days is not None and not 0 <= days <= MOST_DAYS:
        raise CommandError(f"--days {days} makes no sense: give 0 to {MOST_DAYS:,}", returncode=BAD_INPUT)
    since_ns = moment_ns(options["from"]) if options["from"] else None
    until_ns = moment_ns(options["until"]) if options["until"] else None
    if since_ns is not None and since_ns > now_ns:
        raise CommandError(f"--from {options['from']} is in the future", returncode=BAD_INPUT)
    if days is not None:
        since_ns = now_ns - days * DAY_NS
    if since_ns is not None and until_ns is not None and until_ns < since_ns:
        raise CommandError("--until is before the first day that is to be compared", returncode=BAD_INPUT)
    return since_ns, until_ns


def _listener_at(address: str) -> EventListener:
    """Raises CommandError that names the fix."""
    if listener := comparable().filter(address=address).first():
        return listener
    raise CommandError(_why_not(address), returncode=BAD_INPUT)


def _why_not(address: str) -> str:
    listener = EventListener.objects.filter(address=address).first()
    if listener is None:
        return (
            f"nothing that is followed has the address {address}; Listeners in the admin has the addresses, "
            "manage.py add_contract and add_asset register new ones"
        )
    if listener.network != hedera_network():
        return (
            f"{address} is on {listener.network}, and only {hedera_network()} is compared: what the Soroban RPC "
            "shows is final when it is read"
        )
    if listener.kind not in COMPARED:
        return (
            f"{address} is a payment token: only what goes to payout contracts is read of it, so its logs are not "
            "compared; name the payout contract"
        )
    return f"{address} is not followed at present; manage.py add_listener {address} follows it again"


def _period(found: Compared) -> str:
    """The time of the last second that was compared, where that is not the whole day."""
    until = clock.from_ns(clock.consensus_ns(found.period.until))
    is_whole = (until.hour, until.minute, until.second) == (23, 59, 59)
    return f"{found.period.day}{'' if is_whole else f' until {until:%H:%M:%S} UTC'}"


def _line(found: Compared, token: Token | None) -> str:
    words = [f"{counted(found.on_chain, 'event')} on chain", f"{found.stored:,} stored", *_counts(found)]
    if token is not None:
        paid, booked = (
            format_units(units, decimals=token.decimals, symbol=token.symbol)
            for units in (found.paid_on_chain_units, found.paid_stored_units)
        )
        words.append(f"{paid} paid on chain, {booked} by the stored events")
    return ", ".join(words)


def _counts(found: Compared) -> Iterable[str]:
    counts = {
        "missed and added": found.missed.count,
        "not on chain": found.not_on_chain.count,
        "with other bytes": found.other_bytes.count,
        "never proved": found.ghosts,
    }
    return [f"{count:,} {words}" for words, count in counts.items() if count]


def _token_of(listener: EventListener) -> Token | None:
    """Only payout contracts pay."""
    if listener.kind != EventListener.Kind.CONTRACT:
        return None
    contract = Contract.objects.select_related("payment_token")
    return contract.get(network=listener.network, address=listener.address).payment_token
