from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from payouts.management.exits import BAD_INPUT, leave
from payouts.management.wording import POLICIES, add_amount, add_times, amount_of, words
from payouts.models import Distribution
from payouts.services.creating import BadInput, NewDistribution, create_distribution
from payouts.services.times import shown


class Command(BaseCommand):
    help = (
        "Creates a payout to the holders of an asset. "
        "It starts by itself at the time given with --at, or with execute_distribution."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("asset", help="address 0.0.x, ISIN, or symbol")
        add_amount(parser)
        parser.add_argument("--at", metavar="TIME", help='when it is paid, as in "2027-03-31 09:00"')
        parser.add_argument(
            "--record-at", metavar="TIME", help="whose holders are paid; without it those of the start"
        )
        parser.add_argument(
            "--snapshot", type=int, metavar="ID", help="an unused snapshot that was taken at --record-at"
        )
        add_times(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = NewDistribution(
            asset=options["asset"],
            **amount_of(options),
            by=current_user(),
            execute_at=options["at"],
            record_at=options["record_at"],
            zone=options["zone"],
            missed_policy=POLICIES[options["missed"]],
            snapshot_id=options["snapshot"],
        )
        try:
            distribution = create_distribution(wanted)
        except BadInput as error:
            leave(self, BAD_INPUT, str(error))
        self.stdout.write(distribution.uid)
        self.stderr.write(f"created: {words(distribution)}. {_next_step(distribution)}")


def _next_step(distribution: Distribution) -> str:
    starts_at, execute_at = distribution.starts_at, distribution.execute_at
    if starts_at is None or execute_at is None:
        return f"Start it with manage.py execute_distribution {distribution.uid}"
    if starts_at == execute_at:
        return f"It is paid at {shown(execute_at, distribution.zone)}"
    return (
        f"Its snapshot is taken at {shown(starts_at, distribution.zone)}, "
        f"and it is paid at {shown(execute_at, distribution.zone)}"
    )
