"""What waits, for how long, and whether anybody is there to take it: a stalled system shows here first."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import F, Min, Q, QuerySet, Value
from django.db.models.functions import Concat
from prometheus_client.metrics_core import Metric

from config.health import PROCESSES
from config.metrics.families import Values, gauge, gauges
from config.metrics.windows import counted
from config.models import Heartbeat
from contracts.models import AuditEvent, ContractTransaction, Hold, Notice, Wallet
from payouts.models import Batch, Distribution, Schedule
from reserves.models import PaymentAvailability, Reservation

Since = dict[str, datetime | None]


def waiting(now: datetime) -> Iterator[Metric]:
    yield gauges("paydate_oldest_waiting_seconds", _ages(_waiting_since(now), now))
    yield gauges("paydate_overdue_seconds", _ages(_due_since(now), now))


def machinery(now: datetime) -> Iterator[Metric]:
    ages = Heartbeat.objects.all().ages()
    known: Values = {
        (process,): ages[process].total_seconds() if process in ages else float("inf")
        for process in PROCESSES
    }
    yield gauges("paydate_heartbeat_age_seconds", known)
    yield gauge("paydate_audit_unsealed", AuditEvent.objects.filter(sequence=None).count())


def standstills(now: datetime) -> Iterator[Metric]:
    yield gauges("paydate_holds", counted(Hold.objects.open(), "cause", "scope"))
    yield gauge("paydate_wallets_stopped", Wallet.objects.exclude(stopped_reason="").count())
    yield gauge("paydate_notices_unsent", Notice.objects.unsaid().count())
    yield gauge("paydate_reservations_open", Reservation.objects.open().count())


def _waiting_since(now: datetime) -> Since:
    open_calls = ContractTransaction.objects.open()
    planned = open_calls.aggregate(
        transaction=Min("planned_at"), approval=Min("custody_waiting_since", filter=Q(status="PLANNED"))
    )
    late = Distribution.objects.filter(status=Distribution.Status.PENDING, execute_at__lte=now)
    late = late.exclude(schedule__status=Schedule.Status.PAUSED)
    return {
        **planned,
        "batch": _first(_first_calls(), "planned_at"),
        "distribution": _first(late, "execute_at"),
        "hold": _first(Hold.objects.open(), "placed_at"),
        "check": _first(PaymentAvailability.objects.open(), "requested_at"),
    }


def _first_calls() -> QuerySet[ContractTransaction]:
    """The first call of every batch in PROCESSING: since then it is under way, however many calls followed."""
    processing = Batch.objects.filter(status=Batch.Status.PROCESSING)
    subjects = processing.values(subject=Concat(Value("batch:"), F("uid")))
    return ContractTransaction.objects.filter(subject__in=subjects, attempt=1)


def _due_since(now: datetime) -> Since:
    """Rows in nobody's hands whose time has come: while the sweeps run these are seconds.

    PENDING batches are left out: they wait for their turn behind those in PROCESSING.
    """
    batches = Batch.objects.filter(status=Batch.Status.PROCESSING, next_attempt_at__lte=now)
    return {
        "transaction": _first(ContractTransaction.objects.due(now), "next_attempt_at"),
        "batch": _first(batches.filter(Q(lease_until=None) | Q(lease_until__lt=now)), "next_attempt_at"),
        "distribution": _first(Distribution.objects.due(now), "next_attempt_at"),
        "check": _first(PaymentAvailability.objects.due(now), "next_attempt_at"),
    }


def _first(rows: QuerySet[Any], column: str) -> datetime | None:
    first: datetime | None = rows.order_by().aggregate(first=Min(column))["first"]
    return first


def _ages(since: Since, now: datetime) -> Values:
    return {
        (noun,): max(0.0, (now - moment).total_seconds()) if moment else 0.0 for noun, moment in since.items()
    }
