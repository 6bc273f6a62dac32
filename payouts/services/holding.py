"""HELD follows the holds: a distribution under an open hold is HELD, and returns when the last is lifted."""

from django.db import transaction
from django.db.models import Q

from contracts import clock
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.models import Hold
from contracts.services.holds import place_hold
from contracts.transitions import move
from payouts.models import ACTIVE, Distribution

Status = Distribution.Status
HELD = fault_point("distribution.held", scenario="shortfall")
RELEASED = fault_point("distribution.released", scenario="shortfall")


def on_hold_changed(hold: Hold) -> None:
    """Told by the app below, in the transaction that opened or lifted the hold."""
    stoppable = Q(status__in=ACTIVE) | Q(status=Status.HELD)
    covered = Distribution.objects.covered_by(hold).filter(stoppable).select_related("asset")
    for distribution in covered.order_by("pk"):  # two holds at once take them in the same order
        align(distribution)


def align(distribution: Distribution) -> None:
    """Brings the status in line with the open holds. Safe to call at any time, by anybody."""
    holds = list(Hold.objects.covering(distribution.hold_scopes))
    if holds and distribution.status in ACTIVE:
        _hold(distribution, holds)
    elif holds and distribution.status == Status.HELD:
        Distribution.objects.filter(pk=distribution.pk, status=Status.HELD).update(status_reason=words(holds))
    elif not holds and distribution.status == Status.HELD:
        _release(distribution)


def words(holds: list[Hold]) -> str:
    return "; ".join(hold.reason for hold in holds)


def hold_distribution(
    distribution: Distribution, *, cause: str, reason: str, needs_operator: bool = False
) -> None:
    """Code's own hold on one distribution."""
    place_hold(
        scope=Hold.Scope.DISTRIBUTION,
        object_uid=distribution.uid,
        cause=cause,
        reason=reason,
        needs_operator=needs_operator,
    )


def _hold(distribution: Distribution, holds: list[Hold]) -> None:
    reason = words(holds)
    moved = move(
        distribution, Status.HELD, reason=reason, status_reason=reason, status_before_hold=distribution.status
    )
    if moved:
        uid = distribution.uid
        transaction.on_commit(lambda: HELD.reach(uid))


def _release(distribution: Distribution) -> None:
    now = clock.now()
    moved = move(
        distribution,
        distribution.status_before_hold,
        reason="the last hold was lifted",
        status_reason="",
        next_attempt_at=now,
    )
    if not moved:
        return
    distribution.batches.open().update(next_attempt_at=now)
    ring("payouts.wake_distribution", distribution.pk)
    uid = distribution.uid
    transaction.on_commit(lambda: RELEASED.reach(uid))
