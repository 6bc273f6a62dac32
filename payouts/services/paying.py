"""One batch, one call at a time, followed until the chain says how it ended. The feeder plans the first call."""

from datetime import timedelta

import structlog
from django.db import transaction
from structlog.contextvars import bound_contextvars

from contracts import clock
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.gateways.errors import GatewayError
from contracts.leases import lease
from contracts.models import ContractTransaction, Hold
from contracts.services.planning import AlreadyOpen, Call, Waiting, plan_transaction
from payouts.models import Batch
from payouts.services import errors, sizing, splitting
from payouts.services.holding import hold_distribution
from payouts.services.kinds import plan_of
from payouts.services.settling import fail_batch
from payouts.services.waiting import wait_batch

BATCH_PLANNED = fault_point("batch.planned", scenario="payout")
BATCH_PURPOSE = "batch"
MOST_ATTEMPTS = 10
LONGEST_PAUSE_SECONDS = 60
log = structlog.get_logger(__name__)

Status = ContractTransaction.Status


def pay_batch(pk: int) -> None:
    """Follows a batch's call: planned again, cut, failed for good, or rung for where its success is settled."""
    with lease(Batch, pk) as batch:
        if batch is None or batch.status not in (Batch.Status.PENDING, Batch.Status.PROCESSING):
            return
        with bound_contextvars(distribution=batch.distribution.uid, batch=batch.uid):
            _take_step(batch)


def _take_step(batch: Batch) -> None:
    try:
        _step(batch)
    except GatewayError as error:
        wait_batch(batch, f"the chain could not be asked: {error}")
    except Exception as error:
        log.exception("unexpected_error")
        words = f"unexpected error, see the log of batch {batch.uid}: {type(error).__name__}: {error}"
        wait_batch(batch, words, pause=timedelta(minutes=1))


def _step(batch: Batch) -> None:
    if batch.status == Batch.Status.PENDING:
        ring("payouts.feed", batch.distribution.asset.payout_contract.wallet_id)
        return
    latest = ContractTransaction.objects.of(batch.subject).last()
    if latest is None:
        plan_batch(batch)
    elif latest.is_open:
        wait_batch(batch, latest.waiting_reason)
    elif latest.status == Status.SUCCEEDED:
        ring("payouts.settle", batch.distribution_id)
    elif not plan_of(batch.distribution).is_sized and _is_about_a_holder(latest):
        _isolate(batch, latest)
    elif sizing.is_too_large(latest):
        _make_room(batch, latest)
    elif errors.may_come_again(latest.error_class):
        _plan_again(batch, latest)
    else:
        _fail(batch, latest)


def _fail(batch: Batch, latest: ContractTransaction) -> None:
    """While the size of calls is searched for, the next one has waited for this one's end."""
    fail_batch(batch, latest)
    ring("payouts.feed", batch.distribution.asset.payout_contract.wallet_id)


def _is_about_a_holder(latest: ContractTransaction) -> bool:
    return sizing.is_too_large(latest) or not errors.may_come_again(latest.error_class)


def _isolate(batch: Batch, latest: ContractTransaction) -> None:
    """One holder took the whole call back: halves are tried until that one stands alone."""
    if batch.total == 1:
        _fail(batch, latest)
        return
    splitting.cut(batch, (batch.total + 1) // 2)
    ring("payouts.feed", batch.distribution.asset.payout_contract.wallet_id)


def _make_room(batch: Batch, latest: ContractTransaction) -> None:
    """More gas or fewer holders. Where one alone does not fit, either it is he who cannot be paid, or nobody can."""
    contract = batch.distribution.asset.payout_contract
    if batch.total > 1 or sizing.may_have_more_gas(latest):
        sizing.on_too_large(batch, latest)
        if batch.status == Batch.Status.PROCESSING:
            plan_batch(batch)
    elif sizing.has_paid_anybody(contract):
        _fail(batch, latest)
        sizing.forget_failures(contract)
    elif _operator_looked_since(batch, latest):
        plan_batch(batch)
    else:
        words = f"not even one holder fits into a call of {contract.label}: {latest.error_text}"
        _wait_for_operator(batch, f"{words}; ask who runs the contract, then lift this hold to try again")


def _plan_again(batch: Batch, latest: ContractTransaction) -> None:
    """The second attempt follows at once, later ones after a growing pause: signatures are scarce."""
    if latest.attempt % MOST_ATTEMPTS == 0 and not _operator_looked_since(batch, latest):
        words = f"{batch} was tried {latest.attempt} times: {latest.error_text}; lift this hold to try again"
        _wait_for_operator(batch, words)
        return
    seconds = min(2 ** min(latest.attempt - 1, 10) - 1, LONGEST_PAUSE_SECONDS)
    left = (latest.resolved_at or clock.now()) + timedelta(seconds=seconds) - clock.now()
    if left > timedelta(0):
        wait_batch(batch, f"attempt {latest.attempt} ended: {latest.error_text}; another follows", pause=left)
    else:
        plan_batch(batch)


def _wait_for_operator(batch: Batch, words: str) -> None:
    hold_distribution(batch.distribution, cause=Hold.Cause.PREFLIGHT, reason=words, needs_operator=True)
    wait_batch(batch, words)


def _operator_looked_since(batch: Batch, latest: ContractTransaction) -> bool:
    lifted = Hold.objects.filter(object_uid=batch.distribution.uid, lifted_at__gt=latest.resolved_at)
    return lifted.filter(needs_operator=True).exists()


def plan_batch(batch: Batch) -> None:
    """Plans another call of a PROCESSING batch; while a gate is closed it waits."""
    distribution = batch.distribution
    contract = distribution.asset.payout_contract
    try:
        with transaction.atomic():
            # This locks its row, so nobody cuts it in between.
            processing = Batch.objects.filter(pk=batch.pk, status=Batch.Status.PROCESSING)
            if not processing.update(waiting_reason=""):
                return
            plan_transaction(
                wallet=contract.wallet,
                contract=contract,
                call=call_for(batch),
                purpose=BATCH_PURPOSE,
                subject=batch.subject,
                group_uid=distribution.uid,
                has_guard=plan_of(distribution).has_guard,
            )
    except (Waiting, AlreadyOpen) as error:
        wait_batch(batch, str(error))
    else:
        BATCH_PLANNED.reach(distribution.uid)


def call_for(batch: Batch) -> Call:
    """The call that pays a batch's holders, with the gas it is known to need."""
    return plan_of(batch.distribution).call(batch)
