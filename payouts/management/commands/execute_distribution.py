from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from payouts.management.exits import ALREADY_STARTED, BAD_INPUT, COMPLETED, FAILED, HELD, leave
from payouts.management.following import follow
from payouts.models import Distribution
from payouts.services.creating import BadInput
from payouts.services.finding import find_distribution
from payouts.services.showing import failures_of
from payouts.services.starting import AlreadyStarted, NotStartable, execute_distribution

Status = Distribution.Status


class Command(BaseCommand):
    help = (
        "Starts a distribution and shows its progress until it ends. "
        "Exit 0 completed, 1 failed or partly, 2 bad input, 3 already started, 4 held."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("distribution", help="the uid, or its beginning")
        parser.add_argument("--no-wait", action="store_true", help="return as soon as the claim is made")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            distribution = find_distribution(options["distribution"])
            execute_distribution(distribution, by=current_user())
        except (BadInput, NotStartable) as error:
            leave(self, BAD_INPUT, str(error))
        except AlreadyStarted as error:
            leave(self, ALREADY_STARTED, str(error))
        if options["no_wait"]:
            self.stdout.write(f"{distribution.uid} started")
            return
        follow(self, distribution)
        self._end(distribution)

    def _end(self, distribution: Distribution) -> None:
        if distribution.status == Status.HELD:
            leave(self, HELD, f"held: {distribution.status_reason}")
        if distribution.status != Status.COMPLETED:
            for reason, count in failures_of(distribution):
                self.stderr.write(f"{count} holders: {reason}")
            leave(self, FAILED, f"{distribution.status}: {distribution.status_reason}")
        raise SystemExit(COMPLETED)
