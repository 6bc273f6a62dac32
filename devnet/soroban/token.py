"""A token contract: balances, transfers and their events, as SEP-41 has them."""

from collections.abc import Sequence

from stellar_sdk import scval, xdr

from devnet.soroban.codec import address_of
from devnet.soroban.host import Contract, Functions, Trap, i128

CODE = b"\0asm\1\0\0\0" + b"\0\x06\x05token"
BALANCE_IS_NOT_SUFFICIENT = 10
NEGATIVE_AMOUNT = 8
ACCOUNT_IS_FROZEN = 11


def storage(name: str, symbol: str, decimals: int) -> dict[str, xdr.SCVal]:
    """The instance storage of a new token."""
    return {
        "Metadata": scval.to_struct(
            {
                "decimal": scval.to_uint32(decimals),
                "name": scval.to_string(name),
                "symbol": scval.to_string(symbol),
            }
        )
    }


def balance_key(address: str) -> xdr.SCVal:
    return scval.to_enum("Balance", scval.to_address(address))


def _failure(code: int) -> Trap:
    return Trap(f"Error(Contract, #{code})")


def _decimals(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    return scval.to_uint32(me.get("Metadata")["decimal"])


def _name(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    return scval.to_string(me.get("Metadata")["name"])


def _symbol(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    return scval.to_string(me.get("Metadata")["symbol"])


def _balance(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    return i128(balance_of(me, address_of(arguments[0])))


def balance_of(me: Contract, address: str) -> int:
    """Units; 0 for who never had any."""
    value = me.get_persistent(balance_key(address))
    return 0 if value is None else scval.from_int128(value)


def _transfer(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    giver, taker = address_of(arguments[0]), address_of(arguments[1])
    amount = scval.from_int128(arguments[2])
    me.host.require_auth(giver)
    if amount < 0:
        raise _failure(NEGATIVE_AMOUNT)
    if _is_frozen(me, giver) or _is_frozen(me, taker):
        raise _failure(ACCOUNT_IS_FROZEN)
    if balance_of(me, giver) < amount:
        raise _failure(BALANCE_IS_NOT_SUFFICIENT)
    _add(me, giver, -amount)
    _add(me, taker, amount)
    me.emit(scval.to_symbol("transfer"), *arguments[:2], data=arguments[2])
    return xdr.SCVal(xdr.SCValType.SCV_VOID)


def _mint(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    """Not callable by a transaction: the owner of the devnet gives money."""
    if not me.host.is_waived:
        raise Trap("Error(Auth, InvalidAction)", "only the owner of the devnet mints")
    _add(me, address_of(arguments[0]), scval.from_int128(arguments[1]))
    me.emit(scval.to_symbol("mint"), arguments[0], data=arguments[1])
    return xdr.SCVal(xdr.SCValType.SCV_VOID)


def _add(me: Contract, address: str, units: int) -> None:
    me.set_persistent(balance_key(address), i128(balance_of(me, address) + units))


FUNCTIONS: Functions = {
    "decimals": _decimals,
    "name": _name,
    "symbol": _symbol,
    "balance": _balance,
    "transfer": _transfer,
    "mint": _mint,
}


# -- the compiled token of local networks, which has an administrator


def _construct(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    admin, decimal, name, symbol = arguments
    me.set("Admin", admin)
    me.set("Metadata", scval.to_struct({"decimal": decimal, "name": name, "symbol": symbol}))
    me.stay_alive()
    return xdr.SCVal(xdr.SCValType.SCV_VOID)


def _by_admin(me: Contract) -> None:
    me.host.require_auth(me.get("Admin").address)
    me.stay_alive()


def _transfer_alive(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    me.host.require_auth(address_of(arguments[0]))
    me.stay_alive()
    return _transfer(me, arguments)


def _mint_by_admin(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    _by_admin(me)
    amount = scval.from_int128(arguments[1])
    if amount < 0:
        raise _failure(NEGATIVE_AMOUNT)
    _add(me, address_of(arguments[0]), amount)
    me.emit(scval.to_symbol("mint"), arguments[0], data=arguments[1])
    return xdr.SCVal(xdr.SCValType.SCV_VOID)


def _set_frozen(me: Contract, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
    _by_admin(me)
    me.set_persistent(_frozen_key(address_of(arguments[0])), arguments[1])
    return xdr.SCVal(xdr.SCValType.SCV_VOID)


def _is_frozen(me: Contract, address: str) -> bool:
    value = me.get_persistent(_frozen_key(address))
    return value is not None and scval.from_bool(value)


def _frozen_key(address: str) -> xdr.SCVal:
    return scval.to_enum("Frozen", scval.to_address(address))


COMPILED_FUNCTIONS: Functions = {
    **FUNCTIONS,
    "__constructor": _construct,
    "mint": _mint_by_admin,
    "set_frozen": _set_frozen,
    "transfer": _transfer_alive,
}
