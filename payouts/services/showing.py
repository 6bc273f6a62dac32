"""One distribution in numbers and words, for the command, the admin and the demo."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum

from contracts.models import ContractTransaction, Hold
from contracts.models.transactions import TransactionQuerySet
from payouts.models import Distribution, Payment, Reissue
from payouts.models.batches import PaymentQuerySet
from payouts.services import chain

ACTIVE_TRANSACTIONS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of lines and batches by status, and base units expected and paid."""

    lines: dict[str, int]
    batches: dict[str, int]
    transactions: dict[str, int]
    expected_units: int
    paid_units: int

    @property
    def total(self) -> int:
        return sum(self.lines.values())


def progress_of(distribution: Distribution) -> Progress:
    lines = distribution.payments.values("status").annotate(count=Count("id"))
    batches = distribution.batches.values("status").annotate(count=Count("id"))
    calls = transactions_of(distribution).order_by().values("status").annotate(count=Count("id"))
    sums = distribution.payments.aggregate(expected=Sum("expected_units"), paid=Sum("paid_units"))
    return Progress(
        lines={row["status"]: row["count"] for row in lines},
        batches={row["status"]: row["count"] for row in batches},
        transactions={row["status"]: row["count"] for row in calls},
        expected_units=int(sums["expected"] or 0),
        paid_units=int(sums["paid"] or 0),
    )


def transactions_of(distribution: Distribution) -> TransactionQuerySet:
    """All attempts of the snapshot and of every batch, oldest first."""
    return ContractTransaction.objects.filter(group_uid=distribution.uid).order_by("pk")


def why_waiting(distribution: Distribution) -> list[str]:
    """Every reason, in words, why the distribution or a part of it does not go on."""
    reasons = [f"{hold.cause}: {hold.reason}" for hold in Hold.objects.covering(distribution.hold_scopes)]
    if distribution.status_reason and distribution.status != Distribution.Status.HELD:
        reasons.append(distribution.status_reason)
    waiting = distribution.batches.open().exclude(waiting_reason="").values("waiting_reason")
    common = waiting.annotate(count=Count("id")).order_by("-count")[:ACTIVE_TRANSACTIONS_SHOWN]
    reasons += [f"{_batches(row['count'])}: {row['waiting_reason']}" for row in common]
    reissues = reissues_of(distribution).filter(status__in=("REQUESTED", "APPROVED", "FAILED"))
    reasons += [f"{one}: {one.status_reason}" for one in reissues[:ACTIVE_TRANSACTIONS_SHOWN]]
    calls = transactions_of(distribution).open().exclude(waiting_reason="")[:ACTIVE_TRANSACTIONS_SHOWN]
    return reasons + [f"{call}: {call.waiting_reason}" for call in calls]


def reissues_of(distribution: Distribution) -> QuerySet[Reissue]:
    """Its payments that go, or went, to another wallet, in the order in which that was asked for."""
    rows = Reissue.objects.filter(payment__distribution=distribution)
    return rows.select_related("payment").order_by("pk")


def _batches(count: int) -> str:
    return "1 batch" if count == 1 else f"{count} batches"


def failures_of(distribution: Distribution) -> list[tuple[str, int]]:
    """Why holders were not paid, with how many, most first."""
    failed = distribution.payments.filter(Q(status=Payment.Status.FAILED))
    rows = failed.values("failure_reason").annotate(count=Count("id")).order_by("-count", "failure_reason")
    return [(row["failure_reason"], row["count"]) for row in rows]


def given_up_in(distribution: Distribution) -> PaymentQuerySet:
    """Whom nothing but a person will try to pay again, in the order of the plan."""
    return Payment.objects.filter(distribution=distribution).given_up().order_by("ordinal")


@dataclass(frozen=True, slots=True)
class ChainView:
    """What the contract's own events say about a distribution, beside what we have stored."""

    paid_count: int
    paid_units: int
    differing: tuple[str, ...]


def compare_with_chain(distribution: Distribution) -> ChainView:
    """Reads all of its result events and compares them line by line. Raises a GatewayError."""
    theirs = chain.paid_by_logs(distribution) if distribution.snapshot_consensus_at else {}
    stored = distribution.payments.filter(status=Payment.Status.PAID).values_list("holder", "paid_units")
    ours = {holder: int(units) for holder, units in stored}
    differing = sorted(
        holder for holder in ours.keys() | theirs.keys() if ours.get(holder) != theirs.get(holder)
    )
    return ChainView(len(theirs), sum(theirs.values()), tuple(differing))
