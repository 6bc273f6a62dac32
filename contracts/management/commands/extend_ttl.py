import sys
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from contracts.models import Contract
from contracts.services.extending import USUAL_DAYS, Lives, NotExtended, extend, lives_of
from contracts.services.networks import stellar_network

BAD_INPUT = 2
FINISHED = Contract.Status.FINISHED


class Command(BaseCommand):
    help = (
        "Lets the network keep what investment contracts have stored for longer, and restores what it has archived: "
        "instance, code, and of Paydate's own contracts investments, owners and days to come. Each transaction is "
        "recorded, signed and paid by the contract's wallet. Exit 0 when done or planned, 2 for bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contracts", nargs="*", metavar="C...", help="the contracts' addresses")
        parser.add_argument(
            "--all", action="store_true", help="every investment contract that is not FINISHED"
        )
        parser.add_argument(
            "--days", type=int, default=USUAL_DAYS, help=f"how long from now (default {USUAL_DAYS})"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for contract in _contracts(options["contracts"], is_all=options["all"]):
                self._extend(contract, days=options["days"], is_dry=options["dry_run"])
        except NotExtended as error:
            self.stderr.write(str(error))
            sys.exit(BAD_INPUT)

    def _extend(self, contract: Contract, *, days: int, is_dry: bool) -> None:
        lives = lives_of(contract, days=days)
        self.stdout.write(f"{contract}: {_words(lives, days=days)}")
        if lives.is_enough or is_dry:
            return
        for row in extend(contract, lives, days=days, by=current_user()):
            self.stdout.write(f"planned {row.subject} {row.function}")


def _contracts(addresses: list[str], *, is_all: bool) -> list[Contract]:
    known = Contract.objects.filter(network=stellar_network(), kind=Contract.Kind.INVESTMENT)
    known = known.select_related("wallet").order_by("pk")
    if is_all == bool(addresses):
        raise NotExtended("name the contracts C..., or give --all")
    if is_all:
        return list(known.exclude(status=FINISHED))
    found = {contract.address: contract for contract in known.filter(address__in=addresses)}
    if missing := [address for address in addresses if address not in found]:
        raise NotExtended(
            f"no investment contract {missing[0]} on {stellar_network()}; register it with manage.py add_contract"
        )
    return [found[address] for address in addresses]


def _words(lives: Lives, *, days: int) -> str:
    if lives.is_enough:
        return f"all {len(lives.enough)} entries live {days} days or longer"
    parts = []
    if lives.short:
        soonest = min(lives.short, key=lambda one: one.life.live_until)
        kinds = Counter(one.name.partition("(")[0] for one in lives.short)
        listed = ", ".join(f"{count} {name}" if count > 1 else name for name, count in kinds.items())
        parts.append(
            f"{listed} end within {days} days, {soonest.name} first in {soonest.life.days_left} days"
        )
    if lives.archived:
        parts.append(f"archived: {', '.join(one.name for one in lives.archived)}")
    return "; ".join(parts)
