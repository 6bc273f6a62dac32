"""Accepting failed lines as unpaid: an explicit move by a person, with the reason kept, and never a payment.

A line is taken under the locks under which it would be retried, after the contract's events were read, and only
while no call of the distribution may still pay it. An event that comes later makes it PAID all the same.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Sum

from contracts.models import AuditEvent
from contracts.transitions import record_moves
from payouts.amounts import counted, format_units
from payouts.models import Distribution, Payment
from payouts.services import choosing
from payouts.services.choosing import CAN_BE_RETRIED, Wanted
from payouts.services.finishing import count_again
from payouts.services.retrying import catch_up, lock, why_not_terminal


class NotWaived(Exception):
    """Nothing was changed; the message says what stands in the way."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """Lines that are, or would be, accepted as unpaid, and their sum in base units."""

    lines: int
    units: int

    def words(self, distribution: Distribution) -> str:
        token = distribution.asset.payout_contract.payment_token
        units = format_units(self.units, decimals=token.decimals, symbol=token.symbol)
        return f"{counted(self.lines, 'holder')}, {units}"


def preview(distribution: Distribution, wanted: Wanted) -> Waiver:
    """Counts without asking the chain. Raises NotWaived."""
    distribution.refresh_from_db()
    if reason := choosing.why_not_lines(distribution, wanted) or _why_not(distribution):
        raise NotWaived(reason)
    failed = wanted.lines_of(distribution).failed().free_of_reissue()
    totals = failed.aggregate(lines=Count("pk"), units=Sum("expected_units"))
    if not totals["lines"]:
        raise NotWaived("nothing failed that is not being re-issued: there is nothing to accept as unpaid")
    return Waiver(totals["lines"], int(totals["units"]))


def waive_payments(distribution: Distribution, wanted: Wanted, *, by: str, reason: str) -> Waiver:
    """FAILED to WAIVED, with totals, status and reservation following in the same commit.

    Raises NotWaived or a GatewayError; then nothing was changed.
    """
    if not reason.strip():
        raise NotWaived("say why: accepting a payment as unpaid needs a reason")
    preview(distribution, wanted)
    catch_up(distribution)
    with transaction.atomic():
        lock(distribution)
        if why_not := _why_not(distribution) or why_not_terminal(distribution):
            raise NotWaived(why_not)
        lines = _take(distribution, wanted, by=by, reason=reason)
        count_again(distribution)
    return _counted(lines)


def _why_not(distribution: Distribution) -> str | None:
    if distribution.status in CAN_BE_RETRIED:
        return None
    if distribution.status == Distribution.Status.COMPLETED:
        return "it is COMPLETED: nothing failed"
    return f"it is {distribution.status}: what fails can be accepted as unpaid when the run has ended"


def _take(distribution: Distribution, wanted: Wanted, *, by: str, reason: str) -> list[Payment]:
    failed = wanted.lines_of(distribution).failed().free_of_reissue().order_by("ordinal")
    lines = list(failed.select_for_update(of=("self",)))
    if not lines:
        raise NotWaived("nothing is left to accept as unpaid: an event of the chain has paid what had failed")
    failed_status, waived = Payment.Status.FAILED, Payment.Status.WAIVED
    Payment.objects.filter(pk__in=[line.pk for line in lines], status=failed_status).update(status=waived)
    record_moves(((line, failed_status, waived, reason) for line in lines), by=by)
    words = f"{_counted(lines).words(distribution)} accepted as unpaid: {reason}"
    AuditEvent.write(distribution, what="waive", target=waived, reason=words, by=by)
    return lines


def _counted(lines: list[Payment]) -> Waiver:
    return Waiver(len(lines), sum(int(line.expected_units) for line in lines))
