"""Ending a distribution before it has paid anybody.

A cancel takes the rows of the calls before it looks whether one was sent, and whoever sends marks the start before
it asks the gate: of the two that come at the same moment one sees the other.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from contracts import clock
from contracts.models import Contract, ContractTransaction, Hold
from contracts.models.transactions import TransactionQuerySet
from contracts.services.holds import lift_hold
from contracts.services.planning import abandon
from contracts.transitions import move, record_moves
from payouts.amounts import counted, format_units
from payouts.models import Batch, Distribution
from payouts.services import approving
from payouts.services.showing import transactions_of
from reserves.services import reserving

Status = Distribution.Status
CANCELLABLE = (Status.DRAFT, Status.PENDING, Status.PLANNING, Status.AWAITING_APPROVAL, Status.HELD)


class NotCancelled(Exception):
    """Nothing was changed; the message says what stands in the way and what can be done instead."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a cancel would end: planned lines with their base units, and calls of which nobody has been paid."""

    lines: int
    units: int
    calls: int

    def words(self, distribution: Distribution) -> str:
        token = distribution.asset.payout_contract.payment_token
        units = format_units(self.units, decimals=token.decimals, symbol=token.symbol)
        if not self.lines:
            return "It was not planned yet; nobody will be paid."
        return f"{counted(self.lines, 'holder')} will not be paid, {units} in all; nothing of it was sent."


def preview(distribution: Distribution) -> Ending:
    """Raises NotCancelled."""
    if reason := _why_not(distribution):
        raise NotCancelled(reason)
    pages = distribution.pages.filter(done_at__isnull=False).values_list("holder_count", "expected_units")
    done = list(pages)
    return Ending(
        lines=sum(count or 0 for count, _ in done),
        units=sum(int(units or 0) for _, units in done),
        calls=transactions_of(distribution).open().count(),
    )


def cancel_distribution(distribution: Distribution, *, by: str, reason: str) -> None:
    """Ends it with its batches, its reservation, its approvals and its own holds. Raises NotCancelled.

    A snapshot that is on its way is only resolved; a call of which custody was not asked yet is ended.
    """
    if not reason.strip():
        raise NotCancelled("say why: a cancellation needs a reason")
    words = f"cancelled: {reason}"
    with transaction.atomic():
        _lock(distribution)
        if why_not := _why_not(distribution):
            raise NotCancelled(why_not)
        ended_at = clock.now()
        move(distribution, Status.CANCELLED, by=by, reason=reason, status_reason=reason, ended_at=ended_at)
        _end_batches(distribution, words, by=by)
        _end_calls(distribution, words)
        reserving.close(distribution_uid=distribution.uid)
        approving.void(distribution, reason=words, by=by)
        _lift_holds(distribution, words, by=by)


def _lock(distribution: Distribution) -> None:
    """In the order of everybody: calls, contract, holds, distribution."""
    list(transactions_of(distribution).open().select_for_update(of=("self",)).values_list("pk"))
    Contract.objects.select_for_update().get(pk=distribution.asset.payout_contract_id)
    list(_own_holds(distribution).select_for_update())
    distribution.refresh_from_db(from_queryset=Distribution.objects.select_for_update())


def _why_not(distribution: Distribution) -> str | None:
    if distribution.status == Status.PROCESSING:
        return "it is being paid; stop it first, and cancel it if nothing was sent by then"
    if distribution.status not in CANCELLABLE:
        return f"it is {distribution.status}: only what has not begun to pay can be cancelled"
    if sent := _sent(distribution).count():
        calls = counted(sent, "call")
        return (
            f"{calls} of it went to the chain: lift its holds to pay the rest, or accept that as unpaid later"
        )
    return None


def _sent(distribution: Distribution) -> TransactionQuerySet:
    """Calls that may have paid somebody. A snapshot pays nobody."""
    paying = transactions_of(distribution).filter(subject__startswith="batch:")
    return paying.filter(broadcast_started_at__isnull=False) | paying.filter(adopted_at__isnull=False)


def _end_batches(distribution: Distribution, words: str, *, by: str) -> None:
    """Whoever plans a call for one of them holds its row, so after this no further call appears."""
    batches = list(distribution.batches.open().defer("holders").order_by("pk").select_for_update())
    Batch.objects.filter(pk__in=[batch.pk for batch in batches]).update(
        status=Batch.Status.FAILED, error_text=words, waiting_reason="", settled_at=clock.now()
    )
    record_moves(((batch, batch.status, Batch.Status.FAILED, words) for batch in batches), by=by)


def _end_calls(distribution: Distribution, words: str) -> None:
    """What custody has is left to its gate, which is closed from now on, and ends with its validity."""
    for call in transactions_of(distribution).open().select_for_update(of=("self",)):
        if call.subject.startswith("batch:") and call.broadcast_started_at is not None:
            raise NotCancelled("a call of it has just gone to the chain; look at it again")
        if call.status == ContractTransaction.Status.PLANNED:
            abandon(call, reason=words)


def _own_holds(distribution: Distribution) -> QuerySet[Hold]:
    return Hold.objects.open().filter(scope=Hold.Scope.DISTRIBUTION, object_uid=distribution.uid)


def _lift_holds(distribution: Distribution, words: str, *, by: str) -> None:
    for hold in _own_holds(distribution):
        lift_hold(hold, reason=words, by=by)
