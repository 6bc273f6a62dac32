"""What payouts tells and hears about its transactions: the gates, and the handler of every arrow."""

from typing import NamedTuple

from django.db import connection

from contracts import clock
from contracts.doorbell import ring, ring_soon
from contracts.models import Contract, ContractTransaction, Hold
from contracts.services.holds import lift_own, place_hold
from contracts.transitions import move
from payouts.models import Batch, Distribution
from payouts.services import errors
from payouts.services.holding import words

Status = ContractTransaction.Status
ENDED = (Status.SUCCEEDED, Status.FAILED, Status.EXPIRED)


def why_not_snapshot(row: ContractTransaction) -> str | None:
    return _why_not(row, needed=Distribution.Status.PLANNING)


def why_not_batch(row: ContractTransaction) -> str | None:
    return _why_not(row, needed=Distribution.Status.PROCESSING)


def _why_not(row: ContractTransaction, *, needed: str) -> str | None:
    """Holds of custody stop what is still to be signed, not what custody has signed already."""
    state = _read_state(row.group_uid)
    if state.has_holds and (reason := _why_held(row)):
        return reason
    is_held = state.status == Distribution.Status.HELD
    status = state.status_before_hold if state.has_holds and is_held else state.status
    if status != needed:
        return f"the distribution is {status}: {state.status_reason or 'it must be ' + needed}"
    return state.why_not_contracts()


def _why_held(row: ContractTransaction) -> str | None:
    rows = Distribution.objects.select_related("asset__payout_contract", "asset__backing_contract")
    holds = Hold.objects.covering(rows.get(uid=row.group_uid).hold_scopes)
    stopping = [hold for hold in holds if hold.cause != Hold.Cause.CUSTODY or row.status != Status.SIGNED]
    return f"held: {words(stopping)}" if stopping else None


class _State(NamedTuple):
    """What decides about a distribution's calls; the statuses and labels are of its contracts."""

    status: str
    status_reason: str
    status_before_hold: str
    payout_label: str
    payout_status: str
    backing_label: str | None
    backing_status: str | None
    has_holds: bool

    def why_not_contracts(self) -> str | None:
        pairs = ((self.payout_label, self.payout_status), (self.backing_label, self.backing_status))
        stopped = (Contract.Status.BLOCKED, Contract.Status.PAUSED)
        return next(
            (f"the contract {label} is {status}" for label, status in pairs if status in stopped), None
        )


def _read_state(uid: str) -> _State:
    """In SQL, because it is asked three times for every call and the ORM takes longer to spell it than to run it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT run.status, run.status_reason, run.status_before_hold,
                   payout.label, payout.status, backing.label, backing.status,
                   EXISTS (
                       SELECT FROM contracts_hold AS hold
                        WHERE hold.lifted_at IS NULL
                          AND (hold.scope, hold.object_uid) IN (
                              ('GLOBAL', ''), ('ASSET', asset.uid), ('DISTRIBUTION', run.uid),
                              ('CONTRACT', payout.uid), ('CONTRACT', backing.uid)
                          )
                   )
              FROM payouts_distribution AS run
              JOIN contracts_asset AS asset ON asset.id = run.asset_id
              JOIN contracts_contract AS payout ON payout.id = asset.payout_contract_id
              LEFT JOIN contracts_contract AS backing ON backing.id = asset.backing_contract_id
             WHERE run.uid = %s
            """,
            [uid],
        )
        return _State(*cursor.fetchone())


def on_snapshot_arrow(row: ContractTransaction, arrow: str) -> None:
    _follow_custody(row, arrow)
    if arrow in ENDED:
        distribution = Distribution.objects.filter(uid=row.group_uid).values_list("pk", flat=True).get()
        ring("payouts.advance_distribution", distribution)


def on_batch_arrow(row: ContractTransaction, arrow: str) -> None:
    _follow_custody(row, arrow)
    if arrow == Status.SUBMITTED and row.adopted_at is not None:
        _take_up(row)
    if arrow in ENDED:
        _go_on(row.subject.partition(":")[2], has_succeeded=arrow == Status.SUCCEEDED)
    elif arrow == Status.SUBMITTED:
        ring_soon("payouts.feed", row.wallet_id)


def _go_on(uid: str, *, has_succeeded: bool) -> None:
    """Successes are settled many at once, everything else is the batch's own affair."""
    rows = Batch.objects.filter(uid=uid)
    batch, distribution, waiting = rows.values_list("pk", "distribution_id", "waiting_reason").get()
    if not has_succeeded:
        ring("payouts.pay_batch", batch)
        return
    if waiting:  # for its call; now there is nothing to wait for
        rows.update(next_attempt_at=clock.now())
    ring_soon("payouts.settle", distribution)


def _take_up(row: ContractTransaction) -> None:
    """The batch of a call that was found on chain: this database had not planned it yet."""
    batch = Batch.objects.filter(uid=row.subject.partition(":")[2], status=Batch.Status.PENDING).first()
    if batch is not None:
        move(batch, Batch.Status.PROCESSING, reason="its call was found on chain", waiting_reason="")


def _follow_custody(row: ContractTransaction, arrow: str) -> None:
    """HELD while custody waits; released when all have been signed, and by an operator alone after a refusal."""
    if arrow == "WAITING":
        _hold(
            row, Hold.Cause.CUSTODY, f"custody waits for approval of {row.transaction_id}; approve it there"
        )
    elif arrow == Status.SIGNED and row.custody_waiting_since is not None:
        _approved(row)
    elif (
        arrow == Status.EXPIRED and row.custody_waiting_since is not None and row.broadcast_started_at is None
    ):
        late = f"custody's approval of {row.transaction_id} came too late or not at all; lift this hold to ask again"
        _hold(row, Hold.Cause.CUSTODY, late, needs_operator=True)
    elif arrow == Status.FAILED:
        _hold_if_refused(row)


def _hold_if_refused(row: ContractTransaction) -> None:
    """Pre-flight lifts the one kind of hold when the cause is mended, only a person the other."""
    decision, cause = errors.decide(row.error_class), errors.cause_of_hold(row.error_class)
    if decision == errors.Decision.HOLD:
        _hold(row, cause, row.error_text)
    elif decision == errors.Decision.ASK:
        _hold(row, cause, f"{row.error_text}; lift this hold to try again", needs_operator=True)


def _approved(row: ContractTransaction) -> None:
    """Lifts the hold with the last approval. The lock makes two approvals at the same moment see each other."""
    scope, uid, cause = Hold.Scope.DISTRIBUTION, row.group_uid, Hold.Cause.CUSTODY
    list(Hold.objects.open().filter(scope=scope, object_uid=uid, cause=cause).select_for_update())
    waiting = ContractTransaction.objects.filter(
        group_uid=uid, status=Status.PLANNED, custody_waiting_since__isnull=False
    )
    if not waiting.exclude(pk=row.pk).exists():
        lift_own(scope=scope, object_uid=uid, cause=cause, reason="custody has signed")


def _hold(row: ContractTransaction, cause: str, reason: str, *, needs_operator: bool = False) -> None:
    """A cancelled run sends nothing any more, so nobody would have a reason to lift a hold on it."""
    if Distribution.objects.filter(uid=row.group_uid, status=Distribution.Status.CANCELLED).exists():
        return
    place_hold(
        scope=Hold.Scope.DISTRIBUTION,
        object_uid=row.group_uid,
        cause=cause,
        reason=reason,
        needs_operator=needs_operator,
    )
