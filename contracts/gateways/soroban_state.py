"""What a Soroban contract keeps on its ledger, read without a call: nobody's authority is asked for that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stellar_sdk import Address, scval, xdr

from contracts.gateways.soroban_rpc import ask, parsed, server

MOST_KEYS = 200


@dataclass(frozen=True, slots=True)
class Instance:
    """A contract's instance as of a ledger: its storage by name as Python values, and how long it lives.

    Structs are dicts, maps are dicts by their keys, addresses are text. ``code_hash`` is empty for a token of the
    network itself, which has no code.
    """

    code_hash: bytes
    storage: dict[str, Any]
    live_until: int
    ledger: int


def instance(contract: str) -> Instance | None:
    """None when there is no contract at the address C.... Raises Unavailable or Refused."""
    answer = ask(lambda: server().get_ledger_entries([_instance_key(contract)]))
    if not answer.entries:
        return None
    entry = answer.entries[0]
    code_hash, storage = parsed(lambda: _parts(entry.xdr))
    return Instance(code_hash, storage, entry.live_until_ledger or 0, answer.latest_ledger)


def values(contract: str, keys: Sequence[xdr.SCVal]) -> tuple[list[Any], int]:
    """The persistent entries under these keys, each as a Python value or None, and the ledger of the answer.

    At most 200 keys at once. Raises Unavailable or Refused.
    """
    names = [_key(contract, key) for key in keys]
    answer = ask(lambda: server().get_ledger_entries(names))
    found = {entry.key: entry.xdr for entry in answer.entries or []}
    read = [found.get(name.to_xdr()) for name in names]
    return parsed(lambda: [native(_data(text)) if text else None for text in read]), answer.latest_ledger


def native(value: xdr.SCVal) -> Any:
    """The value as Python: integers exact, addresses as text, bytes as hex, structs and maps as dicts, in any depth."""
    return _plain(scval.to_native(value))


def _parts(text: str) -> tuple[bytes, dict[str, Any]]:
    """Hash of the code, and storage. Raises whatever XDR of another kind leads to."""
    value = _data(text).instance
    if value is None:
        raise ValueError("the entry is no instance")
    code, entries = value.executable.wasm_hash, value.storage.sc_map if value.storage else []
    return code.hash if code else b"", {_name(entry.key): native(entry.val) for entry in entries}


def _name(key: xdr.SCVal) -> str:
    """A key without arguments is a symbol, or an enum of one: a vector with a symbol in it."""
    name = native(key)
    return str(name[0]) if isinstance(name, list) and len(name) == 1 else str(name)


def _data(text: str) -> xdr.SCVal:
    data = xdr.LedgerEntryData.from_xdr(text).contract_data
    if data is None:
        raise ValueError("the entry is no contract data")
    return data.val


def _plain(value: Any) -> Any:
    if isinstance(value, Address):
        return value.address
    if isinstance(value, dict):
        return {_plain(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _instance_key(contract: str) -> xdr.LedgerKey:
    return _key(contract, xdr.SCVal(xdr.SCValType.SCV_LEDGER_KEY_CONTRACT_INSTANCE))


def _key(contract: str, key: xdr.SCVal) -> xdr.LedgerKey:
    return xdr.LedgerKey(
        type=xdr.LedgerEntryType.CONTRACT_DATA,
        contract_data=xdr.LedgerKeyContractData(
            contract=Address(contract).to_xdr_sc_address(),
            key=key,
            durability=xdr.ContractDataDurability.PERSISTENT,
        ),
    )
