"""What the pages ask about contracts and their checks, for any number of contracts in one query."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When

from contracts import clock
from contracts.models import Contract, ContractTransaction
from reserves.models import PaymentAvailability

Status = Contract.Status
# BLOCKED first, then what lacks money, then the rest.
RANK = Case(
    When(status=Status.BLOCKED, then=Value(0)),
    When(~Q(status__in=(Status.DRAFT, Status.FINISHED)) & Q(required_funds_units__gt=0), then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)
NEWEST_ENDED = ("status", "error_class", "error_text", "ended_at")


def with_checks(contracts: QuerySet[Contract]) -> QuerySet[Contract]:
    """Adds ``ended_*`` of the newest ended check, ``due_units`` of the newest answer, ``asked_at`` of the open one."""
    checks = PaymentAvailability.objects.filter(contract=OuterRef("pk")).order_by("-requested_at", "-pk")
    ended = checks.exclude(status=PaymentAvailability.Status.PENDING)
    answered = checks.filter(status=PaymentAvailability.Status.PROCESSED)
    found: dict[str, Any] = {f"ended_{name}": Subquery(ended.values(name)[:1]) for name in NEWEST_ENDED}
    found["due_units"] = Subquery(answered.values("due_units")[:1])
    found["asked_at"] = Subquery(checks.open().values("requested_at")[:1])
    return contracts.annotate(**found).select_related("payment_token", "wallet")


def asking_for_attention(now: datetime | None = None) -> QuerySet[Contract]:
    """Contracts at work that are BLOCKED, lack money, failed their newest check, or have no fresh answer."""
    fresh_from = (now or clock.now()) - timedelta(minutes=settings.RESERVE_STALE_MINUTES)
    trouble = Q(status=Status.BLOCKED) | Q(required_funds_units__gt=0) | Q(checked_at__lte=fresh_from)
    trouble |= Q(checked_at=None, created_at__lte=fresh_from)
    trouble |= Q(ended_status=PaymentAvailability.Status.FAILED)
    at_work = Contract.objects.exclude(status__in=(Status.DRAFT, Status.FINISHED))
    return with_checks(at_work).filter(trouble).order_by(RANK, "label", "pk")


def failures_in_a_row(contract: Contract) -> int:
    """Failed checks since the last one that was answered."""
    checks = PaymentAvailability.objects.filter(contract=contract)
    answered = checks.filter(status=PaymentAvailability.Status.PROCESSED).order_by("-requested_at")
    since = answered.values_list("requested_at", flat=True).first()
    failed = checks.filter(status=PaymentAvailability.Status.FAILED)
    return failed.filter(requested_at__gt=since).count() if since else failed.count()


def transactions_of(contract: Contract) -> QuerySet[ContractTransaction]:
    """Every call of this contract, newest first."""
    rows = ContractTransaction.objects.filter(contract=contract).order_by("-pk")
    return rows.select_related("wallet")
