"""Figures of a finished distribution, from the rows it left in the database."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Min, QuerySet, Sum

from contracts import clock
from contracts.models import ContractTransaction, SignedBody
from payouts.models import Batch, Distribution, Payment

Status = ContractTransaction.Status


@dataclass(frozen=True, slots=True)
class Phases:
    """Seconds. Paying is from the first request to custody for a batch to the last settled batch.

    `settling_tail` is what passes after the last consensus until the distribution has ended.
    """

    holders: int
    batches: int
    planning: float
    paying: float
    settling_tail: float
    total: float
    lines_per_second: float
    attempts: int
    expired: int
    expired_unsent: int


def phases_of(distribution: Distribution) -> Phases:
    distribution.refresh_from_db()
    calls = _calls(distribution)
    span = calls.aggregate(first=Min("identified_at"), consensus=Max("consensus_at"))
    settled = distribution.batches.exclude(status=Batch.Status.SPLIT).aggregate(last=Max("settled_at"))[
        "last"
    ]
    holders = distribution.payments.count()
    paying = _seconds(span["first"], settled)
    return Phases(
        holders=holders,
        batches=distribution.batches.exclude(status=Batch.Status.SPLIT).count(),
        planning=_seconds(distribution.started_at, distribution.plan_closed_at),
        paying=paying,
        settling_tail=_seconds(clock.from_ns(clock.consensus_ns(span["consensus"])), distribution.ended_at),
        total=_seconds(distribution.started_at, distribution.ended_at),
        lines_per_second=round(holders / paying, 1),
        attempts=calls.count(),
        expired=calls.filter(status=Status.EXPIRED).count(),
        expired_unsent=_expired_unsent(distribution),
    )


def first_request_at(distribution: Distribution) -> datetime:
    """When the first batch got its identity, which is when custody is asked for it."""
    first: datetime | None = _calls(distribution).aggregate(first=Min("identified_at"))["first"]
    if first is None:
        raise ValueError("no batch has been signed yet")
    return first


def what_is_unpaid(distribution: Distribution) -> dict[str, int]:
    """Lines that are not PAID, by status; empty when everybody was paid."""
    rows = distribution.payments.exclude(status=Payment.Status.PAID).values_list("status", flat=True)
    return {status: list(rows).count(status) for status in set(rows)}


def paid_units(distribution: Distribution) -> int:
    return int(distribution.payments.aggregate(sum=Sum("paid_units"))["sum"] or 0)


def _expired_unsent(distribution: Distribution) -> int:
    """Signatures that custody gave and that nobody ever sent before their time was over."""
    bodies = SignedBody.objects.filter(transaction__group_uid=distribution.uid, sends=0)
    return bodies.exclude(signed_bytes=None).filter(transaction__status=Status.EXPIRED).count()


def _calls(distribution: Distribution) -> QuerySet[ContractTransaction]:
    return ContractTransaction.objects.filter(group_uid=distribution.uid, purpose="batch")


def _seconds(begin: datetime | None, end: datetime | None) -> float:
    if begin is None or end is None:
        raise ValueError("the distribution has not ended yet")
    return round((end - begin).total_seconds(), 2)


def as_report(phases: Phases) -> dict[str, Any]:
    return asdict(phases)
