"""A model of Paydate's own investment contract: what its compiled code does, function by function."""

from collections.abc import Mapping
from typing import Any, cast

from stellar_sdk import scval, xdr

from devnet.soroban import exact_investors as investors
from devnet.soroban import exact_schedule as schedule
from devnet.soroban import exact_terms as terms
from devnet.soroban.books import BALANCES, TERMS, balances_of, book, data_of, investment_key, struct
from devnet.soroban.codec import address_of
from devnet.soroban.exact_parts import (
    ADDRESS,
    SYMBOL,
    U32,
    U64,
    VOID,
    Body,
    Values,
    by_owner,
    held,
    holder_of,
    move_tokens,
    positive,
    tokens_of,
    while_open,
    while_paused,
)
from devnet.soroban.host import MAX_TTL, Contract, Functions, failure, i128
from devnet.soroban.terms import DAY, HORIZON

VERSION = 2
LONGEST_HORIZON = 3_660 * DAY


# -- making it


def _construct(me: Contract, given: Values) -> xdr.SCVal:
    owner, project, token, uri, name, symbol, params = given
    wanted = cast(dict[str, Any], scval.to_native(params))
    terms.check(wanted)
    me.set("Owner", owner)
    me.set("Metadata", scval.to_struct({"name": name, "symbol": symbol, "uri": uri}))
    me.set("Version", U32(VERSION))
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
    balance = tokens_of(me, me.address)
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
        {name: U64(value) if name == "through_ts" else i128(value) for name, value in values.items()}
    )


def _check(me: Contract, given: Values) -> xdr.SCVal:
    return _check_within(me, [U64(HORIZON)])


def _check_within(me: Contract, given: Values) -> xdr.SCVal:
    by_owner(me)
    me.stay_alive()
    found = _status(me, scval.from_uint64(given[0]))
    if found["missing"]:
        told = {name: value for name, value in found.items() if name != "arrears"}
        me.emit(SYMBOL("DEFICIT"), data=_shown(told))
    return i128(found["missing"])


def _get_reserve_status(me: Contract, given: Values) -> xdr.SCVal:
    return _shown(_status(me, scval.from_uint64(given[0])))


def _get_books(me: Contract, given: Values) -> xdr.SCVal:
    return _shown(_reconciled(me))


# -- the owner's money


def _add_company_transfer(me: Contract, given: Values) -> xdr.SCVal:
    owner = by_owner(me)
    me.stay_alive()
    amount = positive(scval.from_int128(given[0]))
    if tokens_of(me, owner) < amount:
        raise failure(1)
    move_tokens(me, owner, me.address, amount)
    book(me, reserve=amount, reserve_contributions=amount)
    return scval.to_bool(True)


def _move_funds(me: Contract, given: Values) -> xdr.SCVal:
    by_owner(me)
    me.stay_alive()
    amount = positive(scval.from_int128(given[0]))
    if balances_of(me)["project"] < amount:
        raise failure(24)
    book(me, project=-amount, reserve=amount, moved_from_project_to_reserve=amount)
    return scval.to_bool(True)


def _book_surplus(me: Contract, given: Values) -> xdr.SCVal:
    by_owner(me)
    me.stay_alive()
    surplus = _reconciled(me)["difference"]
    if surplus <= 0:
        raise failure(38)
    book(me, reserve=surplus, reserve_contributions=surplus)
    return i128(surplus)


def _withdraw(me: Contract, name: str, to: str, amount: int) -> None:
    while_open(me)
    me.stay_alive()
    positive(amount)
    if balances_of(me)[name] < amount:
        raise failure(24)
    move_tokens(me, me.address, to, amount)
    told = scval.to_struct({"amount": i128(amount), "book": SYMBOL(name)})
    me.emit(SYMBOL("WITHDRAWN"), ADDRESS(to), data=told)


def _single_withdrawn(me: Contract, given: Values) -> xdr.SCVal:
    by_owner(me)
    amount = scval.from_int128(given[0])
    _withdraw(me, "project", data_of(me)["project_address"], amount)
    book(me, project=-amount, project_withdrawals=amount)
    return scval.to_bool(True)


def _withdraw_commission(me: Contract, given: Values) -> xdr.SCVal:
    by_owner(me)
    amount = scval.from_int128(given[1])
    _withdraw(me, "comission", address_of(given[0]), amount)
    book(me, comission=-amount)
    return i128(balances_of(me)["comission"])


# -- control


def _pause(me: Contract, given: Values) -> xdr.SCVal:
    by_owner(me)
    while_open(me)
    return _switch(me, "paused", True)


def _unpause(me: Contract, given: Values) -> xdr.SCVal:
    by_owner(me)
    while_paused(me)
    return _switch(me, "unpaused", False)


def _switch(me: Contract, event: str, is_paused: bool) -> xdr.SCVal:
    me.stay_alive()
    me.set("Paused", scval.to_bool(is_paused))
    me.emit(SYMBOL(event), data=scval.to_map({}))
    return VOID


def _transfer_ownership(me: Contract, given: Values) -> xdr.SCVal:
    owner, until = by_owner(me), scval.from_uint32(given[1])
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
    told = {"live_until_ledger": given[1], "new_owner": given[0], "old_owner": ADDRESS(owner)}
    me.emit(SYMBOL("ownership_transfer"), data=scval.to_struct(told))
    return VOID


def _accept_ownership(me: Contract, given: Values) -> xdr.SCVal:
    pending = me.get("PendingOwner")
    if pending is None or pending["live_until_ledger"] < me.host.moment.ledger:
        raise failure(2200)
    new = pending["address"].address
    me.host.require_auth(new)
    me.stay_alive()
    me.set("Owner", ADDRESS(new))
    me.remove("PendingOwner")
    me.emit(SYMBOL("ownership_transfer_completed"), data=scval.to_struct({"new_owner": ADDRESS(new)}))
    return VOID


def _upgrade(me: Contract, given: Values) -> xdr.SCVal:
    by_owner(me)
    while_paused(me)
    me.stay_alive()
    me.replace_code(scval.from_bytes(given[0]))
    me.emit(SYMBOL("UPGRADED"), data=scval.to_struct({"new_wasm_hash": given[0]}))
    return VOID


# -- investments as tokens


def _token_uri(me: Contract, given: Values) -> xdr.SCVal:
    holder_of(me, scval.from_uint32(given[0]))
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
    "balance": lambda me, given: U32(held(me, address_of(given[0]))),
    "book_surplus": _book_surplus,
    "check_reserve_balance": _check,
    "check_reserve_balance_within": _check_within,
    "claim": investors.claim,
    "get_books": _get_books,
    "get_contract_balance": _stored("ContractBalances"),
    "get_contract_data": _stored("ContractData"),
    "get_investment": _get_investment,
    "get_owner": _stored("Owner"),
    "get_reserve_status": _get_reserve_status,
    "invest": investors.invest,
    "move_funds_to_the_reserve": _move_funds,
    "name": lambda me, given: _metadata(me, "name"),
    "owner_of": lambda me, given: ADDRESS(holder_of(me, scval.from_uint32(given[0]))),
    "pause": _pause,
    "paused": _stored("Paused"),
    "process_investor_payment": investors.process_one,
    "process_investor_payments": investors.process_many,
    "single_withdrawn": _single_withdrawn,
    "symbol": lambda me, given: _metadata(me, "symbol"),
    "token_uri": _token_uri,
    "transfer": investors.pass_on,
    "transfer_ownership": _transfer_ownership,
    "unpause": _unpause,
    "upgrade": _upgrade,
    "version": _stored("Version"),
    "withdraw_commission": _withdraw_commission,
}
