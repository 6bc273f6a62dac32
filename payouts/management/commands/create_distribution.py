from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from payouts.amounts import format_units
from payouts.management.exits import BAD_INPUT, leave
from payouts.models import Distribution
from payouts.services.creating import BadInput, NewDistribution, create_distribution

AmountType = Distribution.AmountType


class Command(BaseCommand):
    help = "Creates a payout to the holders of an asset. It starts with execute_distribution."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("asset", help="address 0.0.x, ISIN, or symbol")
        amount = parser.add_mutually_exclusive_group(required=True)
        amount.add_argument("--amount", help="whole tokens of the payment token to share, as in 1250.50")
        amount.add_argument("--percentage", help="share of the contract's free balance, as in 12.5")
        parser.add_argument("--concept", default="", help="what this is paid for; shown to operators")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = NewDistribution(
            asset=options["asset"],
            amount_type=AmountType.PERCENTAGE if options["amount"] is None else AmountType.FIXED,
            amount=options["percentage"] if options["amount"] is None else options["amount"],
            concept=options["concept"],
            by=current_user(),
        )
        try:
            distribution = create_distribution(wanted)
        except BadInput as error:
            leave(self, BAD_INPUT, str(error))
        self.stdout.write(distribution.uid)
        self.stderr.write(
            f"created: {_words(distribution)}. Start it with manage.py execute_distribution {distribution.uid}"
        )


def _words(distribution: Distribution) -> str:
    token = distribution.asset.payout_contract.payment_token
    if distribution.amount_units is not None:
        shown = format_units(distribution.amount_units, decimals=token.decimals, symbol=token.symbol)
        return f"{shown} to the holders of {distribution.asset.symbol}"
    hundredths = distribution.percentage_bp or 0
    share = f"{hundredths // 100}.{hundredths % 100:02d} %"
    return f"{share} of the free {token.symbol} to the holders of {distribution.asset.symbol}"
