from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from chainsync.management.followed import contract_at
from chainsync.services.following import switch
from contracts.management.users import current_user


class Command(BaseCommand):
    help = (
        "Follows the events of a registered contract, or stops following them (--off). Contracts are followed from "
        "their registration on, so this is for one that was switched off. Exit 0, or 2 for bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contract", metavar="ADDRESS")
        parser.add_argument("--off", action="store_true", help="look at it no more; what was seen stays")

    def handle(self, *args: Any, **options: Any) -> None:
        contract = contract_at(options["contract"])
        changed = switch(contract, on=not options["off"], by=current_user())
        state = "is not followed" if options["off"] else "is followed"
        self.stdout.write(f"{contract.address} {state}{' from now on' if changed else ' already'}")
