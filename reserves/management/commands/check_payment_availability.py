import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from contracts.amounts import counted, format_units
from contracts.management.users import current_user
from contracts.models import Contract
from contracts.services.networks import hedera_network, stellar_network
from reserves.models import PaymentAvailability
from reserves.services.ticketing import contracts_here, open_tickets

Status = PaymentAvailability.Status
POLL_SECONDS = 0.5
SHORT_OR_FAILED, BAD_INPUT = 1, 2


class Command(BaseCommand):
    help = (
        "Asks on chain whether the reserves of investment contracts cover their next payments, and whether "
        "payout contracts have what is due within the horizon. "
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
        known = contracts_here().filter(address__in=addresses)
        unknown = set(addresses) - set(known.values_list("address", flat=True))
        if unknown:
            raise CommandError(
                f"no contract on {_networks()} has the address {', '.join(sorted(unknown))}; "
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


def _networks() -> str:
    if settings.SOROBAN_RPC_URL:
        return f"{hedera_network()} or {stellar_network()}"
    return f"{hedera_network()} (SOROBAN_RPC_URL is empty, so none on Stellar is checked)"


def _line(check: PaymentAvailability) -> str:
    if check.status == Status.FAILED:
        return f"{check.contract}: FAILED {check.error_class}: {check.error_text}"
    is_payout = check.contract.kind == Contract.Kind.LIFECYCLE_CASH_FLOW
    return f"{check.contract}: {_payout_words(check) if is_payout else _investment_words(check)}"


def _investment_words(check: PaymentAvailability) -> str:
    if not check.required_funds_units:
        return f"covered, as of ledger {check.ledger}"
    effect = f", {check.get_outcome_display()}" if check.outcome else ""
    return f"missing {_shown(check, check.required_funds_units)}, as of ledger {check.ledger}{effect}"


def _payout_words(check: PaymentAvailability) -> str:
    days = settings.RESERVE_HORIZON_DAYS
    horizon = f"within {counted(days, 'day')}" if days else "now"
    due = f"{_shown(check, check.due_units or 0)} due {horizon}"
    if not check.required_funds_units:
        return f"covered, {due}, as of block {check.ledger}"
    return f"missing {_shown(check, check.required_funds_units)} of {due}, as of block {check.ledger}"


def _shown(check: PaymentAvailability, units: int) -> str:
    token = check.contract.payment_token
    return format_units(int(units), decimals=token.decimals, symbol=token.symbol)
