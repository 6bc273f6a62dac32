import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from contracts.models import Wallet
from contracts.services import claiming
from contracts.services.claiming import Claimed, NotClaimed
from contracts.services.identity import identity_problem

NEXT = """What comes next:
 - Distributions that only the fence held go on by themselves. Look at them, and at what was taken into the book
   (Transactions), before you start new ones.
 - What another system sent is kept as evidence under the purpose "stray"; it settled no payment by itself. Holders
   it has paid are found by the contract's events when their batch is settled.
 - The other system, copy or person must not use these wallets any more: whatever they send stops Paydate again."""


class Command(BaseCommand):
    help = (
        "Says that this database belongs to this Paydate, and its wallets to it alone: after a restore, a move, or a "
        "transaction that somebody else sent. Waits until nothing signed before can appear on chain any more, takes "
        "into the book what this database does not know, and lets the wallets sign again. Exit 0 when done or not "
        "needed, 1 when it must be run again, 2 when it was not confirmed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--reason", required=True, help="what happened; kept in the audit trail with your name"
        )
        parser.add_argument(
            "--yes", action="store_true", help="do not ask whether every other user is stopped"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        reason = options["reason"].strip()
        if not reason:
            self._end('say what happened: --reason "the database was restored from ..."', status=2)
        if not claiming.is_needed():
            self.stdout.write("nothing to claim: the identity fits, and the fence has stopped no wallet")
            return
        self._say_state()
        if not (options["yes"] or self._is_confirmed()):
            self._end("not claimed: everything is held as before", status=2)
        try:
            claimed = claiming.claim_wallets(reason=reason, by=current_user(), say=self._say)
        except NotClaimed as error:
            self._end(f"not claimed, everything is held as before: {error}", status=1)
        except KeyboardInterrupt:
            self._end("interrupted: everything is held as before; run it again", status=1)
        self._say_done(claimed)

    def _say_state(self) -> None:
        if problem := identity_problem():
            self._say(problem)
        for wallet in claiming.claimable():
            self._say(f"{wallet}: {wallet.stopped_reason or 'will be stopped while it is claimed'}")

    def _is_confirmed(self) -> bool:
        if not sys.stdin.isatty():
            self.stderr.write(
                "there is nobody to ask: add --yes once every other user of these wallets is stopped"
            )
            return False
        question = (
            f"Is every other user of these wallets stopped? Type {settings.PAYDATE_INSTANCE_ID} to go on: "
        )
        return input(question).strip() == settings.PAYDATE_INSTANCE_ID

    def _say_done(self, claimed: list[Claimed]) -> None:
        for one in claimed:
            self._say(
                f"{one.wallet.account}: claimed; {one.adopted} of our own calls taken into the book, "
                f"{one.strays} of others kept as evidence"
            )
        for wallet in Wallet.objects.exclude(stopped_reason=""):
            self._say(
                f"{wallet} stays stopped: {wallet.stopped_reason}; start it in the admin when that is over"
            )
        self.stdout.write(NEXT)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _end(self, text: str, *, status: int) -> None:
        self.stderr.write(text)
        sys.exit(status)
