from argparse import ArgumentParser
from typing import Any

from contracts.management.users import current_user
from payouts.management.controlling import ControlCommand
from payouts.models import Distribution
from payouts.services.choosing import Wanted
from payouts.services.waiving import preview, waive_payments


class Command(ControlCommand):
    help = (
        "Accepts failed payments as unpaid: all of a distribution, or named holders. No money is moved. "
        "Exit 0 accepted, 2 refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--holder", nargs="+", metavar="ADDR", default=[], help="only these, as 0x…")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be accepted, and do nothing"
        )

    def act(self, distribution: Distribution, reason: str, **options: Any) -> str:
        wanted = Wanted(holders=tuple(dict.fromkeys(map(str.lower, options["holder"]))))
        if options["dry_run"]:
            return f"{preview(distribution, wanted).words(distribution)} would be accepted as unpaid; nothing was done"
        waived = waive_payments(distribution, wanted, by=current_user(), reason=reason)
        return f"{waived.words(distribution)} accepted as unpaid"
