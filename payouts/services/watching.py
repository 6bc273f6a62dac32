"""What payouts tells and hears about its transactions: the gates, and the handler of every arrow."""

from contracts.doorbell import ring
from contracts.models import Contract, ContractTransaction, Hold
from contracts.services.holds import lift_own, place_hold
from payouts.models import Batch, Distribution
from payouts.services.holding import words
from payouts.services.showing import transactions_of

Status = ContractTransaction.Status
# Refusals that a person or the chain must mend first; pre-flight lifts the hold when it is mended.
HOLDS: dict[str, str] = {
    "CUSTODY_REFUSED": Hold.Cause.CUSTODY,
    "LifeCycleCashFlowIsPaused": Hold.Cause.PREFLIGHT,
    "AccountHasNoRole": Hold.Cause.PREFLIGHT,
    "INSUFFICIENT_PAYER_BALANCE": Hold.Cause.PREFLIGHT,
    "INSUFFICIENT_TX_FEE": Hold.Cause.PREFLIGHT,
}


def distribution_of(row: ContractTransaction) -> Distribution:
    noun, _, uid = row.subject.partition(":")
    if noun == "snapshot":
        return Distribution.objects.select_related("asset__payout_contract", "asset__backing_contract").get(
            uid=uid
        )
    batches = Batch.objects.select_related(
        "distribution__asset__payout_contract", "distribution__asset__backing_contract"
    )
    return batches.get(uid=uid).distribution


def why_not_snapshot(row: ContractTransaction) -> str | None:
    return _why_not(distribution_of(row), needed=Distribution.Status.PLANNING)


def why_not_batch(row: ContractTransaction) -> str | None:
    return _why_not(distribution_of(row), needed=Distribution.Status.PROCESSING)


def _why_not(distribution: Distribution, *, needed: str) -> str | None:
    if holds := list(Hold.objects.covering(distribution.hold_scopes)):
        return f"held: {words(holds)}"
    if distribution.status != needed:
        return f"the distribution is {distribution.status}: {distribution.status_reason or 'it must be ' + needed}"
    asset = distribution.asset
    for contract in (asset.payout_contract, asset.backing_contract):
        if contract and contract.status in (Contract.Status.BLOCKED, Contract.Status.PAUSED):
            return f"the contract {contract.label} is {contract.status}"
    return None


def on_snapshot_arrow(row: ContractTransaction, arrow: str) -> None:
    distribution = distribution_of(row)
    _follow_custody(row, arrow, distribution)
    if arrow in (Status.SUCCEEDED, Status.FAILED, Status.EXPIRED):
        ring("payouts.advance_distribution", distribution.pk)


def on_batch_arrow(row: ContractTransaction, arrow: str) -> None:
    distribution = distribution_of(row)
    _follow_custody(row, arrow, distribution)
    if arrow in (Status.SUCCEEDED, Status.FAILED, Status.EXPIRED):
        ring("payouts.pay_batch", Batch.objects.get(uid=row.subject.partition(":")[2]).pk)


def _follow_custody(row: ContractTransaction, arrow: str, distribution: Distribution) -> None:
    """HELD while custody waits; released when the signature has come, and by nobody but an operator after expiry."""
    if arrow == "WAITING":
        _hold(distribution, Hold.Cause.CUSTODY, _waits(row))
    elif arrow == Status.SIGNED and row.custody_waiting_since is not None:
        _approved(row, distribution)
    elif arrow == Status.EXPIRED and row.custody_waiting_since is not None:
        late = f"custody's approval of {row.transaction_id} came too late or not at all; lift this hold to ask again"
        _hold(distribution, Hold.Cause.CUSTODY, late)
    elif arrow == Status.FAILED and row.error_class in HOLDS:
        _hold(distribution, HOLDS[row.error_class], row.error_text)


def _waits(row: ContractTransaction) -> str:
    return f"custody waits for approval of {row.transaction_id}; approve it there"


def _approved(row: ContractTransaction, distribution: Distribution) -> None:
    """Lifts the hold if it is about this very call: what custody refused or approved too late stays held."""
    scope, uid, cause = Hold.Scope.DISTRIBUTION, distribution.uid, Hold.Cause.CUSTODY
    if not Hold.objects.open().filter(scope=scope, object_uid=uid, cause=cause, reason=_waits(row)).exists():
        return
    waiting = transactions_of(distribution).filter(status=Status.PLANNED, custody_waiting_since__isnull=False)
    if other := waiting.exclude(pk=row.pk).first():
        _hold(distribution, cause, _waits(other))
    else:
        lift_own(scope=scope, object_uid=uid, cause=cause, reason="custody has signed")


def _hold(distribution: Distribution, cause: str, reason: str) -> None:
    place_hold(scope=Hold.Scope.DISTRIBUTION, object_uid=distribution.uid, cause=cause, reason=reason)
