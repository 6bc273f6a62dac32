"""Durations of a window of rows, counted by the database into the buckets of a histogram."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Sum
from prometheus_client.metrics_core import Metric

from config.metrics.families import Values, histogram


def durations(name: str, rows: QuerySet[Any], *, since: str, until: str, bounds: Sequence[float]) -> Metric:
    """The histogram of ``until - since`` over ``rows``, by one statement."""
    took = ExpressionWrapper(F(until) - F(since), output_field=DurationField())
    counts = {
        f"le_{number}": Count("pk", filter=Q(took__lte=timedelta(seconds=bound)))
        for number, bound in enumerate(bounds)
    }
    found = rows.annotate(took=took).aggregate(**counts, total=Sum("took"), count=Count("pk"))
    buckets = [(bound, found[f"le_{number}"]) for number, bound in enumerate(bounds)]
    total = found["total"] or timedelta(0)
    return histogram(name, [*buckets, (float("inf"), found["count"])], total.total_seconds())


def counted(rows: QuerySet[Any], *columns: str) -> Values:
    """How many rows there are for each combination of ``columns``."""
    found = rows.order_by().values_list(*columns).annotate(count=Count("pk"))
    return {tuple(row[:-1]): row[-1] for row in found}


def zeros(names: Iterable[str]) -> Values:
    """A 0 for every value of the one label: a status without rows is shown, too."""
    return {(str(name),): 0.0 for name in names}
