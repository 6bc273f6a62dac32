"""The investment contract's storage: its books, claims and terms, as structs of the contract SDK."""

from collections.abc import Callable, Mapping
from typing import Any

from stellar_sdk import scval, xdr

from devnet.soroban.codec import address_of
from devnet.soroban.host import Contract, failure, i128

BALANCES = (
    "comission",
    "moved_from_project_to_reserve",
    "payments",
    "project",
    "project_withdrawals",
    "received_so_far",
    "reserve",
    "reserve_contributions",
)
_Writer = Callable[[Any], xdr.SCVal]
_U32, _U64, _I128 = scval.to_uint32, scval.to_uint64, i128
TERMS: Mapping[str, _Writer] = {
    "claim_block_days": _U64,
    "goal": _I128,
    "interest_rate": _U32,
    "min_per_investment": _I128,
    "next_token_id": _U32,
    "project_address": scval.to_address,
    "return_months": _U32,
    "return_type": _U32,
    "state": _U32,
    "token": scval.to_address,
}
CLAIM: Mapping[str, _Writer] = {"next_transfer_ts": _U64, "amount_to_pay": _I128}
INVESTMENT: Mapping[str, _Writer] = {
    "accumulated_interests": _I128,
    "claimable_ts": _U64,
    "commission": _I128,
    "deposited": _I128,
    "last_transfer_ts": _U64,
    "paid": _I128,
    "payments_transferred": _U32,
    "regular_payment": _I128,
    "status": _U32,
    "token_id": _U32,
    "total": _I128,
}


def storage(owner: str, data: Mapping[str, Any]) -> dict[str, xdr.SCVal]:
    """The instance storage of a new contract; `data` as ContractData has it."""
    return {
        "ContractBalances": struct(dict.fromkeys(BALANCES, 0), dict.fromkeys(BALANCES, _I128)),
        "ContractData": struct(data, TERMS),
        "ClaimsMap": scval.to_map({}),
        "Owner": scval.to_address(owner),
        "Paused": scval.to_bool(False),
    }


def investment_key(token_id: int) -> xdr.SCVal:
    return scval.to_enum("Investment", scval.to_uint32(token_id))


def struct(values: Mapping[str, Any], fields: Mapping[str, _Writer]) -> xdr.SCVal:
    return scval.to_struct({name: fields[name](values[name]) for name in sorted(fields)})


def owner_of(me: Contract) -> str:
    owner = me.raw("Owner")
    if owner is None:
        raise failure(2100)
    return address_of(owner)


def data_of(me: Contract) -> dict[str, Any]:
    data = dict(me.get("ContractData"))
    return data | {name: data[name].address for name in ("project_address", "token")}


def balances_of(me: Contract) -> dict[str, int]:
    return dict(me.get("ContractBalances"))


def book(me: Contract, **moves: int) -> None:
    """Changes the books and tells; a book too small is the caller's business."""
    before = balances_of(me)
    overwrite_books(me, {name: before[name] + units for name, units in moves.items()})


def overwrite_books(me: Contract, books: Mapping[str, int]) -> None:
    """Sets some books, all others stay; raises ValueError for a book that is none."""
    after = balances_of(me) | dict(books)
    if unknown := set(after) - set(BALANCES):
        raise ValueError(f"no book named {', '.join(sorted(unknown))}; there are: {', '.join(BALANCES)}")
    value = struct(after, dict.fromkeys(BALANCES, _I128))
    me.set("ContractBalances", value)
    me.emit(scval.to_symbol("CBUPDATED"), data=value)


def set_claim(me: Contract, token_id: int, next_ts: int, units: int) -> None:
    claims = me.get("ClaimsMap") | {token_id: {"next_transfer_ts": next_ts, "amount_to_pay": units}}
    me.set(
        "ClaimsMap",
        scval.to_map({scval.to_uint32(number): struct(claims[number], CLAIM) for number in sorted(claims)}),
    )


def overwrite_state(me: Contract, state: int) -> None:
    me.set("ContractData", struct({**data_of(me), "state": state}, TERMS))
    me.emit(scval.to_symbol("STUPDATED"), data=scval.to_struct({"new_state": scval.to_uint32(state)}))
