"""One batch, one call at a time: planned, then followed until the chain says how it ended."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from structlog.contextvars import bound_contextvars

from contracts import clock
from contracts.faults import fault_point
from contracts.gateways.errors import GatewayError
from contracts.leases import lease
from contracts.models import ContractTransaction, Hold
from contracts.services.planning import AlreadyOpen, Call, Waiting, plan_transaction
from contracts.services.resolving import read_result_again
from contracts.transitions import move
from payouts.models import Batch
from payouts.services.holding import hold_distribution
from payouts.services.settling import SettlementMismatch, fail_batch, settle

BATCH_PLANNED = fault_point("batch.planned", scenario="payout")
BATCH_PURPOSE = "batch"
MOST_GAS = 15_000_000
MOST_ATTEMPTS = 10
PAUSE = timedelta(seconds=5)
LONGEST_PAUSE_SECONDS = 60
log = structlog.get_logger(__name__)

Status = ContractTransaction.Status
# The chain or custody refused without touching a holder; the same call may go through later.
AGAIN = frozenset(
    {
        "CUSTODY_REFUSED",
        "LifeCycleCashFlowIsPaused",
        "AccountHasNoRole",
        "INSUFFICIENT_PAYER_BALANCE",
        "INSUFFICIENT_TX_FEE",
        "CONSENSUS_GAS_EXHAUSTED",
        "THROTTLED_AT_CONSENSUS",
        "TRANSACTION_EXPIRED",
        "INVALID_TRANSACTION_START",
        "EXPIRED",
    }
)


def pay_batch(pk: int) -> None:
    """Plans the batch's call, or settles what the chain has decided about it."""
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
    latest = ContractTransaction.objects.of(batch.subject).last()
    if latest is None:
        _plan(batch)
    elif latest.status in (Status.FAILED, Status.EXPIRED) and is_worth_another(latest):
        _plan_again(batch, latest)
    elif latest.status in (Status.FAILED, Status.EXPIRED):
        fail_batch(batch, latest)
    elif latest.status == Status.SUCCEEDED:
        _settle(batch, latest)
    else:
        wait_batch(batch, latest.waiting_reason)


def _settle(batch: Batch, call: ContractTransaction) -> None:
    """An incomplete answer of the mirror node looks like a wrong one, so a mismatch is read once more."""
    try:
        settle(batch, call)
    except SettlementMismatch as error:
        pause = PAUSE if read_result_again(call) else timedelta(minutes=1)
        wait_batch(batch, str(error), pause=pause)


def is_worth_another(latest: ContractTransaction) -> bool:
    return latest.error_class in AGAIN


def _plan_again(batch: Batch, latest: ContractTransaction) -> None:
    """The second attempt follows at once, later ones after a growing pause: signatures are scarce."""
    if latest.attempt % MOST_ATTEMPTS == 0 and not _operator_looked_since(batch, latest):
        words = f"{batch} was tried {latest.attempt} times: {latest.error_text}; lift this hold to try again"
        cause = Hold.Cause.PREFLIGHT
        hold_distribution(batch.distribution, cause=cause, reason=words, needs_operator=True)
        wait_batch(batch, words)
        return
    seconds = min(2 ** min(latest.attempt - 1, 10) - 1, LONGEST_PAUSE_SECONDS)
    left = (latest.resolved_at or clock.now()) + timedelta(seconds=seconds) - clock.now()
    if left > timedelta(0):
        wait_batch(batch, f"attempt {latest.attempt} ended: {latest.error_text}; another follows", pause=left)
    else:
        _plan(batch)


def _operator_looked_since(batch: Batch, latest: ContractTransaction) -> bool:
    lifted = Hold.objects.filter(object_uid=batch.distribution.uid, lifted_at__gt=latest.resolved_at)
    return lifted.filter(needs_operator=True).exists()


def _plan(batch: Batch) -> None:
    """PROCESSING and the planned transaction are one commit; a closed gate undoes both."""
    distribution = batch.distribution
    contract = distribution.asset.payout_contract
    try:
        with transaction.atomic():
            if batch.status == Batch.Status.PENDING and not move(
                batch, Batch.Status.PROCESSING, waiting_reason=""
            ):
                return
            plan_transaction(
                wallet=contract.wallet,
                contract=contract,
                call=_call(batch),
                purpose=BATCH_PURPOSE,
                subject=batch.subject,
                group_uid=distribution.uid,
                has_guard=True,
            )
    except (Waiting, AlreadyOpen) as error:
        batch.refresh_from_db()
        wait_batch(batch, str(error))
    else:
        BATCH_PLANNED.reach(distribution.uid)


def _call(batch: Batch) -> Call:
    distribution = batch.distribution
    contract = distribution.asset.payout_contract
    gas = settings.HEDERA_GAS_BASE + settings.HEDERA_GAS_PER_HOLDER * batch.total
    return Call(
        target=contract.address,
        interface=f"lccf/{contract.interface_version}",
        function="executeAmountSnapshotByAddresses",
        arguments=[
            distribution.asset.evm_address,
            int(distribution.snapshot_id or 0),
            list(batch.holders),
            int(distribution.pool_units or 0),
        ],
        gas_limit=min(gas, MOST_GAS),
    )


def wait_batch(batch: Batch, reason: str, *, pause: timedelta = PAUSE) -> None:
    Batch.objects.filter(pk=batch.pk).update(waiting_reason=reason, next_attempt_at=clock.now() + pause)
