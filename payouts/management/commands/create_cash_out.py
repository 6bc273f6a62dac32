"""manage.py create_cash_out: the principal of a bond, paid and redeemed at its maturity."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payouts.services.cashing_out import create_cash_out
from payouts.services.creating import BadInput


class Command(BaseCommand):
    help = "Creates the cash-out of a bond; it starts by itself at the maturity that the bond tells."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("bond", help="its address 0.0.x, symbol or ISIN")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            distribution = create_cash_out(options["bond"], by="command line")
        except BadInput as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{distribution.uid}  matures at {distribution.execute_at:%Y-%m-%d %H:%M:%S} UTC")
