"""A model of Paydate's own investment contract: what its compiled code does, function by function."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from stellar_sdk import scval, xdr

from devnet.soroban import exact_schedule as schedule
from devnet.soroban import exact_terms as terms
from devnet.soroban.books import (
    BALANCES,
    INVESTMENT,
    TERMS,
    balances_of,
    book,
    data_of,
    investment_key,
    struct,
)
from devnet.soroban.codec import address_of
from devnet.soroban.host import MAX_TTL, Contract, Functions, Trap, failure, i128
from devnet.soroban.params import FUNDS_REACHED
from devnet.soroban.terms import DAY, HORIZON, Split

VERSION, MOST_PAYMENTS = 2, 24
LONGEST_HORIZON = 3_660 * DAY
VOID = xdr.SCVal(xdr.SCValType.SCV_VOID)
_U32, _U64, _ADDRESS, _SYMBOL = scval.to_uint32, scval.to_uint64, scval.to_address, scval.to_symbol
Values = Sequence[xdr.SCVal]
Body = Callable[[Contract, Values], xdr.SCVal]


# -- what functions ask before they do anything


def _owner(me: Contract) -> str:
    if me.raw("Owner") is None:
        raise failure(2100)
    return str(me.get("Owner").address)


def _by_owner(me: Contract) -> str:
    owner = _owner(me)
    me.host.require_auth(owner)
    return owner


def _while_open(me: Contract) -> None:
    if me.get("Paused"):
        raise failure(1000)


def _while_paused(me: Contract) -> None:
    if not me.get("Paused"):
        raise failure(1001)


def _positive(amount: int) -> int:
    if amount <= 0:
        raise failure(33)
    return amount


def _token(me: Contract, function: str, *arguments: xdr.SCVal) -> Any:
    return scval.to_native(me.host.invoke(data_of(me)["token"], function, list(arguments)))


def _transfer(me: Contract, giver: str, taker: str, units: int) -> None:
    _token(me, "transfer", _ADDRESS(giver), _ADDRESS(taker), i128(units))


def _balance(me: Contract, address: str) -> int:
    return int(_token(me, "balance", _ADDRESS(address)))


# -- making it


def _construct(me: Contract, given: Values) -> xdr.SCVal:
    owner, project, token, uri, name, symbol, params = given
    wanted = cast(dict[str, Any], scval.to_native(params))
    terms.check(wanted)
    me.set("Owner", owner)
    me.set("Metadata", scval.to_struct({"name": name, "symbol": symbol, "uri": uri}))
    me.set("Version", _U32(VERSION))
    me.set("Paused", scval.to_bool(False))
    me.set("ContractBalances", struct(dict.fromkeys(BALANCES, 0), dict.fromkeys(BALANCES, i128)))
    schedule.set_obligations(me, {"arrears": 0, "through_day": me.now // DAY})
    me.set("ContractData", struct(terms.data(wanted, address_of(token), address_of(project)), TERMS))
    me.stay_alive()
    return VOID


# -- the reserve


def _reconciled(me: Contract) -> dict[str, int]:
    books = balances_of(me)
    booked = books["reserve"] + books["project"] + books["comission"]
    balance = _balance(me, me.address)
    return {"balance": balance, "booked": booked, "difference": balance - booked}


def _status(me: Contract, seconds: int) -> dict[str, int]:
    if seconds > LONGEST_HORIZON:
        raise failure(37)
    known, until = schedule.obligations(me), me.now + seconds
    needed = schedule.needed(me, known, until)
    reserve = max(0, balances_of(me)["reserve"] + min(0, _reconciled(me)["difference"]))
    return {
        "arrears": schedule.needed(me, known, me.now),
        "missing": max(0, needed - reserve),
        "needed": needed,
        "reserve": reserve,
        "through_ts": until,
    }


def missing(me: Contract) -> int:
    """What a check answers now."""
    return _status(me, HORIZON)["missing"]


def _shown(values: Mapping[str, int]) -> xdr.SCVal:
    return scval.to_struct(
        {name: _U64(value) if name == "through_ts" else i128(value) for name, value in values.items()}
    )


def _check(me: Contract, given: Values) -> xdr.SCVal:
    return _check_within(me, [_U64(HORIZON)])


def _check_within(me: Contract, given: Values) -> xdr.SCVal:
    _by_owner(me)
    me.stay_alive()
    found = _status(me, scval.from_uint64(given[0]))
    if found["missing"]:
        told = {name: value for name, value in found.items() if name != "arrears"}
        me.emit(_SYMBOL("DEFICIT"), data=_shown(told))
    return i128(found["missing"])


def _get_reserve_status(me: Contract, given: Values) -> xdr.SCVal:
    return _shown(_status(me, scval.from_uint64(given[0])))


def _get_books(me: Contract, given: Values) -> xdr.SCVal:
    return _shown(_reconciled(me))


# -- the owner's money


def _add_company_transfer(me: Contract, given: Values) -> xdr.SCVal:
    owner = _by_owner(me)
    me.stay_alive()
    amount = _positive(scval.from_int128(given[0]))
    if _balance(me, owner) < amount:
        raise failure(1)
    _transfer(me, owner, me.address, amount)
    book(me, reserve=amount, reserve_contributions=amount)
    return scval.to_bool(True)


def _move_funds(me: Contract, given: Values) -> xdr.SCVal:
    _by_owner(me)
    me.stay_alive()
    amount = _positive(scval.from_int128(given[0]))
    if balances_of(me)["project"] < amount:
        raise failure(24)
    book(me, project=-amount, reserve=amount, moved_from_project_to_reserve=amount)
    return scval.to_bool(True)


def _book_surplus(me: Contract, given: Values) -> xdr.SCVal:
    _by_owner(me)
    me.stay_alive()
    surplus = _reconciled(me)["difference"]
    if surplus <= 0:
        raise failure(38)
    book(me, reserve=surplus, reserve_contributions=surplus)
    return i128(surplus)


def _withdraw(me: Contract, name: str, to: str, amount: int) -> None:
    _while_open(me)
    me.stay_alive()
    _positive(amount)
    if balances_of(me)[name] < amount:
        raise failure(24)
    _transfer(me, me.address, to, amount)
    told = scval.to_struct({"amount": i128(amount), "book": _SYMBOL(name)})
    me.emit(_SYMBOL("WITHDRAWN"), _ADDRESS(to), data=told)


def _single_withdrawn(me: Contract, given: Values) -> xdr.SCVal:
    _by_owner(me)
    amount = scval.from_int128(given[0])
    _withdraw(me, "project", data_of(me)["project_address"], amount)
    book(me, project=-amount, project_withdrawals=amount)
    return scval.to_bool(True)


def _withdraw_commission(me: Contract, given: Values) -> xdr.SCVal:
    _by_owner(me)
    amount = scval.from_int128(given[1])
    _withdraw(me, "comission", address_of(given[0]), amount)
    book(me, comission=-amount)
    return i128(balances_of(me)["comission"])


# -- investors


def _invest(me: Contract, given: Values) -> xdr.SCVal:
    investor, amount = address_of(given[0]), scval.from_int128(given[1])
    me.host.require_auth(investor)
    _while_open(me)
    me.stay_alive()
    known, data = schedule.rolled(me), data_of(me)
    parts = _accepted(me, data, investor, amount)
    _transfer(me, investor, me.address, amount)
    made = terms.opened(data, parts, me.now)
    schedule.enter(me, known, made, data["return_months"])
    value = struct(made, INVESTMENT)
    me.set_persistent(investment_key(made["token_id"]), value)
    _hand_over(me, made["token_id"], None, investor)
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
    if _balance(me, investor) < amount:
        raise failure(1)
    parts = terms.split(amount, data["interest_rate"], _token(me, "decimals"))
    if balances_of(me)["received_so_far"] + parts.deposited > data["goal"]:
        raise failure(30)
    return parts


def _tell_investment(me: Contract, investor: xdr.SCVal, amount: int, made: Mapping[str, Any]) -> None:
    me.emit(_SYMBOL("mint"), investor, data=scval.to_struct({"token_id": _U32(made["token_id"])}))
    told = {
        "amount": i128(amount),
        "claimable_ts": _U64(made["claimable_ts"]),
        "commission": i128(made["commission"]),
        "deposited": i128(made["deposited"]),
        "regular_payment": i128(made["regular_payment"]),
        "token_id": _U32(made["token_id"]),
    }
    me.emit(_SYMBOL("INVESTED"), investor, data=scval.to_struct(told))


def _with_goal(me: Contract, data: dict[str, Any]) -> dict[str, Any]:
    """The goal is reached as soon as what is left of it is less than the smallest investment brings."""
    least = terms.split(data["min_per_investment"], data["interest_rate"], _token(me, "decimals"))
    if data["goal"] - balances_of(me)["received_so_far"] >= least.deposited:
        return data
    me.emit(_SYMBOL("STUPDATED"), data=scval.to_struct({"new_state": _U32(FUNDS_REACHED)}))
    return {**data, "state": FUNDS_REACHED}


def _holder(me: Contract, token_id: int) -> str:
    value = me.get_persistent(scval.to_enum("Owner", _U32(token_id)))
    if value is None:
        raise failure(200)
    return address_of(value)


def _hand_over(me: Contract, token_id: int, giver: str | None, taker: str) -> None:
    if giver is not None:
        _count(me, giver, -1)
    _count(me, taker, 1)
    me.set_persistent(scval.to_enum("Owner", _U32(token_id)), _ADDRESS(taker))


def _held(me: Contract, address: str) -> int:
    value = me.get_persistent(scval.to_enum("Balance", _ADDRESS(address)))
    return 0 if value is None else scval.from_uint32(value)


def _count(me: Contract, address: str, more: int) -> None:
    me.set_persistent(scval.to_enum("Balance", _ADDRESS(address)), _U32(_held(me, address) + more))


# -- payments


def _pay(me: Contract, known: dict[str, int], token_id: int, most: int) -> tuple[dict[str, Any], int]:
    """The next instalments that are due; the investment afterwards and the units. Books are written by the caller."""
    holder = _holder(me, token_id)
    value = me.get_persistent(investment_key(token_id))
    if value is None:
        raise failure(200)
    made, months = cast(dict[str, Any], scval.to_native(value)), data_of(me)["return_months"]
    count = min(most, _due(me, made, months))
    units = terms.units_of_next(made, months, count)
    if units > balances_of(me)["reserve"] - known["spent"]:
        raise failure(2)
    try:
        _transfer(me, me.address, holder, units)
    except Trap as trap:
        raise failure(28) from trap
    after = terms.paid(made, months, count, units)
    me.set_persistent(investment_key(token_id), struct(after, INVESTMENT))
    known["spent"] += units
    known["arrears"] -= units
    told = {
        "amount": i128(units),
        "period": _U32(after["payments_transferred"]),
        "remaining": i128(after["total"] - after["paid"]),
    }
    me.emit(_SYMBOL("PAYMENT"), _ADDRESS(holder), _U32(token_id), data=scval.to_struct(told))
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
    _while_open(me)
    me.stay_alive()
    known = {**schedule.rolled(me), "spent": 0}
    after, _ = _pay(me, known, token_id, most)
    _close(me, known)
    return struct(after, INVESTMENT)


def _process_one(me: Contract, given: Values) -> xdr.SCVal:
    _by_owner(me)
    return _paid(me, scval.from_uint32(given[0]), 1)


def _claim(me: Contract, given: Values) -> xdr.SCVal:
    token_id = scval.from_uint32(given[0])
    me.host.require_auth(_holder(me, token_id))
    return _paid(me, token_id, terms.MOST_MONTHS)


def _process_many(me: Contract, given: Values) -> xdr.SCVal:
    _by_owner(me)
    _while_open(me)
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
        me.emit(_SYMBOL("PAYREFUSED"), _U32(token_id), data=scval.to_struct({"code": _U32(code)}))
    parts = {"amount": i128(amount), "code": _U32(code), "period": _U32(period), "token_id": _U32(token_id)}
    return scval.to_struct(parts)


# -- control


def _pause(me: Contract, given: Values) -> xdr.SCVal:
    _by_owner(me)
    _while_open(me)
    return _switch(me, "paused", True)


def _unpause(me: Contract, given: Values) -> xdr.SCVal:
    _by_owner(me)
    _while_paused(me)
    return _switch(me, "unpaused", False)


def _switch(me: Contract, event: str, is_paused: bool) -> xdr.SCVal:
    me.stay_alive()
    me.set("Paused", scval.to_bool(is_paused))
    me.emit(_SYMBOL(event), data=scval.to_map({}))
    return VOID


def _transfer_ownership(me: Contract, given: Values) -> xdr.SCVal:
    owner, until = _by_owner(me), scval.from_uint32(given[1])
    me.stay_alive()
    ledger = me.host.moment.ledger
    if until == 0:
        if me.raw("PendingOwner") is None:
            raise failure(2200)
        me.remove("PendingOwner")
    elif not ledger <= until <= ledger + MAX_TTL - 1:
        raise failure(2201)
    else:
        me.set("PendingOwner", scval.to_struct({"address": given[0], "live_until_ledger": given[1]}))
    told = {"live_until_ledger": given[1], "new_owner": given[0], "old_owner": _ADDRESS(owner)}
    me.emit(_SYMBOL("ownership_transfer"), data=scval.to_struct(told))
    return VOID


def _accept_ownership(me: Contract, given: Values) -> xdr.SCVal:
    pending = me.get("PendingOwner")
    if pending is None or pending["live_until_ledger"] < me.host.moment.ledger:
        raise failure(2200)
    new = pending["address"].address
    me.host.require_auth(new)
    me.stay_alive()
    me.set("Owner", _ADDRESS(new))
    me.remove("PendingOwner")
    me.emit(_SYMBOL("ownership_transfer_completed"), data=scval.to_struct({"new_owner": _ADDRESS(new)}))
    return VOID


def _upgrade(me: Contract, given: Values) -> xdr.SCVal:
    _by_owner(me)
    _while_paused(me)
    me.stay_alive()
    me.replace_code(scval.from_bytes(given[0]))
    me.emit(_SYMBOL("UPGRADED"), data=scval.to_struct({"new_wasm_hash": given[0]}))
    return VOID


# -- investments as tokens


def _pass_on(me: Contract, given: Values) -> xdr.SCVal:
    giver, taker, token_id = address_of(given[0]), address_of(given[1]), scval.from_uint32(given[2])
    me.host.require_auth(giver)
    _while_open(me)
    me.stay_alive()
    if _holder(me, token_id) != giver:
        raise failure(202)
    _hand_over(me, token_id, giver, taker)
    me.emit(_SYMBOL("transfer"), given[0], given[1], data=scval.to_struct({"token_id": given[2]}))
    return VOID


def _token_uri(me: Contract, given: Values) -> xdr.SCVal:
    _holder(me, scval.from_uint32(given[0]))
    return _metadata(me, "uri")


def _metadata(me: Contract, name: str) -> xdr.SCVal:
    return scval.from_struct(cast(xdr.SCVal, me.raw("Metadata")))[name]


def _get_investment(me: Contract, given: Values) -> xdr.SCVal:
    value = me.get_persistent(investment_key(scval.from_uint32(given[0])))
    if value is None:
        raise failure(200)
    return value


def _stored(name: str) -> Body:
    return lambda me, given: me.raw(name) or VOID


FUNCTIONS: Functions = {
    "__constructor": _construct,
    "accept_ownership": _accept_ownership,
    "add_company_transfer": _add_company_transfer,
    "balance": lambda me, given: _U32(_held(me, address_of(given[0]))),
    "book_surplus": _book_surplus,
    "check_reserve_balance": _check,
    "check_reserve_balance_within": _check_within,
    "claim": _claim,
    "get_books": _get_books,
    "get_contract_balance": _stored("ContractBalances"),
    "get_contract_data": _stored("ContractData"),
    "get_investment": _get_investment,
    "get_owner": _stored("Owner"),
    "get_reserve_status": _get_reserve_status,
    "invest": _invest,
    "move_funds_to_the_reserve": _move_funds,
    "name": lambda me, given: _metadata(me, "name"),
    "owner_of": lambda me, given: _ADDRESS(_holder(me, scval.from_uint32(given[0]))),
    "pause": _pause,
    "paused": _stored("Paused"),
    "process_investor_payment": _process_one,
    "process_investor_payments": _process_many,
    "single_withdrawn": _single_withdrawn,
    "symbol": lambda me, given: _metadata(me, "symbol"),
    "token_uri": _token_uri,
    "transfer": _pass_on,
    "transfer_ownership": _transfer_ownership,
    "unpause": _unpause,
    "upgrade": _upgrade,
    "version": _stored("Version"),
    "withdraw_commission": _withdraw_commission,
}
