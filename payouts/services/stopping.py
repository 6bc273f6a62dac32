"""Stopping a distribution after what is under way, and letting it go on: a person's hold on it, with its news."""

from contracts.models import ContractTransaction, Hold
from contracts.services.holds import HoldRefused, lift_hold, place_hold
from payouts.amounts import counted
from payouts.models import ACTIVE, Batch, Distribution
from payouts.services.showing import transactions_of

Status = Distribution.Status
STOPPABLE = (Status.PENDING, *ACTIVE, Status.HELD)


def stop_distribution(distribution: Distribution, *, by: str, reason: str) -> str:
    """From now on nothing new is sent; returns what still comes to its end. Raises HoldRefused."""
    distribution.refresh_from_db()
    if distribution.status not in STOPPABLE:
        raise HoldRefused(f"it is {distribution.status}: there is nothing to stop")
    place_hold(
        scope=Hold.Scope.DISTRIBUTION,
        object_uid=distribution.uid,
        cause=Hold.Cause.OPERATOR,
        reason=reason,
        by=by,
    )
    return f"Stopped: nothing new is sent. {under_way_words(distribution)}"


def under_way_words(distribution: Distribution) -> str:
    """What a stop does not stop, and what it does."""
    sent = transactions_of(distribution).filter(status=ContractTransaction.Status.SUBMITTED).count()
    waiting = distribution.batches.filter(status=Batch.Status.PENDING).count()
    going = f"{counted(sent, 'call')} on the way to the chain will be settled"
    left = f"{counted(waiting, 'batch', 'batches')} not begun will wait"
    return f"{going if sent else 'Nothing is on the way to the chain'}; {left}."


def resume_distribution(distribution: Distribution, *, by: str, reason: str) -> str:
    """Lifts what people have stopped it by; returns whether it goes on. Raises HoldRefused."""
    own = Hold.objects.open().filter(scope=Hold.Scope.DISTRIBUTION, object_uid=distribution.uid)
    holds = list(own.filter(cause=Hold.Cause.OPERATOR))
    if not holds:
        raise HoldRefused("nobody has stopped it, so there is nothing to resume")
    for hold in holds:
        lift_hold(hold, reason=reason, by=by)
    distribution.refresh_from_db()
    if distribution.status == Status.HELD:
        return f"It stays held: {distribution.status_reason}"
    return "It goes on."
