"""manage.py import_corporate_actions: the dividends or coupons of an asset, and whether they are paid by themselves."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from contracts.gateways.errors import GatewayError
from payouts.services.actions import read_actions, set_import
from payouts.services.creating import BadInput, find_asset


class Command(BaseCommand):
    help = "Reads the dividends or coupons of an asset; with --on each becomes a distribution by itself from now on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("asset", help="its address 0.0.x, symbol or ISIN")
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument(
            "--on", action="store_true", help="read them regularly and make distributions of them"
        )
        switch.add_argument("--off", action="store_true", help="no longer")
        parser.add_argument("--every", type=int, metavar="MINUTES", help="how often they are read, from 1 on")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asset = find_asset(options["asset"])
            enabled = True if options["on"] else False if options["off"] else None
            every = None if options["every"] is None else timedelta(minutes=options["every"])
            switch = set_import(asset, enabled=enabled, every=every, by="command line")
            actions = read_actions(asset, makes_distributions=switch.enabled)
        except BadInput as error:
            raise CommandError(str(error)) from error
        except GatewayError as error:
            raise CommandError(f"the chain could not be asked: {error}. Check HEDERA_MIRROR_URL") from error
        for action in actions:
            self.stdout.write(_line(action))
        state = "on" if switch.enabled else "off; --on makes distributions of them"
        self.stdout.write(f"{len(actions)} read; the import of {asset.symbol} is {state}")


def _line(action: Any) -> str:
    cancelled = ", cancelled" if action.is_cancelled else ""
    return (
        f"{action}: record date {action.record_at:%Y-%m-%d %H:%M} UTC, "
        f"paid from {action.execute_at:%Y-%m-%d %H:%M} UTC{cancelled}"
    )
