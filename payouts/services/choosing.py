"""What a person may have tried again: everything that failed, one batch's share of it, or named holders."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Sum

from contracts.models import AuditEvent, Hold
from payouts.amounts import format_units
from payouts.models import Batch, Distribution, Payment
from payouts.models.batches import OPEN_BATCHES, REISSUE_LIVES, PaymentQuerySet
from payouts.services import preflight
from payouts.services.holding import words
from payouts.services.kinds import plan_of

Status = Distribution.Status
MOST_NAMED = 5
CAN_BE_RETRIED = (Status.PARTIALLY_COMPLETED, Status.FAILED)


class NotRetryable(Exception):
    """Nothing was sent or changed; the message says what stands in the way."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Without a batch number and holders: every failed line. Holders as 20 bytes in hexadecimal, 0x in front."""

    batch: int | None = None
    holders: tuple[str, ...] = ()

    def lines_of(self, distribution: Distribution) -> PaymentQuerySet:
        """Its lines, whatever their status."""
        lines = Payment.objects.filter(distribution=distribution)
        if self.batch is not None:
            lines = lines.filter(batch__number=self.batch)
        return lines.filter(holder__in=self.holders) if self.holders else lines


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a retry would be: lines, base units, calls of the contract, and why the lines had failed."""

    lines: int
    units: int
    calls: int
    reasons: tuple[tuple[str, int], ...]


def preview(distribution: Distribution, wanted: Wanted) -> Preview:
    """Counts what would be retried, without asking the chain. Raises NotRetryable."""
    check(distribution, wanted)
    failed = wanted.lines_of(distribution).failed().free_of_reissue()
    totals = failed.aggregate(lines=Count("pk"), units=Sum("expected_units"))
    reasons = failed.values_list("failure_reason").annotate(count=Count("pk")).order_by("-count")
    calls = -(-totals["lines"] // lines_per_call(distribution))
    return Preview(totals["lines"], int(totals["units"]), calls, tuple(reasons))


def lines_per_call(distribution: Distribution) -> int:
    """What the contract is known to take; a batch that turns out too large is cut before it is sent."""
    if not plan_of(distribution).is_sized:
        return int(settings.CASH_OUT_BATCH_SIZE)
    learned = distribution.asset.payout_contract.learned_batch_size
    return min(learned or settings.BATCH_SIZE, settings.BATCH_SIZE)


def check(distribution: Distribution, wanted: Wanted) -> None:
    """Raises NotRetryable, about what was named before about the distribution as a whole."""
    distribution.refresh_from_db()
    if reason := why_not_lines(distribution, wanted) or why_not(distribution):
        raise NotRetryable(reason)
    failed = wanted.lines_of(distribution).failed()
    if not failed.exists():
        raise NotRetryable(f"nothing failed{_of(wanted)}: there is nothing to retry")
    if not failed.free_of_reissue().exists():
        raise NotRetryable(
            "every failed payment of it is being re-issued to another wallet; refuse that first"
        )


def why_not_lines(distribution: Distribution, wanted: Wanted) -> str | None:
    """What is wrong with the holders and the batch that were named."""
    return _why_not_holders(distribution, wanted.holders) or _why_not_batch(distribution, wanted.batch)


def _of(wanted: Wanted) -> str:
    return "" if wanted.batch is None else f" in batch {wanted.batch}"


def why_not(distribution: Distribution) -> str | None:
    """What stands in the way of any retry of this distribution, as far as it is stored here."""
    if distribution.status not in CAN_BE_RETRIED:
        return _why_not_status(distribution)
    if holds := list(Hold.objects.covering(distribution.hold_scopes)):
        return f"held: {words(holds)}; lift the hold first"
    return preflight.why_not_stored(distribution.asset)


def _why_not_status(distribution: Distribution) -> str:
    if distribution.status == Status.COMPLETED:
        return "it is COMPLETED: nothing failed, there is nothing to retry"
    if not distribution.plan_hash or distribution.status == Status.CANCELLED:
        return f"it is {distribution.status}: nobody was paid, so there is nothing to retry"
    moved = AuditEvent.objects.filter(
        noun="distribution",
        object_id=distribution.pk,
        what="status",
        source__in=CAN_BE_RETRIED,
        target=Status.PROCESSING,
    )
    if latest := moved.order_by("-pk").first():
        return (
            f"a retry by {latest.by} is under way since {latest.at:%Y-%m-%d %H:%M:%S} UTC; wait for its end"
        )
    return f"it is {distribution.status}: what failed can be retried when the run has ended"


def _why_not_holders(distribution: Distribution, holders: Sequence[str]) -> str | None:
    """All that cannot be retried are named at once, a few of them in full."""
    named = distribution.payments.filter(holder__in=holders).select_related("batch")
    lines = {line.holder: line for line in named.prefetch_related("reissues")}
    problems = [
        problem for holder in holders if (problem := _why_not_line(distribution, holder, lines.get(holder)))
    ]
    rest = len(problems) - MOST_NAMED
    return "; ".join(problems[:MOST_NAMED] + ([f"and {rest:,} more"] if rest > 0 else [])) or None


def _why_not_line(distribution: Distribution, holder: str, line: Payment | None) -> str | None:
    if line is None:
        return f"{holder} is no holder of this distribution; the payments list has their addresses"
    if line.status == Payment.Status.FAILED:
        return _why_reissued(line)
    if line.status == Payment.Status.PAID:
        token = distribution.asset.payout_contract.payment_token
        paid = format_units(int(line.paid_units), decimals=token.decimals, symbol=token.symbol)
        return f"{holder} is PAID: {paid} at {line.paid_at}; nobody is paid twice"
    if line.status == Payment.Status.PENDING:
        where = (
            f"in batch {line.batch.number}, which is {line.batch.status}" if line.batch else "not sent yet"
        )
        return f"{holder} is PENDING, {where}; wait for its end"
    return f"{holder} is {line.status}: nothing is to be sent"


def _why_reissued(line: Payment) -> str | None:
    live = next((one for one in line.reissues.all() if one.status in REISSUE_LIVES), None)
    if live is None:
        return None
    return f"{line.holder} is being re-issued to {live.wallet}, which is {live.status}; refuse that first"


def _why_not_batch(distribution: Distribution, number: int | None) -> str | None:
    if number is None:
        return None
    batch = distribution.batches.filter(number=number).first()
    if batch is None:
        return f"there is no batch {number} in this distribution"
    if batch.status in OPEN_BATCHES:
        return f"batch {number} is {batch.status}; what fails in it can be retried when it has ended"
    if batch.payments.failed().exists():
        return None
    if batch.status == Batch.Status.SPLIT:
        children = ", ".join(
            str(one) for one in batch.children.order_by("number").values_list("number", flat=True)
        )
        return f"batch {number} was cut into {children}; name one of those"
    return _where_they_went(distribution, batch)


def _where_they_went(distribution: Distribution, batch: Batch) -> str:
    moved = distribution.payments.failed().filter(holder__in=batch.holders, batch__number__gt=batch.number)
    later = sorted(set(moved.values_list("batch__number", flat=True)))
    if later:
        return f"what failed in batch {batch.number} was retried in batch {', '.join(map(str, later))}; name that"
    return f"nothing in batch {batch.number} is FAILED: there is nothing to retry"
