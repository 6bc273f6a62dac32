"""The contracts and the checks of their reserves: is money missing, and is that known at all?"""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet
from prometheus_client.metrics_core import Metric

from config.metrics.families import HOUR, Values, gauge, gauges
from config.metrics.windows import counted, durations, zeros
from contracts.models import Contract
from reserves.models import InvestmentBook, PaymentAvailability
from reserves.services.showing import with_checks
from reserves.services.ticketing import CHECKED, contracts_here

Status = PaymentAvailability.Status
Outcome = PaymentAvailability.Outcome
CHECK_BOUNDS = (1, 2.5, 5, 10, 30, 60, 120, 300, 600)
NO_OUTCOME = "NOTHING"


def contracts(now: datetime) -> Iterator[Metric]:
    counts: Values = {(status.value, kind.value): 0.0 for status in Contract.Status for kind in Contract.Kind}
    yield gauges("paydate_contracts", counts | counted(Contract.objects.all(), "status", "kind"))
    short = Contract.objects.filter(status__in=CHECKED, required_funds_units__gt=0)
    yield gauges("paydate_contracts_short", zeros(Contract.Kind) | counted(short, "kind"))
    broken = InvestmentBook.objects.filter(contract__status__in=CHECKED).exclude(problem="")
    yield gauge("paydate_books_with_problems", broken.count())


def checks(now: datetime) -> Iterator[Metric]:
    recent = PaymentAvailability.objects.filter(ended_at__gte=now - HOUR)
    yield gauges("paydate_reserve_checks", _by_outcome(recent))
    yield durations(
        "paydate_reserve_check_seconds", recent, since="requested_at", until="ended_at", bounds=CHECK_BOUNDS
    )
    checked = contracts_here().filter(status__in=CHECKED)
    yield gauges("paydate_reserve_check_age_seconds", _ages(checked, now))
    failing = with_checks(checked).filter(Q(ended_status=Status.FAILED))
    yield gauges("paydate_reserve_checks_failing", zeros(Contract.Kind) | counted(failing, "kind"))


def _by_outcome(recent: QuerySet[PaymentAvailability]) -> Values:
    """Only an answer has an outcome: of an open check, and of one that FAILED, the label is empty."""
    counts: Values = {(Status.PENDING.value, ""): 0.0, (Status.FAILED.value, ""): 0.0}
    counts |= {(Status.PROCESSED.value, outcome or NO_OUTCOME): 0.0 for outcome in Outcome.values}
    counts |= counted(PaymentAvailability.objects.open(), "status", "outcome")
    for (status, outcome), count in counted(recent, "status", "outcome").items():
        is_silent = status == Status.PROCESSED and not outcome
        counts[status, NO_OUTCOME if is_silent else outcome] = count
    return counts


def _ages(checked: QuerySet[Contract], now: datetime) -> Values:
    """Without a contract of the kind nothing is shown: an age of 0 would be an answer that nobody gave."""
    rows = (
        checked.order_by().values_list("kind").annotate(Min("checked_at"), Count("checked_at"), Count("pk"))
    )
    return {
        (kind,): (now - oldest).total_seconds() if answered == count else float("inf")
        for kind, oldest, answered, count in rows
    }
