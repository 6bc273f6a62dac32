"""Settling: a payment is what the contract's result events say about its holder, whoever caused them.

The paid flag of (snapshot, holder) makes the contract report a holder who was paid before as failed, so a
holder reported as failed is looked up in all events of the snapshot before anything is said about him.
"""

from dataclasses import dataclass, field

import structlog
from django.db import connection, transaction

from contracts import clock
from contracts.faults import fault_point
from contracts.models import ContractTransaction
from contracts.transitions import move
from payouts.models import Batch, Payment
from payouts.services import chain
from payouts.services.finishing import finish_distribution
from reserves.services import reserving

log = structlog.get_logger(__name__)
SETTLED = fault_point("batch.settled", scenario="payout")
BATCH_FAILED = fault_point("batch.failed", scenario="revert")
BatchStatus = Batch.Status


class SettlementMismatch(Exception):
    """The result event does not name exactly the frozen list; nothing is settled until a person has looked."""


@dataclass(slots=True)
class Outcome:
    """What happened to every holder of a batch: units and consensus time, or words."""

    paid: dict[str, chain.Paid] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def settle(batch: Batch, call: ContractTransaction) -> None:
    """Settles a batch from its successful call. Raises SettlementMismatch or a GatewayError; then nothing moved."""
    succeeded, failed = _result(batch, call)
    outcome = Outcome(
        paid={holder: chain.Paid(units, call.consensus_at) for holder, units in succeeded.items()}
    )
    if failed:
        _explain(batch, call, failed, outcome)
    with transaction.atomic():
        if not _move_batch(batch, outcome):
            return
        _store(batch, outcome, own=set(succeeded))
    SETTLED.reach(batch.distribution.uid)
    finish_distribution(batch.distribution)


def _result(batch: Batch, call: ContractTransaction) -> tuple[dict[str, int], list[str]]:
    """Who succeeded with how much and who failed, checked against the frozen list."""
    events = [
        event["args"]
        for event in (call.result or {}).get("events", [])
        if event["name"] == chain.LCCF_PAYOUT_EVENT
        and event["args"]["snapshotID"] == batch.distribution.snapshot_id
    ]
    if len(events) != 1:
        log.critical("settlement_mismatch", batch=batch.uid, transaction_id=call.transaction_id)
        raise SettlementMismatch(f"{call} has {len(events)} result events, one is expected")
    (event,) = events
    pairs = zip(event["succeeded"], event["paidAmount"], strict=True)
    succeeded = [(holder, int(units)) for holder, units in pairs if holder != chain.ZERO_ADDRESS]
    failed = [holder for holder in event["failed"] if holder != chain.ZERO_ADDRESS]
    if sorted([*(holder for holder, _ in succeeded), *failed]) != sorted(batch.holders):
        log.critical("settlement_mismatch", batch=batch.uid, transaction_id=call.transaction_id)
        raise SettlementMismatch(f"the result of {call} does not name exactly the holders of the batch")
    return dict(succeeded), failed


def _explain(batch: Batch, call: ContractTransaction, failed: list[str], outcome: Outcome) -> None:
    """Looks every holder reported as failed up: paid by an earlier event, or unpaid for a proven cause."""
    contract = batch.distribution.asset.payout_contract
    earlier = chain.paid_by_events(batch.distribution, among=set(failed), seen_at=call.consensus_at)
    balance = reserving.read_balance(contract).units
    expected = dict(batch.payments.filter(holder__in=failed).values_list("holder", "expected_units"))
    for holder in failed:
        if holder in earlier:
            outcome.paid[holder] = earlier[holder]
        else:
            outcome.failed[holder] = chain.why_unpaid(contract, holder, expected[holder], balance)


def _move_batch(batch: Batch, outcome: Outcome) -> bool:
    status = BatchStatus.PARTIALLY_COMPLETED
    if not outcome.failed:
        status = BatchStatus.COMPLETED
    elif not outcome.paid:
        status = BatchStatus.FAILED
    return move(
        batch,
        status,
        reason=f"{len(outcome.paid)} paid, {len(outcome.failed)} failed",
        successful=len(outcome.paid),
        failed=len(outcome.failed),
        error_text="; ".join(sorted(set(outcome.failed.values()))),
        waiting_reason="",
        settled_at=clock.now(),
    )


def _store(batch: Batch, outcome: Outcome, *, own: set[str]) -> None:
    """The lines of the batch in two statements, and the draw on the reservation."""
    _alert_second_success(batch, outcome, own)
    _mark_paid(batch, outcome.paid)
    _mark_failed(batch, outcome.failed)
    _alert_differences(batch)
    for consensus_at, units in _drawn(outcome).items():
        reserving.draw(
            distribution_uid=batch.distribution.uid,
            subject=f"{batch.subject}:{consensus_at}",
            units=units,
            consensus_ns=clock.consensus_ns(consensus_at),
        )


def _drawn(outcome: Outcome) -> dict[str, int]:
    """Units by the consensus time of the transaction that paid them: ours, and earlier ones found by events."""
    drawn: dict[str, int] = {}
    for paid in outcome.paid.values():
        drawn[paid.consensus_at] = drawn.get(paid.consensus_at, 0) + paid.units
    return drawn


def _mark_paid(batch: Batch, paid: dict[str, chain.Paid]) -> None:
    rows = [(holder, one.units, one.consensus_at) for holder, one in paid.items()]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE payouts_payment AS payment
               SET status = 'PAID', paid_units = news.units, paid_at = news.paid_at, failure_reason = '',
                   difference = CASE WHEN news.units < payment.expected_units THEN 'UNDERPAID'
                                     WHEN news.units > payment.expected_units THEN 'OVERPAID' ELSE '' END
              FROM unnest(%s::text[], %s::numeric[], %s::text[]) AS news(holder, units, paid_at)
             WHERE payment.distribution_id = %s AND payment.holder = news.holder
               AND payment.status IN ('PENDING', 'FAILED', 'WAIVED', 'SKIPPED')
            """,
            [*(list(column) for column in zip(*rows, strict=True)), batch.distribution_id],
        )


def _mark_failed(batch: Batch, failed: dict[str, str]) -> None:
    if not failed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE payouts_payment AS payment SET status = 'FAILED', failure_reason = news.reason
              FROM unnest(%s::text[], %s::text[]) AS news(holder, reason)
             WHERE payment.distribution_id = %s AND payment.holder = news.holder AND payment.status = 'PENDING'
            """,
            [list(failed), list(failed.values()), batch.distribution_id],
        )


def _alert_second_success(batch: Batch, outcome: Outcome, own: set[str]) -> None:
    """A holder of ours who had been PAID already: the paid flag should make this impossible."""
    twice = batch.payments.filter(status=Payment.Status.PAID, paid_units__gt=0, holder__in=own)
    for payment in twice:
        log.critical(
            "paid_twice", holder=payment.holder, distribution=batch.distribution.uid, batch=batch.uid
        )


def _alert_differences(batch: Batch) -> None:
    for payment in batch.payments.exclude(difference=""):
        log.error(
            "paid_differs",
            difference=payment.difference,
            holder=payment.holder,
            expected_units=payment.expected_units,
            paid_units=payment.paid_units,
            batch=batch.uid,
        )


def fail_batch(batch: Batch, call: ContractTransaction) -> None:
    """The last call ended for good without paying: its holders fail with the chain's reason.

    Whom an event of another transaction paid is PAID all the same. Raises a GatewayError; then nothing moved.
    """
    reason = call.error_text or call.error_class
    earlier = chain.paid_by_events(batch.distribution, among=set(batch.holders))
    outcome = Outcome(
        paid={holder: earlier[holder] for holder in batch.holders if holder in earlier},
        failed={holder: reason for holder in batch.holders if holder not in earlier},
    )
    with transaction.atomic():
        if not _move_batch(batch, outcome):
            return
        _store(batch, outcome, own=set())
    BATCH_FAILED.reach(batch.distribution.uid)
    finish_distribution(batch.distribution)
