"""What an investment contract keeps about its investments, read from its entries: no call, nobody's authority.

The names in the storage of deployed contracts are not published. A contract whose names are others than those
looked for here is refused with code UNKNOWN_LAYOUT and a list of what is missing; its investments can be imported.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stellar_sdk import scval, xdr

from contracts.gateways import soroban_state
from contracts.gateways.errors import Refused, Unavailable

MOST_READINGS = 3
RATES = ("interest_rate", "i_rate")
DATA = ("return_months", "return_type", "claim_block_days", "goal", "state")
# What Paydate's own contract says of itself; it keeps no map of claims.
EXACT_VERSION = 2
AMOUNTS = ("deposited", "accumulated_interests", "total", "regular_payment", "paid")
FIELDS = (*AMOUNTS, "claimable_ts", "last_transfer_ts", "payments_transferred", "status")
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class ReadInvestment:
    """Fields as on chain; ``holder`` is the present owner of the token, empty where that is not told."""

    token_id: int
    holder: str
    deposited: int
    accumulated_interests: int
    total: int
    regular_payment: int
    paid: int
    claimable_ts: int
    last_transfer_ts: int
    payments_transferred: int
    status: int


@dataclass(frozen=True, slots=True)
class ReadBalances:
    """``is_paused`` is None where the contract keeps no such switch."""

    reserve_units: int
    project_units: int
    is_paused: bool | None
    ledger: int


@dataclass(frozen=True, slots=True)
class ReadBook:
    """Terms, balances and investments, all true at ``balances.ledger``; the investments by token id.

    ``is_exact`` is Paydate's own contract, whose last instalment brings what the division cut off.
    """

    rate_basis_points: int
    return_months: int
    return_type: int
    claim_block_days: int
    goal_units: int
    state: int
    balances: ReadBalances
    investments: tuple[ReadInvestment, ...]
    is_exact: bool = False


def read_balances(contract: str) -> ReadBalances:
    """Works for the older version as well. Raises Unavailable, or Refused with code UNKNOWN_LAYOUT or NO_CONTRACT."""
    return _balances(_instance(contract))


def read_investments(contract: str) -> ReadBook:
    """All of it, as of one ledger: read again when an investment was made or paid meanwhile.

    Raises Unavailable, also when that happens again and again, or Refused: NO_CONTRACT, UNKNOWN_LAYOUT,
    BY_ADDRESS for the older version, whose map does not number its investments, ENTRY_MISSING.
    """
    before = _instance(contract)
    for _ in range(MOST_READINGS):
        numbers = _token_ids(before)
        found, ledgers = _entries(contract, [*map(_investment_key, numbers), *map(_owner_key, numbers)])
        after = before if ledgers <= {before.ledger} else _instance(contract)
        if after.ledger >= max(ledgers, default=0) and _marks(after) == _marks(before):
            return _book(after, numbers, found)
        before = after
    raise Unavailable(
        f"the investments changed while they were read, {MOST_READINGS} times in a row", code="MOVING"
    )


def _instance(contract: str) -> soroban_state.Instance:
    found = soroban_state.instance(contract)
    if found is None:
        raise Refused(f"there is no contract at {contract}", code="NO_CONTRACT")
    return found


def _entries(contract: str, keys: Sequence[xdr.SCVal]) -> tuple[list[Any], set[int]]:
    """The values in the order of the keys, and the ledgers of the answers."""
    found: list[Any] = []
    ledgers: set[int] = set()
    for start in range(0, len(keys), soroban_state.MOST_KEYS):
        values, ledger = soroban_state.values(contract, keys[start : start + soroban_state.MOST_KEYS])
        found += values
        ledgers.add(ledger)
    return found, ledgers


def _investment_key(token_id: int) -> xdr.SCVal:
    return scval.to_enum("Investment", scval.to_uint32(token_id))


def _owner_key(token_id: int) -> xdr.SCVal:
    return scval.to_enum("Owner", scval.to_uint32(token_id))


# -- the layout


def _claims(instance: soroban_state.Instance) -> Mapping[Any, Any]:
    return _struct(instance.storage, "ClaimsMap")


def _is_exact(instance: soroban_state.Instance) -> bool:
    return instance.storage.get("Version") == EXACT_VERSION


def _marks(instance: soroban_state.Instance) -> object:
    """What changes with every investment and every payment."""
    if not _is_exact(instance):
        return _claims(instance)
    return _struct(instance.storage, "ContractData"), _struct(instance.storage, "ContractBalances")


def _token_ids(instance: soroban_state.Instance) -> list[int]:
    if _is_exact(instance):
        data = _struct(instance.storage, "ContractData")
        return list(range(1, _whole_numbers(data, ("next_token_id",), "ContractData")["next_token_id"]))
    claims = _claims(instance)
    if any(isinstance(key, str) for key in claims):
        raise Refused(
            "the older version keeps its claims by address and does not number the investments: import them",
            code="BY_ADDRESS",
        )
    if not all(_is_whole(key) for key in claims):
        raise _unknown(["token ids as keys of ClaimsMap"])
    return sorted(claims)


def _book(instance: soroban_state.Instance, numbers: Sequence[int], found: Sequence[Any]) -> ReadBook:
    investments, owners = found[: len(numbers)], found[len(numbers) :]
    gone = [number for number, value in zip(numbers, investments, strict=True) if value is None]
    if gone:
        named = ", ".join(map(str, gone[:MOST_NAMED])) + (", ..." if len(gone) > MOST_NAMED else "")
        raise Refused(
            f"the contract names investments whose entries are not there: {named}; restore them if they are archived",
            code="ENTRY_MISSING",
        )
    data = _struct(instance.storage, "ContractData")
    rate = next((name for name in RATES if name in data), " or ".join(RATES))
    values = _whole_numbers(data, (rate, *DATA), "ContractData")
    return ReadBook(
        rate_basis_points=values[rate],
        return_months=values["return_months"],
        return_type=values["return_type"],
        claim_block_days=values["claim_block_days"],
        goal_units=values["goal"],
        state=values["state"],
        balances=_balances(instance),
        investments=tuple(_investment(*one) for one in zip(numbers, investments, owners, strict=True)),
        is_exact=_is_exact(instance),
    )


def _balances(instance: soroban_state.Instance) -> ReadBalances:
    books = _struct(instance.storage, "ContractBalances")
    values = _whole_numbers(books, ("reserve", "project"), "ContractBalances")
    paused = instance.storage.get("Paused")
    return ReadBalances(
        reserve_units=values["reserve"],
        project_units=values["project"],
        is_paused=paused if isinstance(paused, bool) else None,
        ledger=instance.ledger,
    )


def _investment(token_id: int, value: Any, owner: Any) -> ReadInvestment:
    name = f"Investment({token_id})"
    fields = _whole_numbers(_struct({name: value}, name), FIELDS, name)
    return ReadInvestment(token_id=token_id, holder=owner if isinstance(owner, str) else "", **fields)


def _struct(storage: Mapping[str, Any], name: str) -> Mapping[Any, Any]:
    value = storage.get(name)
    if not isinstance(value, dict):
        raise _unknown([name])
    return value


def _whole_numbers(struct: Mapping[Any, Any], names: Iterable[str], where: str) -> dict[str, int]:
    missing = [f"{where}.{name}" for name in names if not _is_whole(struct.get(name))]
    if missing:
        raise _unknown(missing)
    return {name: struct[name] for name in names}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _unknown(missing: Sequence[str]) -> Refused:
    return Refused(
        f"the contract's storage has another layout; missing, or no whole numbers: {', '.join(missing)}. "
        "Import its investments instead",
        code="UNKNOWN_LAYOUT",
    )
