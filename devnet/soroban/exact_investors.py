"""What investors do in Paydate's own investment contract, and how they are paid."""

from collections.abc import Mapping
from typing import Any, cast

from stellar_sdk import scval, xdr

from devnet.soroban import exact_schedule as schedule
from devnet.soroban import exact_terms as terms
from devnet.soroban.books import INVESTMENT, TERMS, balances_of, book, data_of, investment_key, struct
from devnet.soroban.codec import address_of
from devnet.soroban.exact_parts import (
    ADDRESS,
    SYMBOL,
    U32,
    U64,
    VOID,
    Values,
    ask_token,
    by_owner,
    hand_over,
    holder_of,
    move_tokens,
    tokens_of,
    while_open,
)
from devnet.soroban.host import Contract, Trap, failure, i128
from devnet.soroban.params import FUNDS_REACHED
from devnet.soroban.terms import Split

MOST_PAYMENTS = 24


# -- investors


def invest(me: Contract, given: Values) -> xdr.SCVal:
    investor, amount = address_of(given[0]), scval.from_int128(given[1])
    me.host.require_auth(investor)
    while_open(me)
    me.stay_alive()
    known, data = schedule.rolled(me), data_of(me)
    parts = _accepted(me, data, investor, amount)
    move_tokens(me, investor, me.address, amount)
    made = terms.opened(data, parts, me.now)
    schedule.enter(me, known, made, data["return_months"])
    value = struct(made, INVESTMENT)
    me.set_persistent(investment_key(made["token_id"]), value)
    hand_over(me, made["token_id"], None, investor)
    _tell_investment(me, given[0], amount, made)
    book(
        me,
        reserve=parts.reserve,
        project=parts.project,
        comission=parts.commission,
        received_so_far=parts.deposited,
    )
    schedule.set_obligations(me, known)
    after = {**data, "next_token_id": made["token_id"] + 1}
    me.set("ContractData", struct(_with_goal(me, after), TERMS))
    return value


def _accepted(me: Contract, data: Mapping[str, Any], investor: str, amount: int) -> Split:
    if amount <= 0:
        raise failure(32)
    if data["state"] == FUNDS_REACHED:
        raise failure(31)
    if amount < data["min_per_investment"]:
        raise failure(5)
    if tokens_of(me, investor) < amount:
        raise failure(1)
    parts = terms.split(amount, data["interest_rate"], ask_token(me, "decimals"))
    if balances_of(me)["received_so_far"] + parts.deposited > data["goal"]:
        raise failure(30)
    return parts


def _tell_investment(me: Contract, investor: xdr.SCVal, amount: int, made: Mapping[str, Any]) -> None:
    me.emit(SYMBOL("mint"), investor, data=scval.to_struct({"token_id": U32(made["token_id"])}))
    told = {
        "amount": i128(amount),
        "claimable_ts": U64(made["claimable_ts"]),
        "commission": i128(made["commission"]),
        "deposited": i128(made["deposited"]),
        "regular_payment": i128(made["regular_payment"]),
        "token_id": U32(made["token_id"]),
    }
    me.emit(SYMBOL("INVESTED"), investor, data=scval.to_struct(told))


def _with_goal(me: Contract, data: dict[str, Any]) -> dict[str, Any]:
    """The goal is reached as soon as what is left of it is less than the smallest investment brings."""
    least = terms.split(data["min_per_investment"], data["interest_rate"], ask_token(me, "decimals"))
    if data["goal"] - balances_of(me)["received_so_far"] >= least.deposited:
        return data
    me.emit(SYMBOL("STUPDATED"), data=scval.to_struct({"new_state": U32(FUNDS_REACHED)}))
    return {**data, "state": FUNDS_REACHED}


# -- payments


def _pay(me: Contract, known: dict[str, int], token_id: int, most: int) -> tuple[dict[str, Any], int]:
    """The next instalments that are due; the investment afterwards and the units. Books are written by the caller."""
    holder = holder_of(me, token_id)
    value = me.get_persistent(investment_key(token_id))
    if value is None:
        raise failure(200)
    made, months = cast(dict[str, Any], scval.to_native(value)), data_of(me)["return_months"]
    count = min(most, _due(me, made, months))
    units = terms.units_of_next(made, months, count)
    if units > balances_of(me)["reserve"] - known["spent"]:
        raise failure(2)
    try:
        move_tokens(me, me.address, holder, units)
    except Trap as trap:
        raise failure(28) from trap
    after = terms.paid(made, months, count, units)
    me.set_persistent(investment_key(token_id), struct(after, INVESTMENT))
    known["spent"] += units
    known["arrears"] -= units
    told = {
        "amount": i128(units),
        "period": U32(after["payments_transferred"]),
        "remaining": i128(after["total"] - after["paid"]),
    }
    me.emit(SYMBOL("PAYMENT"), ADDRESS(holder), U32(token_id), data=scval.to_struct(told))
    return after, units


def _due(me: Contract, made: Mapping[str, Any], months: int) -> int:
    if me.now < made["claimable_ts"]:
        raise failure(15)
    if made["status"] == terms.FINISHED:
        raise failure(16)
    count = terms.due_count(made, months, me.now)
    if not count:
        raise failure(17)
    return count


def _close(me: Contract, known: Mapping[str, int]) -> None:
    schedule.set_obligations(me, known)
    book(me, reserve=-known["spent"], payments=known["spent"])


def _paid(me: Contract, token_id: int, most: int) -> xdr.SCVal:
    while_open(me)
    me.stay_alive()
    known = {**schedule.rolled(me), "spent": 0}
    after, _ = _pay(me, known, token_id, most)
    _close(me, known)
    return struct(after, INVESTMENT)


def process_one(me: Contract, given: Values) -> xdr.SCVal:
    by_owner(me)
    return _paid(me, scval.from_uint32(given[0]), 1)


def claim(me: Contract, given: Values) -> xdr.SCVal:
    token_id = scval.from_uint32(given[0])
    me.host.require_auth(holder_of(me, token_id))
    return _paid(me, token_id, terms.MOST_MONTHS)


def process_many(me: Contract, given: Values) -> xdr.SCVal:
    by_owner(me)
    while_open(me)
    me.stay_alive()
    ids = [scval.from_uint32(one) for one in scval.from_vec(given[0])]
    if not 1 <= len(ids) <= MOST_PAYMENTS or ids != sorted(set(ids)):
        raise failure(29)
    known = {**schedule.rolled(me), "spent": 0}
    results = [_result(me, known, token_id) for token_id in ids]
    _close(me, known)
    return scval.to_vec(results)


def _result(me: Contract, known: dict[str, int], token_id: int) -> xdr.SCVal:
    amount = code = period = 0
    try:
        after, amount = _pay(me, known, token_id, 1)
        period = after["payments_transferred"]
    except Trap as trap:
        if trap.code is None:
            raise
        code = trap.code
        me.emit(SYMBOL("PAYREFUSED"), U32(token_id), data=scval.to_struct({"code": U32(code)}))
    parts = {"amount": i128(amount), "code": U32(code), "period": U32(period), "token_id": U32(token_id)}
    return scval.to_struct(parts)


# -- investments as tokens


def pass_on(me: Contract, given: Values) -> xdr.SCVal:
    giver, taker, token_id = address_of(given[0]), address_of(given[1]), scval.from_uint32(given[2])
    me.host.require_auth(giver)
    while_open(me)
    me.stay_alive()
    if holder_of(me, token_id) != giver:
        raise failure(202)
    hand_over(me, token_id, giver, taker)
    me.emit(SYMBOL("transfer"), given[0], given[1], data=scval.to_struct({"token_id": given[2]}))
    return VOID
