"""The end of a distribution, and its totals: always counted from the lines."""

from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Min, Q, Sum

from contracts import clock
from contracts.faults import fault_point
from contracts.transitions import move
from payouts.models import Distribution, Payment
from reserves.services import reserving

Status = Distribution.Status
FINISHED = fault_point("distribution.finished", scenario="payout")


def finish_distribution(distribution: Distribution) -> bool:
    """Ends a distribution whose last batch has ended; whoever settles last does it, the others lose the race."""
    if distribution.batches.open().exists():
        return False
    distribution.refresh_from_db()
    if distribution.status not in (Status.PROCESSING, Status.HELD) or not distribution.plan_hash:
        return False
    totals = count_totals(distribution)
    with transaction.atomic():
        moved = move(
            distribution,
            _end_status(totals),
            reason=f"{totals['paid_count']} paid, {totals['failed_count']} failed",
            status_reason=""
            if not totals["failed_count"]
            else f"{totals['failed_count']} holders were not paid",
            ended_at=clock.now(),
            **totals,
        )
        if moved:
            reserving.close(distribution_uid=distribution.uid)
    if moved:
        FINISHED.reach(distribution.uid)
    return moved


def _end_status(totals: dict[str, Any]) -> str:
    if not totals["failed_count"]:
        return Status.COMPLETED
    return Status.PARTIALLY_COMPLETED if totals["paid_count"] else Status.FAILED


def count_totals(distribution: Distribution) -> dict[str, Any]:
    """Counts, sum and first and last consensus time, by one statement over the lines."""
    totals = distribution.payments.aggregate(
        paid_count=Count("id", filter=Q(status=Payment.Status.PAID)),
        failed_count=Count("id", filter=Q(status=Payment.Status.FAILED)),
        paid_units=Sum("paid_units"),
        executed_at=Min("paid_at", filter=~Q(paid_at="")),
        completed_at=Max("paid_at", filter=~Q(paid_at="")),
    )
    return {
        **totals,
        "paid_units": int(totals["paid_units"] or 0),
        "executed_at": totals["executed_at"] or "",
        "completed_at": totals["completed_at"] or "",
    }


def refresh_totals(distribution: Distribution) -> None:
    """Called by the sweeper, so that totals of a running distribution are written at most once a sweep."""
    running = Distribution.objects.filter(pk=distribution.pk, status__in=(Status.PROCESSING, Status.HELD))
    running.update(**count_totals(distribution))
