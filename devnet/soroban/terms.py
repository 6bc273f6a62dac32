"""The investment contract's sums: how money is split, what an instalment is, and which claims are due next.

All of it in raw token units and in integer division, as the deployed code does it, its known flaws included.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DAY = 86_400
PERIOD = 30 * DAY
HORIZON = 7 * DAY
REVERSE_LOAN, COUPON = 1, 2
_WAD_DECIMALS = 18
_RESERVE_PERCENT = 5
_FIRST_TOKENS, _STEP_TOKENS, _LEAST, _MOST = 100, 400, 10, 60


@dataclass(frozen=True, slots=True)
class Split:
    """Of one investment. Up to 2 units may stay unbooked: each part is truncated by itself."""

    commission: int
    reserve: int
    project: int

    @property
    def deposited(self) -> int:
        return self.project + self.reserve


def split(amount: int, i_rate: int, decimals: int) -> Split:
    """`i_rate` in basis points."""
    scale = 10 ** (_WAD_DECIMALS - decimals)
    wad = amount * scale
    commission = wad * i_rate // (divisor(amount, decimals) * 10_000)
    reserve = wad * _RESERVE_PERCENT // 100
    project = wad - commission - reserve
    return Split(commission // scale, reserve // scale, project // scale)


def divisor(amount: int, decimals: int) -> int:
    """The cap looks at the step and not at the result, so it climbs to 70 before it falls to 60."""
    tokens = amount // 10**decimals
    if tokens <= _FIRST_TOKENS:
        return _LEAST
    step = (tokens - _FIRST_TOKENS) // _STEP_TOKENS
    return _MOST if step > _MOST else _LEAST + step


def interest(deposited: int, i_rate: int) -> int:
    """Flat, for the whole term."""
    return deposited * i_rate // 10_000


def instalment(deposited: int, i_rate: int, months: int, return_type: int) -> int:
    """What is paid each month; the remainder of the division is never paid."""
    whole = interest(deposited, i_rate)
    return (whole if return_type == COUPON else deposited + whole) // months


def is_claim_next(next_transfer_ts: int, now: int) -> bool:
    """There is no lower bound: what is finished or long overdue counts for ever."""
    return next_transfer_ts <= now + HORIZON


def shortfall(claims: Iterable[Mapping[str, Any]], reserve: int, now: int) -> int:
    """What check_reserve_balance answers: all that is needed beyond the reserve, else 0."""
    need = sum(claim["amount_to_pay"] for claim in claims if is_claim_next(claim["next_transfer_ts"], now))
    return need - reserve if need > 0 and reserve < need else 0
