from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chainsync.management.followed import BAD_INPUT, followed_at, moment_ns
from chainsync.services.rewinding import NotRewound, rewind
from contracts.management.users import current_user


class Command(BaseCommand):
    help = (
        "Has the events of a payout contract read once more from an earlier time. What is stored stays as it is "
        "and nothing counts twice; only what was missing is added. Exit 0, or 2 for bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contract", metavar="ADDRESS")
        parser.add_argument(
            "--to", required=True, metavar="TIME", help="a consensus time, or 2026-11-28T06:30:00Z"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        contract = followed_at(options["contract"])
        try:
            listener = rewind(contract, to_ns=moment_ns(options["to"]), by=current_user())
        except NotRewound as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None
        self.stdout.write(f"{contract.address} is read again from {listener.cursor_at} on, at the next look")
