import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.amounts import format_units
from contracts.gateways.errors import GatewayError
from contracts.management.following import follow
from contracts.management.users import current_user
from contracts.models import Asset, Deployment
from contracts.services.deploying import RECIPE, NewDeployment, deploy
from contracts.services.deployment_steps import steps
from contracts.services.importing import NewImport, import_asset, missing_roles, read_state
from contracts.services.networks import hedera_network
from contracts.services.registering import NotRegistered, find_wallet
from contracts.services.stepping import steps_done

FAILED, BAD_INPUT = 1, 2


class Command(BaseCommand):
    help = (
        "Reads an asset from the chain and registers it with its payout contract: one that it has, which is checked, "
        "or a new one, which is put on chain. Asked for again, an unfinished deployment goes on where it stands. "
        "Exit 0 registered, or planned with --no-wait; 1 the deployment failed; 2 bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("asset", help="the asset token's address, 0.0.x or 0x...")
        contract = parser.add_mutually_exclusive_group(required=True)
        contract.add_argument("--payout-contract", default="", help="the payout contract that it has")
        contract.add_argument("--deploy", action="store_true", help="put a payout contract on chain for it")
        parser.add_argument(
            "--payment-token", default="", help="the token to pay in, 0.0.x; --deploy needs it"
        )
        parser.add_argument(
            "--wallet", required=True, help="the paying account 0.0.x, registered with add_wallet"
        )
        parser.add_argument("--label", default="", help="what people will call the payout contract")
        parser.add_argument(
            "--no-wait", action="store_true", help="return as soon as the deployment is planned"
        )
        parser.add_argument(
            "--start-over", action="store_true", help="leave a failed deployment behind and begin a new one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asset = self._deploy(options) if options["deploy"] else self._import(options)
            if asset is not None:
                self._tell(asset)
        except NotRegistered as error:
            self._leave(BAD_INPUT, str(error))

    def _import(self, options: dict[str, Any]) -> Asset:
        return import_asset(
            NewImport(
                asset=options["asset"],
                payout_contract=options["payout_contract"],
                wallet=find_wallet(options["wallet"], network=hedera_network()),
                by=current_user(),
                label=options["label"],
                payment_token=options["payment_token"],
            )
        )

    def _deploy(self, options: dict[str, Any]) -> Asset | None:
        if not options["payment_token"]:
            raise NotRegistered("say in which token the new contract pays: --payment-token 0.0.x")
        row = deploy(
            NewDeployment(
                asset=options["asset"],
                payment_token=options["payment_token"],
                wallet=find_wallet(options["wallet"], network=hedera_network()),
                by=current_user(),
                label=options["label"],
                starts_over=options["start_over"],
            )
        )
        self.stdout.write(
            f"deployment {row.uid}: {steps_done(RECIPE, row)} of {len(steps())} transactions done"
        )
        return None if options["no_wait"] else self._follow(row)

    def _follow(self, row: Deployment) -> Asset:
        follow(row, lambda: f"{steps_done(RECIPE, row)} of {len(steps())}", self.stdout)
        if row.contract is None:
            self._leave(FAILED, f"{row.status}: {row.error_text}")
        return Asset.objects.get(payout_contract=row.contract)

    def _tell(self, asset: Asset) -> None:
        state = read_state(asset)
        supply = format_units(state.supply_units, decimals=asset.decimals, symbol=asset.symbol)
        matures = f", matures {asset.maturity_at:%Y-%m-%d %H:%M} UTC" if asset.maturity_at else ""
        paused = ", transfers are paused" if state.is_paused else ""
        self.stdout.write(
            f"{asset.symbol} {asset.address} {asset.name}: {asset.kind}{matures}, supply {supply}{paused}"
        )
        contract = asset.payout_contract
        self.stdout.write(f"its payout contract {contract.address} pays in {contract.payment_token}")
        try:
            for line in missing_roles(asset):
                self.stdout.write(line)
        except GatewayError as error:
            self.stdout.write(f"its roles could not be read: {error}")
        self.stdout.write("manage.py doctor says whether it would pay")

    def _leave(self, code: int, text: str) -> Any:
        self.stderr.write(text)
        sys.exit(code)
