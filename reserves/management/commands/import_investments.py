from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from contracts.amounts import counted, format_units
from contracts.management.users import current_user
from contracts.models import Contract
from contracts.services.networks import stellar_network
from reserves.investments import ReturnType, Terms
from reserves.management.rows import rows_of
from reserves.services.bookkeeping import make_terms
from reserves.services.importing import BadImport, NewImport, import_investments, return_to_chain

BAD_INPUT = 2
TYPES = {"loan": ReturnType.REVERSE_LOAN, "coupon": ReturnType.COUPON}
TERMS = ("rate", "months", "type", "block_days")


class Command(BaseCommand):
    help = (
        "Gives the investments of a contract whose storage cannot be read, from a .json or .csv file. They count "
        "until they are given again or forgotten. Exit 2: bad input, nothing was changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contract", help="address C... of a registered investment contract")
        parser.add_argument("file", nargs="?", type=Path, help="one investment for each object or line")
        parser.add_argument("--rate", type=int, help="interest for the whole term in basis points")
        parser.add_argument("--months", type=int, help="number of instalments")
        parser.add_argument("--type", choices=TYPES, help="loan: reverse loan; coupon: principal at the end")
        parser.add_argument("--block-days", type=int, help="days after investing in which nothing is paid")
        parser.add_argument(
            "--reserve", type=int, metavar="UNITS", help="base units; default: read from the chain"
        )
        parser.add_argument(
            "--by-address",
            action="store_true",
            help="the older version, which keeps one claim for each address",
        )
        parser.add_argument("--reason", default="", help="why; kept in the audit trail")
        parser.add_argument(
            "--forget", action="store_true", help="forget the import and read the chain again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            contract = _contract(options["contract"])
            if options["forget"]:
                return_to_chain(contract, reason=options["reason"], by=current_user())
                self.stdout.write(f"{contract}: the import is forgotten; the next refresh reads the chain")
                return
            self._import(contract, options)
        except BadImport as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error

    def _import(self, contract: Contract, options: dict[str, Any]) -> None:
        book = import_investments(contract, _wanted(options))
        token = contract.payment_token
        reserve = format_units(book.reserve_units or 0, decimals=token.decimals, symbol=token.symbol)
        investments = counted(book.entries.count(), "investment")
        self.stdout.write(f"{contract}: {investments} imported, the reserve has {reserve}")


def _contract(address: str) -> Contract:
    contracts = Contract.objects.filter(kind=Contract.Kind.INVESTMENT, network=stellar_network())
    contract = contracts.select_related("payment_token").filter(address=address).first()
    if contract is None:
        raise BadImport(
            [f"no investment contract on {stellar_network()} has the address {address}; register it first"]
        )
    return contract


def _wanted(options: dict[str, Any]) -> NewImport:
    missing = [f"--{name.replace('_', '-')}" for name in TERMS if options[name] is None]
    missing += [] if options["file"] else ["a file"]
    if missing:
        raise BadImport([f"missing: {', '.join(missing)}"])
    return NewImport(
        terms=_terms(options),
        rows=rows_of(options["file"]),
        reserve_units=options["reserve"],
        is_by_address=options["by_address"],
        reason=options["reason"],
        by=current_user(),
    )


def _terms(options: dict[str, Any]) -> Terms:
    try:
        return make_terms(
            rate_basis_points=options["rate"],
            return_months=options["months"],
            return_type=TYPES[options["type"]],
            claim_block_days=options["block_days"],
        )
    except ValueError as error:
        raise BadImport([f"--rate, --months, --type, --block-days: {error}"]) from error
