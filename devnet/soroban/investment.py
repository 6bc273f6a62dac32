"""A model of the investment contract's functions, with the errors and events that deployed contracts have."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from stellar_sdk import scval, xdr

from devnet.soroban import terms
from devnet.soroban.books import (
    INVESTMENT,
    TERMS,
    balances_of,
    book,
    data_of,
    investment_key,
    overwrite_state,
    owner_of,
    set_claim,
    struct,
)
from devnet.soroban.codec import address_of, given
from devnet.soroban.host import Contract, Functions, Trap, failure, i128
from devnet.soroban.params import FUNDS_REACHED

CODE = b"\0asm\1\0\0\0" + b"\0\x0b\x0ainvestment"
CHECK = "check_reserve_balance"
BLOCKED, CLAIMABLE, CASH_FLOWING, FINISHED = 1, 2, 4, 5


def _by_owner(me: Contract) -> None:
    me.host.require_auth(owner_of(me))


def _while_open(me: Contract) -> None:
    if me.get("Paused"):
        raise failure(1000)


def _transfer(me: Contract, token: str, giver: str, taker: str, units: int) -> None:
    me.host.invoke(token, "transfer", [scval.to_address(giver), scval.to_address(taker), i128(units)])


def _token_balance(me: Contract, token: str, address: str) -> int:
    return scval.from_int128(me.host.invoke(token, "balance", [scval.to_address(address)]))


# -- reading


def _check_reserve_balance(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    _by_owner(me)
    laid_down = me.host.answers(me.address, CHECK)
    if laid_down is not None:
        return i128(laid_down)
    return i128(terms.shortfall(me.get("ClaimsMap").values(), balances_of(me)["reserve"], me.now))


def _get_contract_balance(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    _by_owner(me)
    return given(me.raw("ContractBalances"))


def _paused(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    _by_owner(me)
    me.stay_alive()
    return scval.to_bool(me.get("Paused"))


def _owner_of(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    return scval.to_address(_holder(me, scval.from_uint32(arguments[0])))


def _holder(me: Contract, token_id: int) -> str:
    value = me.get_persistent(scval.to_enum("Owner", scval.to_uint32(token_id)))
    if value is None:
        raise failure(200)
    return address_of(value)


# -- the owner's money


def _add_company_transfer(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    _by_owner(me)
    me.stay_alive()
    amount, owner, token = scval.from_int128(arguments[0]), owner_of(me), data_of(me)["token"]
    if _token_balance(me, token, owner) < amount:
        raise failure(1)
    _transfer(me, token, owner, me.address, amount)
    book(me, reserve=amount, reserve_contributions=amount)
    return scval.to_bool(True)


def _move_funds_to_the_reserve(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    """No sign is checked, so a negative amount moves money the other way."""
    _by_owner(me)
    me.stay_alive()
    amount = scval.from_int128(arguments[0])
    if balances_of(me)["project"] <= amount:
        raise failure(24)
    book(me, project=-amount, reserve=amount, moved_from_project_to_reserve=amount)
    return scval.to_bool(True)


def _single_withdrawn(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    _by_owner(me)
    _while_open(me)
    me.stay_alive()
    amount, data = scval.from_int128(arguments[0]), data_of(me)
    if balances_of(me)["project"] < amount:
        raise failure(24)
    _transfer(me, data["token"], me.address, data["project_address"], amount)
    book(me, project=-amount, project_withdrawals=amount)
    return scval.to_bool(True)


def _pause(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    return _set_paused(me, True)


def _unpause(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    return _set_paused(me, False)


def _set_paused(me: Contract, is_paused: bool) -> xdr.SCVal:
    _by_owner(me)
    if me.get("Paused") is is_paused:
        raise failure(1000 if is_paused else 1001)
    me.stay_alive()
    me.set("Paused", scval.to_bool(is_paused))
    me.emit(scval.to_symbol("paused" if is_paused else "unpaused"), data=scval.to_map({}))
    return xdr.SCVal(xdr.SCValType.SCV_VOID)


# -- investors


def _invest(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    investor, amount = address_of(arguments[0]), scval.from_int128(arguments[1])
    me.host.require_auth(investor)
    _while_open(me)
    me.stay_alive()
    data = data_of(me)
    parts = _accepted(me, data, investor, amount)
    _transfer(me, data["token"], investor, me.address, amount)
    token_id = data["next_token_id"]
    value = _open_investment(me, data, parts, token_id)
    me.set_persistent(scval.to_enum("Owner", scval.to_uint32(token_id)), arguments[0])
    me.emit(
        scval.to_symbol("mint"), arguments[0], data=scval.to_struct({"token_id": scval.to_uint32(token_id)})
    )
    book(
        me,
        reserve=parts.reserve,
        project=parts.project,
        comission=parts.commission,
        received_so_far=parts.deposited,
    )
    _note_investment(me, data, token_id)
    return value


def _accepted(me: Contract, data: Mapping[str, Any], investor: str, amount: int) -> terms.Split:
    if amount <= 0:
        raise failure(32)
    if data["state"] == FUNDS_REACHED:
        raise failure(31)
    if amount < data["min_per_investment"]:
        raise failure(5)
    if _token_balance(me, data["token"], investor) < amount:
        raise failure(1)
    decimals = scval.from_uint32(me.host.invoke(data["token"], "decimals", []))
    parts = terms.split(amount, data["interest_rate"], decimals)
    if balances_of(me)["received_so_far"] + parts.deposited > data["goal"]:
        raise failure(30)
    return parts


def _open_investment(me: Contract, data: Mapping[str, Any], parts: terms.Split, token_id: int) -> xdr.SCVal:
    rate, months, kind = data["interest_rate"], data["return_months"], data["return_type"]
    regular = terms.instalment(parts.deposited, rate, months, kind)
    interest = terms.interest(parts.deposited, rate)
    value = struct(
        {
            "accumulated_interests": interest,
            "claimable_ts": me.now + data["claim_block_days"] * terms.DAY,
            "commission": parts.commission,
            "deposited": parts.deposited,
            "last_transfer_ts": 0,
            "paid": 0,
            "payments_transferred": 0,
            "regular_payment": regular,
            "status": BLOCKED if data["claim_block_days"] else CLAIMABLE,
            "token_id": token_id,
            "total": parts.deposited + interest,
        },
        INVESTMENT,
    )
    me.set_persistent(investment_key(token_id), value)
    set_claim(me, token_id, me.now + terms.PERIOD, regular)
    return value


def _note_investment(me: Contract, data: Mapping[str, Any], token_id: int) -> None:
    """Funds are reached by exact equality only."""
    me.set("ContractData", struct({**data, "next_token_id": token_id + 1}, TERMS))
    if balances_of(me)["received_so_far"] == data["goal"]:
        overwrite_state(me, FUNDS_REACHED)


def _process_investor_payment(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    _by_owner(me)
    _while_open(me)
    me.stay_alive()
    token_id, data = scval.from_uint32(arguments[0]), data_of(me)
    holder = _holder(me, token_id)
    stored = me.get_persistent(investment_key(token_id))
    if stored is None:
        raise failure(14)
    value = cast(dict[str, Any], scval.to_native(stored))
    units = _payable(me, data, value)
    try:
        _transfer(me, data["token"], me.address, holder, units)
    except Trap as trap:
        raise failure(28) from trap
    after = struct(_paid(me, data, value, units), INVESTMENT)
    me.set_persistent(investment_key(token_id), after)
    # Also for a finished one: this is how it comes to be counted as due for ever.
    set_claim(me, token_id, me.now + terms.PERIOD, value["regular_payment"])
    book(me, reserve=-units, payments=units)
    return after


def _payable(me: Contract, data: Mapping[str, Any], value: Mapping[str, Any]) -> int:
    """The units of the next instalment; the last one of a coupon brings the principal back."""
    if me.now < value["claimable_ts"]:
        raise failure(15)
    if value["status"] == FINISHED:
        raise failure(16)
    if value["last_transfer_ts"] and me.now - value["last_transfer_ts"] < terms.PERIOD:
        raise failure(17)
    is_last = value["payments_transferred"] + 1 >= data["return_months"]
    brings_principal = is_last and data["return_type"] == terms.COUPON
    units = int(value["regular_payment"]) + (int(value["deposited"]) if brings_principal else 0)
    if units > balances_of(me)["reserve"]:
        raise failure(2)
    return units


def _paid(me: Contract, data: Mapping[str, Any], value: Mapping[str, Any], units: int) -> dict[str, Any]:
    number = value["payments_transferred"] + 1
    return {
        **value,
        "last_transfer_ts": me.now,
        "paid": value["paid"] + units,
        "payments_transferred": number,
        "status": FINISHED if number >= data["return_months"] else CASH_FLOWING,
    }


FUNCTIONS: Functions = {
    "add_company_transfer": _add_company_transfer,
    CHECK: _check_reserve_balance,
    "get_contract_balance": _get_contract_balance,
    "invest": _invest,
    "move_funds_to_the_reserve": _move_funds_to_the_reserve,
    "owner_of": _owner_of,
    "pause": _pause,
    "paused": _paused,
    "process_investor_payment": _process_investor_payment,
    "single_withdrawn": _single_withdrawn,
    "unpause": _unpause,
}
