"""Settling: batches end as the contract's events say, many in one transaction, and never by a guess.

The result event of our own call is stored and applied like anybody else's. A batch in which nobody failed ends
there. Otherwise the contract's logs are read first: the paid flag of (snapshot, holder) makes the contract
report a holder who was paid before as failed, so only who no event has paid is called unpaid.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

import structlog
from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from structlog.contextvars import bound_contextvars

from chainsync.services.reading import read_events, read_visible
from chainsync.services.storing import store_events
from contracts import clock
from contracts.faults import fault_point
from contracts.gateways.errors import GatewayError
from contracts.leases import lease
from contracts.models import ContractTransaction
from contracts.services.resolving import read_result_again
from contracts.transitions import move, record_moves
from payouts.models import Batch, Distribution, Payment
from payouts.services import chain, sizing
from payouts.services.chain import Reason
from payouts.services.events import apply_news, not_applied
from payouts.services.finishing import finish_distribution
from payouts.services.kinds import plan_of
from payouts.services.news import read_news
from payouts.services.results import Result, SettlementMismatch, lock_with_calls, read_result
from payouts.services.waiting import wait_batch

log = structlog.get_logger(__name__)
SETTLED = fault_point("batch.settled", scenario="payout")
EVENTS_READ = fault_point("batch.events_read", scenario="revert")
BATCH_FAILED = fault_point("batch.failed", scenario="revert")
SETTLE_LOCK = 0x5044_0002
MOST_AT_ONCE = 25
LOOK_AGAIN = timedelta(seconds=2)
PAUSE_MISMATCH = timedelta(minutes=1)
PAUSE_UNEXPECTED = timedelta(minutes=1)
Status = Batch.Status
Cause = Payment.Cause


def settle_due(distribution_id: int) -> None:
    """Settles every batch of the distribution whose call has succeeded; whoever comes meanwhile returns at once.

    Batches in which nobody failed end many at once, by a number of statements that does not depend on how many.
    """
    rows = Distribution.objects.select_related("asset__payout_contract__payment_token")
    distribution = rows.get(pk=distribution_id)
    unclear: list[int] = []
    with bound_contextvars(distribution=distribution.uid):
        if _has_read_others(distribution) and _settle_clear(distribution, unclear):
            for pk in unclear:
                settle_batch(pk)
            finish_distribution(distribution)


def _has_read_others(distribution: Distribution) -> bool:
    """Without a paid flag the contract reports who was cashed out before as a success with nothing paid, so what others
    have caused is read first."""
    if plan_of(distribution).has_guard:
        return True
    try:
        read_news(distribution)
    except GatewayError as error:
        log.info("events_not_read", error=str(error))
        return False
    return True


def _settle_clear(distribution: Distribution, unclear: list[int]) -> bool:
    """Group after group, until nothing is due; what is not clear is noted. False when somebody else is at it."""
    looked_at: set[int] = set()
    while pks := _due(distribution, looked_at):
        looked_at.update(pks)
        if not _settle_group(distribution, pks, unclear):
            return False
        SETTLED.reach(distribution.uid)
    return True


def waiting_for_settlement(batches: Collection[int]) -> dict[int, int]:
    """Those of these batches that wait for nothing else, with their distributions."""
    if not batches:
        return {}
    rows = _succeeded(Batch.objects.filter(pk__in=batches, status=Status.PROCESSING))
    return dict(rows.values_list("pk", "distribution_id"))


def _succeeded(batches: QuerySet[Batch]) -> QuerySet[Batch]:
    calls = ContractTransaction.objects.filter(
        subject=Concat(Value("batch:"), OuterRef("uid")), status=ContractTransaction.Status.SUCCEEDED
    )
    return batches.filter(Exists(calls))


def _due(distribution: Distribution, looked_at: set[int]) -> list[int]:
    """Without those that were unclear a moment ago: they have said what they wait for, and until when."""
    is_ready = Q(waiting_reason="") | Q(next_attempt_at__lte=clock.now())
    rows = distribution.batches.filter(is_ready, status=Status.PROCESSING).exclude(pk__in=looked_at)
    return list(_succeeded(rows).order_by("number").values_list("pk", flat=True)[:MOST_AT_ONCE])


def _settle_group(distribution: Distribution, pks: list[int], unclear: list[int]) -> bool:
    with transaction.atomic():
        if not _is_mine(distribution):
            return False
        results = list(_results(distribution, pks, unclear))
        store_events(distribution.asset.payout_contract, [result.event for result in results])
        left = not_applied(distribution)
        unclear += [result.batch.pk for result in results if result.failed or result.event.place in left]
        clear = [result for result in results if result.batch.pk not in unclear]
        _complete([result.batch for result in clear])
    if clear:
        largest = max(clear, key=lambda result: result.batch.total)
        _note_success(largest, holders=largest.batch.total)
    return True


def _is_mine(distribution: Distribution) -> bool:
    """A lock of the transaction: it saves work, compare-and-set and constraints give the safety."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [SETTLE_LOCK, distribution.pk % 2**31])
        return bool(cursor.fetchone()[0])


def _results(distribution: Distribution, pks: list[int], unclear: list[int]) -> Iterable[Result]:
    """What the calls say, as far as it can be understood; an event may be applied though its batch stays open."""
    for batch, call in lock_with_calls(distribution, pks):
        try:
            yield read_result(batch, call)
        except SettlementMismatch:
            unclear.append(batch.pk)


def _complete(batches: Sequence[Batch]) -> None:
    """Their rows are locked, so none of them can be lost to somebody else."""
    if not batches:
        return
    rows = Batch.objects.filter(pk__in=[batch.pk for batch in batches], status=Status.PROCESSING)
    rows.update(
        status=Status.COMPLETED,
        successful=F("total"),
        failed=0,
        error_text="",
        waiting_reason="",
        settled_at=clock.now(),
    )
    record_moves(
        (batch, Status.PROCESSING, Status.COMPLETED, f"{batch.total} paid, 0 failed") for batch in batches
    )


def _note_success(result: Result, *, holders: int) -> None:
    if not plan_of(result.batch.distribution).is_sized:
        return
    contract = result.batch.distribution.asset.payout_contract
    sizing.note_success(contract, holders=holders, gas_used=result.call.gas_used)


# --- one batch that is not clear -----------------------------------------------------------------


def settle_batch(pk: int) -> None:
    """Settles a batch some of whose holders were reported as failed, or says why it cannot be settled."""
    with lease(Batch, pk) as batch:
        if batch is None or batch.status != Status.PROCESSING:
            return
        with bound_contextvars(distribution=batch.distribution.uid, batch=batch.uid):
            _take_step(batch)


def _take_step(batch: Batch) -> None:
    call = ContractTransaction.objects.of(batch.subject).filter(status="SUCCEEDED").get()
    try:
        _settle_unclear(read_result(batch, call))
    except SettlementMismatch as error:
        _wait_for_result(batch, call, error)
    except GatewayError as error:
        wait_batch(batch, f"the chain could not be asked: {error}", pause=LOOK_AGAIN)
    except Exception as error:
        log.exception("unexpected_error")
        words = f"unexpected error, see the log of batch {batch.uid}: {type(error).__name__}: {error}"
        wait_batch(batch, words, pause=PAUSE_UNEXPECTED)


def _wait_for_result(batch: Batch, call: ContractTransaction, error: SettlementMismatch) -> None:
    """An incomplete answer of the mirror node looks like a wrong one, so it is asked for once more."""
    log.critical("settlement_mismatch", transaction_id=call.transaction_id, error=str(error))
    try:
        pause = LOOK_AGAIN if read_result_again(call) else PAUSE_MISMATCH
    except GatewayError as unavailable:
        log.info("result_not_read_again", error=str(unavailable))
        pause = LOOK_AGAIN
    wait_batch(batch, str(error), pause=pause)


def _settle_unclear(result: Result) -> None:
    """Whom an event of somebody else's transaction has paid is PAID; for the others the cause is probed."""
    batch, call = result.batch, result.call
    contract = batch.distribution.asset.payout_contract
    read_events(contract, through=call.consensus_at)
    EVENTS_READ.reach(batch.distribution.uid)
    with transaction.atomic():
        apply_news(batch.distribution)
    if (trouble := not_applied(batch.distribution).get(result.event.place)) is not None:
        wait_batch(batch, f"its event is stored and could not be applied: {trouble}", pause=PAUSE_UNEXPECTED)
        return
    unpaid = batch.payments.filter(holder__in=result.failed).exclude(status=Payment.Status.PAID)
    expected = dict(unpaid.values_list("holder", "expected_units"))
    reasons = chain.why_unpaid(contract, expected, block=result.event.block)
    unknown = [holder for holder, reason in reasons.items() if reason.cause == Cause.UNKNOWN]
    succeeded = batch.total - len(result.failed)
    with transaction.atomic():
        if not _end(batch, reasons):
            return
        if unknown and plan_of(batch.distribution).is_sized:
            sizing.resend_unpaid(batch, unknown, succeeded=succeeded)
    SETTLED.reach(batch.distribution.uid)
    if succeeded and not unknown:
        _note_success(result, holders=succeeded)


def _end(batch: Batch, reasons: Mapping[str, Reason]) -> bool:
    """Fails whom no event has paid by now, and ends the batch by what its lines say. False: somebody was first."""
    rows = Batch.objects.select_for_update().filter(pk=batch.pk, status=batch.status)
    if rows.values_list("pk", flat=True).first() is None:
        return False
    _mark_failed(batch, reasons)
    lines = batch.payments.aggregate(
        paid=Count("pk", filter=Q(status=Payment.Status.PAID)),
        failed=Count("pk", filter=Q(status=Payment.Status.FAILED)),
    )
    status = Status.PARTIALLY_COMPLETED if lines["paid"] else Status.FAILED
    return move(
        batch,
        status if lines["failed"] else Status.COMPLETED,
        reason=f"{lines['paid']} paid, {lines['failed']} failed",
        successful=lines["paid"],
        failed=lines["failed"],
        error_text="; ".join(sorted({reason.words for reason in reasons.values()}))
        if lines["failed"]
        else "",
        waiting_reason="",
        settled_at=clock.now(),
    )


def _mark_failed(batch: Batch, reasons: Mapping[str, Reason]) -> None:
    if not reasons:
        return
    rows = [(holder, reason.cause, reason.words) for holder, reason in reasons.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE payouts_payment AS line
               SET status = 'FAILED', failure_cause = news.cause, failure_reason = news.words
              FROM unnest(%s::text[], %s::text[], %s::text[]) AS news(holder, cause, words)
             WHERE line.distribution_id = %s AND line.holder = news.holder
               AND line.batch_id = %s AND line.status = 'PENDING'
            """,
            [*(list(column) for column in zip(*rows, strict=True)), batch.distribution_id, batch.pk],
        )


def fail_batch(batch: Batch, call: ContractTransaction) -> None:
    """The last call ended for good without paying: its holders fail with the chain's reason.

    Whom an event of another transaction paid is PAID all the same. Raises a GatewayError; then nothing moved.
    """
    reason = Reason(Cause.CALL_FAILED, call.error_text or call.error_class)
    contract = batch.distribution.asset.payout_contract
    if call.consensus_at:
        read_events(contract, through=call.consensus_at, has_log=False)
    else:
        read_visible(contract)
    EVENTS_READ.reach(batch.distribution.uid)
    with transaction.atomic():
        apply_news(batch.distribution)
    with transaction.atomic():
        has_ended = _end(batch, dict.fromkeys(batch.holders, reason))
    if has_ended:
        BATCH_FAILED.reach(batch.distribution.uid)
        finish_distribution(batch.distribution)
