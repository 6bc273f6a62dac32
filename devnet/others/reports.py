"""Reports of a payout tool that works elsewhere, as the contract PayoutReporter takes them."""

from collections.abc import Sequence
from typing import Any

# In the order of the contract's `Kind`.
KINDS = ("DistributionExecuted", "PayoutCompleted", "HolderBalanceUpdated")
Report = Sequence[Any]
_WORD_DIGITS = 64


def as_arguments(report: Report) -> list[Any]:
    """A report as the contract's struct; raises ValueError for what is none.

    A report is `[event, bytes32 as 0x hex, number, number]`, for HolderBalanceUpdated `[event, holder's EVM
    address, units]`.
    """
    event, subject, *numbers = report
    if event not in KINDS:
        raise ValueError(f"there is no report {event!r}; there are: {', '.join(KINDS)}")
    wanted = 1 if event == "HolderBalanceUpdated" else 2
    if len(numbers) != wanted:
        raise ValueError(f"{event} takes {wanted} after its subject, not {len(numbers)}")
    first, second = (*numbers, 0)[:2]
    return [KINDS.index(event), _word(subject), first, second]


def _word(text: str) -> str:
    digits = text.removeprefix("0x")
    if len(digits) not in (_WORD_DIGITS, 40):
        raise ValueError(f"a subject is 32 bytes or an EVM address in hex, not {text!r}")
    return "0x" + digits.rjust(_WORD_DIGITS, "0")
