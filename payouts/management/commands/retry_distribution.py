from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.gateways.errors import GatewayError
from contracts.management.users import current_user
from payouts.amounts import counted, format_units
from payouts.management.exits import BAD_INPUT, COMPLETED, FAILED, HELD, leave
from payouts.management.following import follow
from payouts.models import Distribution, Payment
from payouts.services.choosing import NotRetryable, Wanted, preview
from payouts.services.creating import BadInput
from payouts.services.finding import find_distribution
from payouts.services.retrying import Retried, retry_distribution

Status = Distribution.Status
MOST_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Pays exactly those again who could not be paid: all, those of a batch, or named holders. "
        "Exit 0 all of them are paid, 1 some are not, 2 it cannot be retried, 4 held."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("distribution", help="the uid, or its beginning")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--failed", action="store_true", help="every failed payment; the default")
        which.add_argument("--batch", type=int, metavar="N", help="what failed in batch N")
        which.add_argument("--holder", nargs="+", metavar="ADDR", default=[], help="these holders, as 0x…")
        parser.add_argument("--reason", default="", help="why; kept in the audit trail with your name")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be retried, and do nothing"
        )
        parser.add_argument("--no-wait", action="store_true", help="return as soon as the retry is created")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            distribution = find_distribution(options["distribution"])
            wanted = Wanted(options["batch"], tuple(dict.fromkeys(map(str.lower, options["holder"]))))
            self._announce(distribution, wanted)
            if options["dry_run"]:
                self.stdout.write("nothing was done")
                return
            made = retry_distribution(distribution, wanted, by=current_user(), reason=options["reason"])
        except (BadInput, NotRetryable) as error:
            leave(self, BAD_INPUT, str(error))
        except GatewayError as error:
            leave(self, BAD_INPUT, f"the chain could not be asked: {error}. Nothing was sent; try again")
        batches = counted(made.batches, "batch", "batches")
        self.stdout.write(f"retry of {counted(made.lines, 'holder')} created in {batches}")
        if not options["no_wait"]:
            follow(self, distribution)
            self._end(distribution, made)

    def _announce(self, distribution: Distribution, wanted: Wanted) -> None:
        found, token = preview(distribution, wanted), distribution.asset.payout_contract.payment_token
        units = format_units(found.units, decimals=token.decimals, symbol=token.symbol)
        calls = counted(found.calls, "call")
        self.stdout.write(f"{counted(found.lines, 'holder')}, {units}, in {calls} of the contract")
        for reason, count in found.reasons:
            self.stdout.write(f"  {counted(count, 'holder')}: {reason}")

    def _end(self, distribution: Distribution, made: Retried) -> None:
        """Judged by those who were retried: others may have failed and not been asked for."""
        if distribution.status == Status.HELD:
            leave(self, HELD, f"held: {distribution.status_reason}")
        unpaid = Payment.objects.filter(pk__in=made.payments).exclude(status=Payment.Status.PAID)
        for line in unpaid.order_by("ordinal")[:MOST_SHOWN]:
            self.stderr.write(f"{line.holder}: {line.failure_reason}")
        if count := unpaid.count():
            leave(self, FAILED, f"{count:,} of {made.lines:,} could not be paid this time either")
        raise SystemExit(COMPLETED)
