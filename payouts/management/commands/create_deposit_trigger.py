from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from payouts.management.exits import BAD_INPUT, leave
from payouts.management.wording import add_amount, amount_of, words
from payouts.services.bad_input import BadInput
from payouts.services.depositing import Mode, NewTrigger, create_trigger


class Command(BaseCommand):
    help = "Arms a trigger: when enough money comes to an asset's payout contract, its holders are paid."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("asset", help="address 0.0.x, ISIN, or symbol")
        add_amount(parser)
        parser.add_argument(
            "--least", required=True, metavar="AMOUNT", help="a deposit below this starts nothing, as in 1000"
        )
        parser.add_argument(
            "--once", action="store_true", help="for the first deposit only, until it is armed again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = NewTrigger(
            asset=options["asset"],
            mode=Mode.ONCE if options["once"] else Mode.EACH,
            threshold=options["least"],
            **amount_of(options),
            by=current_user(),
        )
        try:
            trigger = create_trigger(wanted)
        except BadInput as error:
            leave(self, BAD_INPUT, str(error))
        self.stdout.write(trigger.uid)
        self.stderr.write(f"armed, {trigger.get_mode_display()}: {words(trigger)}")
