from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chainsync.followed import Followed
from chainsync.management.followed import BAD_INPUT, asset_at, followed_at
from chainsync.services.adding import REPORTING, NotAdded, add_reporter
from chainsync.services.following import BadInterval, set_interval, switch
from contracts.gateways.errors import GatewayError
from contracts.management.users import current_user

UNANSWERED = 1
DEFAULT = "default"


def _interval(words: str) -> int | str:
    return words if words == DEFAULT else int(words)


class Command(BaseCommand):
    help = (
        "Follows the events at an address, or stops following them (--off). Registered contracts, assets and payment "
        "tokens are followed from their registration on, so without --interface this is for one that was switched "
        "off. With --interface it is for a contract that reports about an asset. Exit 0; 1 when the mirror node "
        "could not be asked; 2 for bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", metavar="ADDRESS")
        parser.add_argument("--off", action="store_true", help="look at it no more; what was seen stays")
        parser.add_argument(
            "--interface",
            choices=sorted(REPORTING),
            help="a contract that reports: the version of its events",
        )
        parser.add_argument(
            "--every",
            metavar="SECONDS",
            type=_interval,
            help="from look to look while nothing is awaited, or the word default: as the settings say",
        )
        parser.add_argument("--asset", metavar="ADDRESS", help="with --interface: what it reports about")

    def handle(self, *args: Any, **options: Any) -> None:
        followed = self._added(**options) if options["interface"] else followed_at(options["address"])
        if options["every"]:
            self._set_interval(followed, options["every"])
        changed = switch(followed, on=not options["off"], by=current_user())
        is_new = options["interface"] and not options["off"]
        state = "is not followed" if options["off"] else "is followed"
        since = " from now on" if changed or is_new else " already"
        self.stdout.write(f"{followed.address} {state}{since}")

    def _set_interval(self, followed: Followed, every: int | str) -> None:
        try:
            set_interval(followed, None if every == DEFAULT else int(every), by=current_user())
        except BadInterval as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None

    def _added(self, *, address: str, interface: str, asset: str | None, **_: Any) -> Followed:
        if not asset:
            raise CommandError(
                "--interface needs --asset 0.0.x: what the contract reports about", returncode=BAD_INPUT
            )
        try:
            return add_reporter(address, interface=interface, asset=asset_at(asset), by=current_user())
        except NotAdded as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None
        except GatewayError as error:
            raise CommandError(
                f"the mirror node could not be asked: {error}; check HEDERA_MIRROR_URL", returncode=UNANSWERED
            ) from None
