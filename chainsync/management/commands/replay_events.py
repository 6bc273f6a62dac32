from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chainsync.management.followed import BAD_INPUT, followed_at
from chainsync.models import ChainEvent
from chainsync.services.replaying import replay
from contracts.gateways.errors import GatewayError
from contracts.management.users import current_user

STILL_QUARANTINED = 1


class Command(BaseCommand):
    help = (
        "Gives events that no processor has taken to their processors once more, reading their raw bytes anew: "
        "all that are quarantined, or one, or with --all also those that wait or were not known. "
        "Exit 0, 1 when some are still quarantined or the mirror node did not answer, 2 for bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--contract", metavar="ADDRESS", help="only its events")
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--event", type=int, metavar="NUMBER", help="only this one, as the admin numbers it"
        )
        which.add_argument(
            "--all", action="store_true", help="also those that wait or were unknown when they were stored"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        events = ChainEvent.objects.filter(processed_at=None)
        if options["contract"]:
            contract = followed_at(options["contract"])
            events = events.of(contract.network, contract.address)
        if options["event"]:
            events = self._one(events, options["event"])
        elif not options["all"]:
            events = events.exclude(quarantine_reason="")
        try:
            replayed = replay(events, by=current_user())
        except GatewayError as error:
            raise CommandError(
                f"the mirror node cannot say whether they are real: {error}; try again", returncode=1
            ) from None
        self.stdout.write(str(replayed))
        if replayed.quarantined:
            self.stdout.write("Chain events in the admin, state Quarantined, says why of each")
            raise SystemExit(STILL_QUARANTINED)

    def _one(self, events: Any, number: int) -> Any:
        found = events.filter(pk=number)
        if not found.exists():
            raise CommandError(
                f"there is no event {number} that waits for a processor; its page in the admin says what became of it",
                returncode=BAD_INPUT,
            )
        return found
