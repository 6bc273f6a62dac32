from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from payouts.amounts import counted
from payouts.management.exits import BAD_INPUT, leave
from payouts.models import Schedule
from payouts.services.bad_input import BadInput
from payouts.services.finding import find_schedule
from payouts.services.recurring import next_dates
from payouts.services.series_control import (
    NotControlled,
    cancel_schedule,
    pause_schedule,
    resume_schedule,
    skip_occurrence,
)
from payouts.services.times import shown


class Command(BaseCommand):
    help = (
        "Shows a series with its next twelve dates; pauses or resumes it, skips one of them, or cancels it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["show", "pause", "resume", "skip", "cancel"])
        parser.add_argument("schedule", help="the uid, or its beginning")
        parser.add_argument(
            "--occurrence",
            type=int,
            metavar="N",
            help="skip: the number beside the date; the next if not given",
        )
        parser.add_argument("--reason", default="", help="why; kept in the audit trail with your name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            schedule = find_schedule(options["schedule"])
            if options["action"] != "show":
                self.stderr.write(_act(schedule, options))
        except (BadInput, NotControlled) as error:
            leave(self, BAD_INPUT, str(error))
        schedule.refresh_from_db()
        self.stdout.write(f"{schedule} is {schedule.status}")
        for one in next_dates(schedule):
            self.stdout.write(f"  {one.number:>5}  {shown(one.at, schedule.zone)}")


def _act(schedule: Schedule, options: dict[str, Any]) -> str:
    given = {"by": current_user(), "reason": options["reason"]}
    match options["action"]:
        case "pause":
            pause_schedule(schedule, **given)
            return "paused: nothing of it starts until it is resumed"
        case "resume":
            resume_schedule(schedule, **given)
            return "resumed: what passed meanwhile is left out"
        case "skip":
            skipped = skip_occurrence(schedule, number=options["occurrence"], **given)
            return f"skipped: {skipped.number}, {shown(skipped.at, schedule.zone)}"
        case _:
            waiting = cancel_schedule(schedule, **given)
            return f"cancelled, with {counted(waiting, 'occurrence')} that had not begun"
