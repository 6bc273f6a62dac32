"""The sums of Paydate's own investment contract, in raw token units and in integer division as its code does them."""

from collections.abc import Callable, Mapping
from typing import Any

from stellar_sdk import scval, xdr

from devnet.soroban.host import failure, i128
from devnet.soroban.params import ACTIVE
from devnet.soroban.terms import COUPON, DAY, PERIOD, REVERSE_LOAN, Split

MOST_RATE, MOST_MONTHS, MOST_BLOCK_DAYS = 90_000, 120, 3_660
BLOCKED, CLAIMABLE, CASH_FLOWING, FINISHED = 1, 2, 4, 5
_WRITERS: Mapping[str, Callable[[int], xdr.SCVal]] = {
    "claim_block_days": scval.to_uint64,
    "goal": i128,
    "min_per_investment": i128,
}
_FIRST_TOKENS, _STEP_TOKENS, _LEAST, _MOST = 100, 400, 10, 60


def check(given: Mapping[str, Any]) -> None:
    """The constructor's parameters; raises Trap with the first refusal."""
    wrong = (
        (6, given["i_rate"] == 0),
        (7, given["goal"] <= 0),
        (8, given["return_type"] not in (REVERSE_LOAN, COUPON)),
        (9, given["return_months"] == 0),
        (10, given["min_per_investment"] <= 0),
        (34, given["i_rate"] > MOST_RATE),
        (35, given["return_months"] > MOST_MONTHS),
        (36, given["claim_block_days"] > MOST_BLOCK_DAYS),
    )
    for code, is_wrong in wrong:
        if is_wrong:
            raise failure(code)


def arguments(owner: str, project: str, token: str, given: Mapping[str, int]) -> list[xdr.SCVal]:
    """What the constructor takes; the name of the investments is one for local networks."""
    names = [scval.to_string(text) for text in ("https://example.org", "Investment", "INV")]
    fields = {name: _WRITERS.get(name, scval.to_uint32)(value) for name, value in given.items()}
    return [*map(scval.to_address, (owner, project, token)), *names, scval.to_struct(fields)]


def data(given: Mapping[str, Any], token: str, project: str) -> dict[str, Any]:
    """ContractData as it is stored at first."""
    values = dict(given)
    return values | {
        "interest_rate": values.pop("i_rate"),
        "next_token_id": 1,
        "project_address": project,
        "state": ACTIVE,
        "token": token,
    }


def split(amount: int, i_rate: int, decimals: int) -> Split:
    """The project gets what commission and reserve leave."""
    tokens = amount // 10**decimals
    step = 0 if tokens <= _FIRST_TOKENS else (tokens - _FIRST_TOKENS) // _STEP_TOKENS
    commission = amount * i_rate // (min(_MOST, _LEAST + step) * 10_000)
    reserve = amount * 5 // 100
    return Split(commission, reserve, amount - commission - reserve)


def opened(given: Mapping[str, Any], parts: Split, now: int) -> dict[str, Any]:
    """A new investment; a due date is midnight of its day."""
    interest = parts.deposited * given["interest_rate"] // 10_000
    spread = interest if given["return_type"] == COUPON else parts.deposited + interest
    return {
        "accumulated_interests": interest,
        "claimable_ts": now // DAY * DAY + given["claim_block_days"] * DAY,
        "commission": parts.commission,
        "deposited": parts.deposited,
        "last_transfer_ts": 0,
        "paid": 0,
        "payments_transferred": 0,
        "regular_payment": spread // given["return_months"],
        "status": BLOCKED if given["claim_block_days"] else CLAIMABLE,
        "token_id": given["next_token_id"],
        "total": parts.deposited + interest,
    }


def due_ts(made: Mapping[str, Any], number: int) -> int:
    """When an instalment is due; they count from 1."""
    return int(made["claimable_ts"]) + (number - 1) * PERIOD


def due_count(made: Mapping[str, Any], months: int, now: int) -> int:
    """How many instalments are due and not paid."""
    following = due_ts(made, made["payments_transferred"] + 1)
    left = months - int(made["payments_transferred"])
    return min(left, (now - following) // PERIOD + 1) if left and now >= following else 0


def units_of_next(made: Mapping[str, Any], months: int, count: int) -> int:
    """The last one pays all that is left."""
    if made["payments_transferred"] + count >= months:
        return int(made["total"]) - int(made["paid"])
    return int(made["regular_payment"]) * count


def paid(made: Mapping[str, Any], months: int, count: int, units: int) -> dict[str, Any]:
    """As it is afterwards: a payment counts from when it was due."""
    number = made["payments_transferred"] + count
    return {
        **made,
        "last_transfer_ts": due_ts(made, number),
        "paid": made["paid"] + units,
        "payments_transferred": number,
        "status": FINISHED if number >= months else CASH_FLOWING,
    }
