import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from contracts.models import Wallet
from contracts.services.registering import NotRegistered, add_wallet


class Command(BaseCommand):
    help = (
        "Registers a custody wallet of Hedera or Stellar, read from custody and from the chain. "
        "Needs the custody secrets."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("custody_wallet_id", help="the wallet's id at the custodian, as in wa-...")
        parser.add_argument("--custodian", choices=Wallet.Custodian.values, default=Wallet.Custodian.DFNS)
        parser.add_argument(
            "--account",
            default="",
            help="its account, 0.0.x on Hedera or G... on Stellar, where custody does not know it",
        )
        parser.add_argument("--label", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wallet = add_wallet(
                custodian_name=options["custodian"],
                custody_wallet_id=options["custody_wallet_id"],
                account=options["account"],
                label=options["label"],
                by=current_user(),
            )
        except NotRegistered as error:
            self.stderr.write(str(error))
            sys.exit(2)
        self.stdout.write(f"{wallet.account} {wallet.key_scheme} {wallet.network}")
