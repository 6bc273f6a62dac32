"""What the commands that control a distribution share: finding it, saying what came of it, and leaving with a code."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.gateways.errors import GatewayError
from contracts.services.holds import HoldRefused
from payouts.management.exits import BAD_INPUT, leave
from payouts.models import Distribution
from payouts.services.cancelling import NotCancelled
from payouts.services.creating import BadInput
from payouts.services.finding import find_distribution
from payouts.services.reissuing import NotReissued
from payouts.services.waiving import NotWaived

REFUSALS = (BadInput, HoldRefused, NotCancelled, NotReissued, NotWaived)


class ControlCommand(BaseCommand):
    """Calls ``act`` and writes its sentence. Exit 0 done, 2 refused: then nothing was changed."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("distribution", help="the uid, or its beginning")
        parser.add_argument("--reason", required=True, help="why; kept in the audit trail with your name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            distribution = find_distribution(options.pop("distribution"))
            self.stdout.write(self.act(distribution, options.pop("reason"), **options))
        except REFUSALS as error:
            leave(self, BAD_INPUT, str(error))
        except GatewayError as error:
            leave(self, BAD_INPUT, f"the chain could not be asked: {error}. Nothing was changed; try again")

    def act(self, distribution: Distribution, reason: str, **options: Any) -> str:
        raise NotImplementedError
