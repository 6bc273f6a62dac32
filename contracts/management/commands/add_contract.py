import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from contracts.models import Asset, Contract
from contracts.services.adding_contracts import NewContract, add_contract, network_of
from contracts.services.backing import NotBacked, back_asset
from contracts.services.networks import hedera_network
from contracts.services.registering import NotRegistered, find_wallet

Kind = Contract.Kind
BAD_INPUT = 2


class Command(BaseCommand):
    help = (
        "Registers an investment contract on Stellar, or a payout contract on Hedera; token, decimals, owner and "
        "status are read from the chain. Needs no custody secrets. Exit 0 when done, 2 for bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", help="the contract's address, C... on Stellar or 0.0.x on Hedera")
        parser.add_argument("--wallet", required=True, help="the account that signs for it, G... or 0.0.x")
        parser.add_argument("--label", required=True, help="what people will call it")
        parser.add_argument("--kind", choices=Kind.values, default=Kind.INVESTMENT)
        parser.add_argument(
            "--token", default="", help="its payment token C..., where the contract does not say it"
        )
        parser.add_argument(
            "--backs", nargs="+", default=[], metavar="ASSET", help="assets that this contract stands behind"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            assets = [_asset(name) for name in options["backs"]]
            if assets and options["kind"] != Kind.INVESTMENT:
                raise NotRegistered("only an investment contract backs assets; leave --backs out")
            contract = self._add(options)
            self.stdout.write(f"{contract.label} {contract.address} {contract.status}, {_money(contract)}")
            for asset in assets:
                back_asset(asset, contract, reason="registered with --backs", by=current_user())
                self.stdout.write(f"it backs {asset}")
        except (NotRegistered, NotBacked) as error:
            self.stderr.write(str(error))
            sys.exit(BAD_INPUT)

    def _add(self, options: dict[str, Any]) -> Contract:
        return add_contract(
            NewContract(
                kind=options["kind"],
                address=options["address"],
                wallet=find_wallet(options["wallet"], network=network_of(options["kind"])),
                label=options["label"],
                token=options["token"],
                by=current_user(),
            )
        )


def _asset(address: str) -> Asset:
    asset = Asset.objects.filter(network=hedera_network(), address=address).first()
    if asset is None:
        raise NotRegistered(f"no asset {address} on {hedera_network()}; register it with manage.py add_asset")
    return asset


def _money(contract: Contract) -> str:
    token = contract.payment_token
    return f"pays in {token} with {token.decimals} decimals"
