"""How long the network keeps what a contract needs: its instance, its code, and what else it has stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stellar_sdk import Address, scval, xdr

from contracts.gateways import soroban_state
from contracts.gateways.soroban import Life
from contracts.gateways.soroban_investments import EXACT_VERSION
from contracts.gateways.soroban_rpc import ask, server

DAY_SECONDS, PERIOD_DAYS, PAGE_DAYS = 86_400, 30, 32
_PERSISTENT = xdr.ContractDataDurability.PERSISTENT
_INSTANCE = xdr.SCVal(xdr.SCValType.SCV_LEDGER_KEY_CONTRACT_INSTANCE)


@dataclass(frozen=True, slots=True)
class EntryLife:
    """One entry of the ledger, named for people, and how long it lives."""

    name: str
    key: xdr.LedgerKey
    life: Life


def of_code(code_hash: bytes) -> Life | None:
    """None when the network does not have this code."""
    found = _lives([("code", code_key(code_hash))])
    return found[0].life if found else None


def of_contract(contract: str) -> list[EntryLife]:
    """Of everything that a call of the contract C... may need, as far as it is known; empty without a contract.

    That is the instance and the code; of Paydate's own contract its investments, their owners, the pages of days to
    come and its balance of the token as well.
    """
    instance = soroban_state.instance(contract)
    if instance is None:
        return []
    named = [("instance", _data_key(contract, _INSTANCE))]
    if instance.code_hash:
        named.append(("code", code_key(instance.code_hash)))
    if instance.storage.get("Version") == EXACT_VERSION:
        named += _own_entries(contract, instance)
    return _lives(named)


def soonest_end(contract: str) -> Life | None:
    """Of whatever of it ends first; None when there is no such contract."""
    return min((one.life for one in of_contract(contract)), key=lambda life: life.live_until, default=None)


def _own_entries(contract: str, instance: soroban_state.Instance) -> Iterator[tuple[str, xdr.LedgerKey]]:
    data = instance.storage["ContractData"]
    for number in range(1, data["next_token_id"]):
        for name in ("Investment", "Owner"):
            key = scval.to_enum(name, scval.to_uint32(number))
            yield f"{name}({number})", _data_key(contract, key)
    first = instance.storage["Obligations"]["through_day"]
    # Whoever invests on the last day of these is paid on the last day of those.
    last = first + data["claim_block_days"] + PERIOD_DAYS * data["return_months"]
    for page in range(first // PAGE_DAYS, last // PAGE_DAYS + 1):
        yield f"DuePage({page})", _data_key(contract, scval.to_enum("DuePage", scval.to_uint32(page)))
    balance = scval.to_enum("Balance", scval.to_address(contract))
    yield "its balance of the token", _data_key(data["token"], balance)


def _lives(named: Sequence[tuple[str, xdr.LedgerKey]]) -> list[EntryLife]:
    """Of those that are there, in the order given."""
    names = {key.to_xdr(): (name, key) for name, key in named}
    keys, found = [key for _, key in named], {}
    for start in range(0, len(keys), soroban_state.MOST_KEYS):
        part = keys[start : start + soroban_state.MOST_KEYS]
        answer = ask(lambda part=part: server().get_ledger_entries(part))  # type: ignore[misc]
        for entry in answer.entries or []:
            if entry.live_until_ledger is not None:
                found[entry.key] = Life(entry.live_until_ledger, answer.latest_ledger)
    return [EntryLife(*names[text], found[text]) for text in names if text in found]


def _data_key(contract: str, key: xdr.SCVal) -> xdr.LedgerKey:
    place = xdr.LedgerKeyContractData(Address(contract).to_xdr_sc_address(), key, _PERSISTENT)
    return xdr.LedgerKey(xdr.LedgerEntryType.CONTRACT_DATA, contract_data=place)


def code_key(code_hash: bytes) -> xdr.LedgerKey:
    """For a row of the book."""
    code = xdr.LedgerKeyContractCode(xdr.Hash(code_hash))
    return xdr.LedgerKey(xdr.LedgerEntryType.CONTRACT_CODE, contract_code=code)
