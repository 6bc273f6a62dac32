from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from contracts.services.registering import NotRegistered
from devnet.client import DevnetClient, DevnetError
from devnet.demo.scene import DemoFailed, Scene
from devnet.demo.story import hold_and_resume, invite, pay_holders
from payouts.services.creating import BadInput


class Command(BaseCommand):
    help = (
        "Pays the holders of a tokenised equity on the local devnet and proves it from the chain's balances; then "
        "holds a payout while the reserve behind it is short, and lets it go on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--holders", type=int, default=250)
        parser.add_argument("--once", action="store_true", help="do not make an admin user: nothing stays up")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["holders"] < 1:
            raise CommandError("HOLDERS must be 1 or more")
        try:
            scene = Scene(DevnetClient.of(), self._say, self.stderr.write)
            paid = pay_holders(scene, holders=options["holders"])
            short, held = hold_and_resume(scene)
            if not options["once"]:
                invite(scene, paid, short, held)
        except (DevnetError, DemoFailed, NotRegistered, BadInput) as error:
            raise CommandError(str(error)) from None

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
