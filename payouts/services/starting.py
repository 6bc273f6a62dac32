"""The claim: of all who want to start a distribution, one does."""

from django.db import transaction

from contracts import clock
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.transitions import move
from payouts.models import Distribution
from payouts.services.cancelled import why_cancelled
from payouts.services.holding import align
from payouts.services.times import shown

Status = Distribution.Status
CLAIMED = fault_point("distribution.claimed", scenario="payout")


class AlreadyStarted(Exception):
    """Somebody else started it; says by whom and when."""


class NotStartable(Exception):
    """Its status does not allow a start; says what would."""


def execute_distribution(distribution: Distribution, *, by: str, reason: str = "") -> None:
    """PENDING to PLANNING by compare-and-set. Raises AlreadyStarted or NotStartable."""
    if reason_against := why_cancelled(distribution) or _why_too_early(distribution):
        raise NotStartable(reason_against)
    with transaction.atomic():
        if distribution.status != Status.PENDING or not move(
            distribution,
            Status.PLANNING,
            by=by,
            reason=reason,
            started_by=by,
            started_at=clock.now(),
            status_reason="",
            next_attempt_at=clock.now(),
        ):
            distribution.refresh_from_db()
            raise _why_not(distribution)
        align(distribution)
        ring("payouts.advance_distribution", distribution.pk)
    CLAIMED.reach(distribution.uid)


def _why_too_early(distribution: Distribution) -> str | None:
    at = distribution.starts_at
    if at is None or at <= clock.now() or distribution.status != Status.PENDING:
        return None
    return (
        f"{distribution.uid} starts by itself at {shown(at, distribution.zone)}; "
        "to pay earlier, cancel it and create another one"
    )


def _why_not(distribution: Distribution) -> Exception:
    if distribution.started_at:
        return AlreadyStarted(
            f"{distribution.uid} was started by {distribution.started_by} at "
            f"{distribution.started_at:%Y-%m-%d %H:%M:%S} UTC and is {distribution.status}"
        )
    return NotStartable(
        f"{distribution.uid} is {distribution.status}; only a PENDING distribution can be started"
    )
