from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from payouts.management.exits import BAD_INPUT, leave
from payouts.management.wording import POLICIES, add_amount, add_times, amount_of, words
from payouts.models import Schedule
from payouts.services.bad_input import BadInput
from payouts.services.recurring import NewSchedule, create_schedule, draft_schedule, next_dates
from payouts.services.times import shown

FREQUENCIES = [name.lower() for name in Schedule.Frequency.values]


class Command(BaseCommand):
    help = (
        "Creates a series of payouts to the holders of an asset, and prints its uid and its next twelve dates. "
        "Each starts by itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("asset", help="address 0.0.x, ISIN, or symbol")
        add_amount(parser)
        parser.add_argument("--every", required=True, choices=FREQUENCIES)
        parser.add_argument(
            "--from",
            dest="start",
            required=True,
            metavar="TIME",
            help='the first time, as in "2027-01-31 09:00"; months without that day are paid on their last one',
        )
        end = parser.add_mutually_exclusive_group()
        end.add_argument("--count", type=int, metavar="N", help="so many times; without an end: for ever")
        end.add_argument("--until", metavar="TIME", help="not after this time")
        parser.add_argument("--dry-run", action="store_true", help="print the dates, and create nothing")
        add_times(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            schedule = draft_schedule(_wanted(options))
            if not options["dry_run"]:
                schedule = create_schedule(_wanted(options))
        except BadInput as error:
            leave(self, BAD_INPUT, str(error))
        self.stdout.write("nothing was created" if options["dry_run"] else schedule.uid)
        self.stderr.write(f"{schedule.frequency.lower()}: {words(schedule)}")
        for one in next_dates(schedule):
            self.stdout.write(f"  {one.number:>5}  {shown(one.at, schedule.zone)}")


def _wanted(options: dict[str, Any]) -> NewSchedule:
    return NewSchedule(
        asset=options["asset"],
        **amount_of(options),
        by=current_user(),
        frequency=options["every"].upper(),
        start=options["start"],
        zone=options["zone"],
        count=options["count"],
        until=options["until"],
        missed_policy=POLICIES[options["missed"]],
    )
