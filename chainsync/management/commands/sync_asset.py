from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from chainsync.management.followed import BAD_INPUT, asset_at
from chainsync.services.syncing import refresh_holding, sync_asset
from contracts.amounts import counted, format_units
from contracts.fields import EVM_ADDRESS
from contracts.gateways.errors import GatewayError
from contracts.models import Asset

FAILED, BUSY = 1, 3


class Command(BaseCommand):
    help = (
        "Reads an asset from the chain: what it is, its supply, whether it is paused, and who holds how much. "
        "Exit 0; 1 when the chain could not be read; 2 bad input; 3 when it is being read at this moment."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("asset", metavar="ADDRESS", help="0.0.x, as it was registered")
        parser.add_argument("--holder", metavar="0x...", help="only what this holder has now")

    def handle(self, *args: Any, **options: Any) -> None:
        asset = asset_at(options["asset"])
        if options["holder"]:
            self._holder(asset, options["holder"].lower())
            return
        if not sync_asset(asset.pk):
            raise CommandError(f"{asset} is being read at this moment", returncode=BUSY)
        asset.refresh_from_db()
        if asset.sync_status != Asset.SyncStatus.SYNCED:
            raise CommandError(f"{asset} could not be read: {asset.sync_error}", returncode=FAILED)
        holders = asset.holdings.filter(balance_units__gt=0).count()
        self.stdout.write(
            f"{asset}: {counted(holders, 'holder')}, supply {_shown(asset, asset.supply_units)}"
            f"{', transfers are paused' if asset.is_paused else ''}"
        )

    def _holder(self, asset: Asset, holder: str) -> None:
        try:
            EVM_ADDRESS(holder)
        except ValidationError:
            raise CommandError(
                f"{holder} is no holder: give the 20 bytes as the asset lists them, 0x and 40 hex digits",
                returncode=BAD_INPUT,
            ) from None
        try:
            holding = refresh_holding(asset, holder)
        except GatewayError as error:
            raise CommandError(f"the mirror node could not be asked: {error}", returncode=FAILED) from None
        self.stdout.write(f"{holder} has {_shown(asset, holding.balance_units)}")


def _shown(asset: Asset, units: int | None) -> str:
    return format_units(int(units or 0), decimals=asset.decimals, symbol=asset.symbol)
