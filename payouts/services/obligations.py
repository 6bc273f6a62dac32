"""What the distributions of a payout contract still have to pay, for whoever looks whether the money is there."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Concat

from contracts.models import Contract, ContractTransaction
from payouts.models import ACTIVE, Batch, Distribution, Payment
from reserves.obligations import Obligation

Status = Distribution.Status
CallStatus = ContractTransaction.Status

WORDS = {
    Status.PENDING: "not started yet",
    Status.PLANNING: "being prepared",
    Status.AWAITING_APPROVAL: "waits for its approval",
    Status.PROCESSING: "being paid",
    Status.HELD: "held",
}
RETRY = "failed payments that are tried again"


def obligations_of_payouts(contract: Contract, until: datetime) -> list[Obligation]:
    """Of every distribution that will pay by itself or was promised, by one statement and without its lines.

    Due is what has to be there when it may start: at its execution time, without one since it was created, and
    for the retry of an ended one when its pause is over. Before its plan is closed that is the frozen pool or the
    amount; a percentage without a pool takes what there is, so it needs nothing.
    """
    rows = Distribution.objects.filter(_is_to_be_paid(), asset__payout_contract=contract)
    summed: Iterable[Any] = rows.annotate(unpaid_units=_sum(_unpaid()), sent_units=_sum(_in_flight()))
    dues = [_obligation(row, int(row.unpaid_units or 0), int(row.sent_units or 0)) for row in summed]
    return [due for due in dues if due.units or due.in_flight_units]


def _is_to_be_paid() -> Q:
    is_retried = Q(status__in=(Status.PARTIALLY_COMPLETED, Status.FAILED), next_retry_at__isnull=False)
    return Q(status__in=(Status.PENDING, *ACTIVE, Status.HELD)) | is_retried


def _unpaid() -> QuerySet[Payment]:
    """Lines that wait, and failed ones that are tried again by themselves."""
    is_retried = Q(status=Payment.Status.FAILED, retries__lt=settings.MAX_BATCH_RETRIES)
    return Payment.objects.filter(Q(status=Payment.Status.PENDING) | is_retried)


def _in_flight() -> QuerySet[Payment]:
    """Lines whose call may have paid them and is not settled."""
    may_have_paid = Q(status__in=(CallStatus.SUBMITTED, CallStatus.SUCCEEDED)) | Q(
        status=CallStatus.SIGNED, broadcast_started_at__isnull=False
    )
    calls = ContractTransaction.objects.filter(
        may_have_paid, subject=Concat(Value("batch:"), OuterRef("uid"))
    )
    batches = Batch.objects.open().filter(Exists(calls), distribution=OuterRef(OuterRef("pk")))
    return Payment.objects.filter(status=Payment.Status.PENDING, batch__in=batches.values("pk"))


def _sum(lines: QuerySet[Payment]) -> Subquery:
    of_one = lines.filter(distribution=OuterRef("pk")).order_by().values("distribution")
    return Subquery(of_one.annotate(units=Sum("expected_units")).values("units"))


def _obligation(distribution: Distribution, unpaid_units: int, sent_units: int) -> Obligation:
    units = unpaid_units - sent_units
    if distribution.plan_closed_at is None:
        units, sent_units = distribution.pool_units or distribution.amount_units or 0, 0
    return Obligation(
        due_at=distribution.next_retry_at or distribution.execute_at or distribution.created_at,
        units=units,
        words=f"{distribution.concept or distribution}: {WORDS.get(Status(distribution.status), RETRY)}",
        uid=distribution.uid,
        in_flight_units=sent_units,
    )
