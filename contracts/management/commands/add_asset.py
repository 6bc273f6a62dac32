import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from contracts.services.networks import hedera_network
from contracts.services.registering import NewAsset, NotRegistered, add_asset, find_wallet


class Command(BaseCommand):
    help = "Registers an asset token with its payout contract; everything else is read from the chain."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("asset", help="the asset token's address, 0.0.x or 0x...")
        parser.add_argument("payout_contract", help="its payout contract's address")
        parser.add_argument(
            "--wallet", required=True, help="the paying account 0.0.x, registered with add_wallet"
        )
        parser.add_argument("--label", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asset = add_asset(
                NewAsset(
                    asset=options["asset"],
                    payout_contract=options["payout_contract"],
                    wallet=find_wallet(options["wallet"], network=hedera_network()),
                    label=options["label"],
                    by=current_user(),
                )
            )
        except NotRegistered as error:
            self.stderr.write(str(error))
            sys.exit(2)
        self.stdout.write(f"{asset.symbol} {asset.address} pays in {asset.payout_contract.payment_token}")
