from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from payouts.management.exits import BAD_INPUT, leave
from payouts.services.bad_input import BadInput
from payouts.services.depositing import NotArmed, arm, disarm
from payouts.services.finding import find_trigger


class Command(BaseCommand):
    help = "Arms a deposit trigger again, so that deposits from now on count, or disarms it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("trigger", help="the uid, or its beginning")
        parser.add_argument("--disarm", action="store_true", help="no deposit starts anything any more")
        parser.add_argument("--reason", default="", help="why; kept in the audit trail with your name")

    def handle(self, *args: Any, **options: Any) -> None:
        act = disarm if options["disarm"] else arm
        try:
            trigger = find_trigger(options["trigger"])
            act(trigger, by=current_user(), reason=options["reason"])
        except (BadInput, NotArmed) as error:
            leave(self, BAD_INPUT, str(error))
        self.stdout.write(f"{trigger} is {'armed' if trigger.armed_at else 'not armed'}")
