"""How the distributions and batches are doing. No statement here grows with what has been paid before."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Max, QuerySet, Sum
from prometheus_client.metrics_core import Metric

from config.metrics.families import DAY, Values, gauge, gauges
from config.metrics.windows import counted, durations, zeros
from payouts.models import ACTIVE, UNSETTLED, Batch, Distribution, Payment

Status = Distribution.Status
UNDER_WAY = (*ACTIVE, Status.HELD)
EXECUTION_BOUNDS = (10, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600)
OLDEST_SHOWN = 20


def distributions(now: datetime) -> Iterator[Metric]:
    unsettled = Distribution.objects.filter(status__in=UNSETTLED)
    ended = Distribution.objects.filter(ended_at__gte=now - DAY)
    settled = ended.filter(status__in=(Status.COMPLETED, Status.CANCELLED))
    counts = zeros(Status) | counted(unsettled, "status") | counted(settled, "status")
    yield gauges("paydate_distributions", counts)
    yield durations(
        "paydate_distribution_execution_seconds",
        ended.filter(started_at__isnull=False).exclude(status=Status.CANCELLED),
        since="started_at",
        until="ended_at",
        bounds=EXECUTION_BOUNDS,
    )
    under_way = Distribution.objects.filter(status__in=UNDER_WAY, started_at__isnull=False)
    oldest = under_way.order_by("started_at").values_list("uid", "asset__symbol", "status", "started_at")
    ages: Values = {
        (uid, asset, status): (now - since).total_seconds()
        for uid, asset, status, since in oldest[:OLDEST_SHOWN]
        if since
    }
    yield gauges("paydate_distribution_age_seconds", ages)
    failed = unsettled.aggregate(lines=Sum("failed_count"))["lines"]
    yield gauge("paydate_payments_failed", failed or 0)
    given_up = Payment.objects.given_up().filter(distribution__status__in=UNSETTLED)
    yield gauge("paydate_payments_given_up", given_up.count())


def batches(now: datetime) -> Iterator[Metric]:
    settled = counted(Batch.objects.filter(settled_at__gte=now - DAY), "status")
    ending = [status for status in Batch.Status if status != Batch.Status.SPLIT]
    yield gauges("paydate_batches", zeros(ending) | settled | counted(Batch.objects.open(), "status"))
    yield gauge("paydate_batch_success_ratio", _success_ratio(settled))
    yield gauge("paydate_failed_batches", _failed_lines().values("batch").distinct().count())
    newest = Batch.objects.aggregate(at=Max("settled_at"))["at"]
    yield gauge("paydate_last_settled_age_seconds", (now - newest).total_seconds() if newest else None)


def _success_ratio(settled: Values) -> float | None:
    """Unknown while nothing was settled: neither 0 nor 1 would be true."""
    ended = ("COMPLETED", "PARTIALLY_COMPLETED", "FAILED")
    total = sum(settled.get((status,), 0) for status in ended)
    return settled.get(("COMPLETED",), 0) / total if total else None


def _failed_lines() -> QuerySet[Payment]:
    """The lines that are FAILED now, found through the few distributions that have any."""
    broken = Distribution.objects.filter(status__in=UNSETTLED, failed_count__gt=0)
    return Payment.objects.filter(distribution__in=broken.values("pk"), status="FAILED")
