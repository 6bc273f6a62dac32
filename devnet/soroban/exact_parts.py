"""What the functions of Paydate's own investment contract share: who may, whether it may, tokens and who holds what."""

from collections.abc import Callable, Sequence
from typing import Any

from stellar_sdk import scval, xdr

from devnet.soroban.books import data_of
from devnet.soroban.codec import address_of
from devnet.soroban.host import Contract, failure, i128

VOID = xdr.SCVal(xdr.SCValType.SCV_VOID)
U32, U64, ADDRESS, SYMBOL = scval.to_uint32, scval.to_uint64, scval.to_address, scval.to_symbol
Values = Sequence[xdr.SCVal]
Body = Callable[[Contract, Values], xdr.SCVal]


def owner_of(me: Contract) -> str:
    if me.raw("Owner") is None:
        raise failure(2100)
    return str(me.get("Owner").address)


def by_owner(me: Contract) -> str:
    owner = owner_of(me)
    me.host.require_auth(owner)
    return owner


def while_open(me: Contract) -> None:
    if me.get("Paused"):
        raise failure(1000)


def while_paused(me: Contract) -> None:
    if not me.get("Paused"):
        raise failure(1001)


def positive(amount: int) -> int:
    if amount <= 0:
        raise failure(33)
    return amount


def ask_token(me: Contract, function: str, *arguments: xdr.SCVal) -> Any:
    return scval.to_native(me.host.invoke(data_of(me)["token"], function, list(arguments)))


def move_tokens(me: Contract, giver: str, taker: str, units: int) -> None:
    ask_token(me, "transfer", ADDRESS(giver), ADDRESS(taker), i128(units))


def tokens_of(me: Contract, address: str) -> int:
    return int(ask_token(me, "balance", ADDRESS(address)))


def holder_of(me: Contract, token_id: int) -> str:
    value = me.get_persistent(scval.to_enum("Owner", U32(token_id)))
    if value is None:
        raise failure(200)
    return address_of(value)


def hand_over(me: Contract, token_id: int, giver: str | None, taker: str) -> None:
    if giver is not None:
        _count(me, giver, -1)
    _count(me, taker, 1)
    me.set_persistent(scval.to_enum("Owner", U32(token_id)), ADDRESS(taker))


def held(me: Contract, address: str) -> int:
    value = me.get_persistent(scval.to_enum("Balance", ADDRESS(address)))
    return 0 if value is None else scval.from_uint32(value)


def _count(me: Contract, address: str, more: int) -> None:
    me.set_persistent(scval.to_enum("Balance", ADDRESS(address)), U32(held(me, address) + more))
