"""What becomes of a payout's call that was refused. The table is ``contracts.refusals``.

A class that is not in it is FAIL: its holders are told as FAILED with the chain's words, and a retry asks again.
"""

from contracts.models import Hold
from contracts.refusals import DECISIONS, Decision
from payouts.services.sizing import TOO_LARGE

__all__ = ["DECISIONS", "Decision", "cause_of_hold", "decide", "may_come_again"]


def decide(error_class: str) -> Decision:
    """What follows on this class of error. Calls that are too large are cut instead, see ``sizing.is_too_large``."""
    return Decision.RETRY if error_class in TOO_LARGE else DECISIONS.get(error_class, Decision.FAIL)


def may_come_again(error_class: str) -> bool:
    """It was refused without touching a holder, and the same call may go through later."""
    return decide(error_class) != Decision.FAIL


def cause_of_hold(error_class: str) -> str:
    """The cause of the hold that HOLD and ASK place."""
    return Hold.Cause.CUSTODY if error_class == "CUSTODY_REFUSED" else Hold.Cause.PREFLIGHT
