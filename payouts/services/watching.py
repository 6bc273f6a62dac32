"""What payouts tells and hears about its transactions: the gates, and the handler of every arrow."""

from contracts.doorbell import ring
from contracts.models import Contract, ContractTransaction, Hold
from contracts.services.holds import lift_own, place_hold
from payouts.models import Batch, Distribution
from payouts.services.holding import words

Status = ContractTransaction.Status
# Refusals that pre-flight sees as well: it lifts the hold when they are mended.
HOLDS = frozenset({"LifeCycleCashFlowIsPaused", "AccountHasNoRole", "INSUFFICIENT_PAYER_BALANCE"})
# Refusals that only a person can judge.
HOLDS_FOR_AN_OPERATOR: dict[str, str] = {
    "CUSTODY_REFUSED": Hold.Cause.CUSTODY,
    "INSUFFICIENT_TX_FEE": Hold.Cause.PREFLIGHT,
}


def distribution_of(row: ContractTransaction) -> Distribution:
    rows = Distribution.objects.select_related("asset__payout_contract", "asset__backing_contract")
    return rows.get(uid=row.group_uid)


def why_not_snapshot(row: ContractTransaction) -> str | None:
    return _why_not(row, needed=Distribution.Status.PLANNING)


def why_not_batch(row: ContractTransaction) -> str | None:
    return _why_not(row, needed=Distribution.Status.PROCESSING)


def _why_not(row: ContractTransaction, *, needed: str) -> str | None:
    """Holds of custody stop what is still to be signed, not what custody has signed already."""
    distribution = distribution_of(row)
    holds = list(Hold.objects.covering(distribution.hold_scopes))
    stopping = [hold for hold in holds if hold.cause != Hold.Cause.CUSTODY or row.status != Status.SIGNED]
    if stopping:
        return f"held: {words(stopping)}"
    status = distribution.status_before_hold if holds and distribution.is_held else distribution.status
    if status != needed:
        return f"the distribution is {status}: {distribution.status_reason or 'it must be ' + needed}"
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
    """HELD while custody waits; released when all have been signed, and by an operator alone after a refusal."""
    if arrow == "WAITING":
        _hold(
            distribution,
            Hold.Cause.CUSTODY,
            f"custody waits for approval of {row.transaction_id}; approve it there",
        )
    elif arrow == Status.SIGNED and row.custody_waiting_since is not None:
        _approved(row, distribution)
    elif (
        arrow == Status.EXPIRED and row.custody_waiting_since is not None and row.broadcast_started_at is None
    ):
        late = f"custody's approval of {row.transaction_id} came too late or not at all; lift this hold to ask again"
        _hold(distribution, Hold.Cause.CUSTODY, late, needs_operator=True)
    elif arrow == Status.FAILED and row.error_class in HOLDS:
        _hold(distribution, Hold.Cause.PREFLIGHT, row.error_text)
    elif arrow == Status.FAILED and row.error_class in HOLDS_FOR_AN_OPERATOR:
        words = f"{row.error_text}; lift this hold to try again"
        _hold(distribution, HOLDS_FOR_AN_OPERATOR[row.error_class], words, needs_operator=True)


def _approved(row: ContractTransaction, distribution: Distribution) -> None:
    """Lifts the hold with the last approval. The lock makes two approvals at the same moment see each other."""
    scope, uid, cause = Hold.Scope.DISTRIBUTION, distribution.uid, Hold.Cause.CUSTODY
    list(Hold.objects.open().filter(scope=scope, object_uid=uid, cause=cause).select_for_update())
    waiting = ContractTransaction.objects.filter(
        group_uid=uid, status=Status.PLANNED, custody_waiting_since__isnull=False
    )
    if not waiting.exclude(pk=row.pk).exists():
        lift_own(scope=scope, object_uid=uid, cause=cause, reason="custody has signed")


def _hold(distribution: Distribution, cause: str, reason: str, *, needs_operator: bool = False) -> None:
    place_hold(
        scope=Hold.Scope.DISTRIBUTION,
        object_uid=distribution.uid,
        cause=cause,
        reason=reason,
        needs_operator=needs_operator,
    )
