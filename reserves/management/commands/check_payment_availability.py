import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from contracts.amounts import format_units
from contracts.management.users import current_user
from contracts.models import Contract
from reserves.models import PaymentAvailability
from reserves.services.ticketing import open_tickets, stellar_network

Status = PaymentAvailability.Status
POLL_SECONDS = 0.5
SHORT_OR_FAILED, BAD_INPUT = 1, 2


class Command(BaseCommand):
    help = (
        "Asks on chain whether the reserves of investment contracts cover their next payments. "
        "With --wait: exit 0 all do, 1 one is short or could not be asked; 2 bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--contract", action="append", metavar="ADDRESS", help="only this one; may be repeated"
        )
        parser.add_argument("--wait", action="store_true", help="wait for the answers and show them")

    def handle(self, *args: Any, **options: Any) -> None:
        addresses = options["contract"]
        self._refuse_unknown(addresses or [])
        made = open_tickets(addresses, by=current_user())
        checks = PaymentAvailability.objects.filter(pk__in=made) | self._under_way(addresses)
        pks = list(checks.values_list("pk", flat=True))
        self.stdout.write(f"{len(made):,} checks asked for, {len(pks) - len(made):,} were under way")
        if options["wait"] and not self._wait(pks):
            raise SystemExit(SHORT_OR_FAILED)

    def _refuse_unknown(self, addresses: list[str]) -> None:
        known = Contract.objects.filter(kind=Contract.Kind.INVESTMENT, network=stellar_network())
        unknown = set(addresses) - set(known.filter(address__in=addresses).values_list("address", flat=True))
        if unknown:
            raise CommandError(
                f"no investment contract on {stellar_network()} has the address {', '.join(sorted(unknown))}; "
                "the contracts list in the admin has their addresses",
                returncode=BAD_INPUT,
            )

    def _under_way(self, addresses: list[str] | None) -> Any:
        checks = PaymentAvailability.objects.open()
        return checks if addresses is None else checks.filter(contract__address__in=addresses)

    def _wait(self, pks: list[int]) -> bool:
        """Shows each answer when it comes; whether all reserves suffice."""
        shown: set[int] = set()
        all_good = True
        while len(shown) < len(pks):
            ended = PaymentAvailability.objects.filter(pk__in=set(pks) - shown).exclude(status=Status.PENDING)
            for check in ended.select_related("contract__payment_token"):
                self.stdout.write(_line(check))
                shown.add(check.pk)
                all_good &= check.status == Status.PROCESSED and not check.required_funds_units
            self.stdout.flush()
            time.sleep(POLL_SECONDS if len(shown) < len(pks) else 0)
        return all_good


def _line(check: PaymentAvailability) -> str:
    token = check.contract.payment_token
    if check.status == Status.FAILED:
        return f"{check.contract}: FAILED {check.error_class}: {check.error_text}"
    if not check.required_funds_units:
        return f"{check.contract}: covered, as of ledger {check.ledger}"
    missing = format_units(int(check.required_funds_units), decimals=token.decimals, symbol=token.symbol)
    effect = f", {check.get_outcome_display()}" if check.outcome else ""
    return f"{check.contract}: missing {missing}, as of ledger {check.ledger}{effect}"
