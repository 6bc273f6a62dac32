"""The book of on-chain calls and custody: what is open, how long signatures take, what is left of the budget."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from prometheus_client.metrics_core import Metric

from config.metrics.families import HOUR, Values, gauge, gauges
from config.metrics.windows import counted, durations
from contracts import clock, gates
from contracts.models import OPEN, ContractTransaction, CustodyBudget, Wallet
from contracts.services import budget

Status = ContractTransaction.Status
CUSTODY_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


def transactions(now: datetime) -> Iterator[Metric]:
    counts: Values = {(status.value, purpose): 0.0 for purpose in gates.purposes() for status in Status}
    counts |= counted(_recent().exclude(status__in=OPEN), "status", "purpose")
    counts |= counted(ContractTransaction.objects.open(), "status", "purpose")
    yield gauges("paydate_transactions", counts)


def custody(now: datetime) -> Iterator[Metric]:
    signed = _recent().filter(signed_at__isnull=False)
    yield durations(
        "paydate_custody_seconds", signed, since="identified_at", until="signed_at", bounds=CUSTODY_BOUNDS
    )
    yield gauge("paydate_custody_approvals_waiting", _awaiting_approval().count())
    yield gauge("paydate_custody_budget_per_minute", settings.CUSTODY_REQUESTS_PER_MINUTE)
    rows = list(CustodyBudget.objects.order_by("custodian"))
    free: Values = {(row.custodian,): tokens for row in rows if (tokens := budget.free(row, now)) is not None}
    yield gauges("paydate_custody_budget_tokens", free)
    paused: Values = {(row.custodian,): bool(row.paused_until and row.paused_until > now) for row in rows}
    yield gauges("paydate_custody_paused", paused)


def _awaiting_approval() -> QuerySet[ContractTransaction]:
    return ContractTransaction.objects.open().filter(
        status=Status.PLANNED, custody_waiting_since__isnull=False
    )


def _recent() -> QuerySet[ContractTransaction]:
    """Calls whose validity began in the last hour, found by wallet: there are few, and that is the index."""
    since = clock.now_ns() - int(HOUR.total_seconds()) * clock.NANOSECONDS
    wallets = list(Wallet.objects.values_list("pk", flat=True))
    return ContractTransaction.objects.filter(wallet__in=wallets, valid_start_ns__gte=since)
