"""Ledger keys, entries and addresses in XDR. Keys and entries are passed around as base64 text."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from stellar_sdk import Address, Keypair, Network, StrKey, scval, xdr

PASSPHRASE = Network.STANDALONE_NETWORK_PASSPHRASE
STROOPS = 10_000_000
PERSISTENT = xdr.ContractDataDurability.PERSISTENT
TEMPORARY = xdr.ContractDataDurability.TEMPORARY
_V0 = xdr.ExtensionPoint(0)
Value = TypeVar("Value")


def given(value: Value | None) -> Value:
    """An optional part of an XDR union that must be there; raises ValueError."""
    if value is None:
        raise ValueError("a part of the XDR is missing")
    return value


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a ledger entry. `live_until` is the last ledger it lives in; None lives for ever. Without data
    it was removed.
    """

    data: str
    modified: int
    live_until: int | None

    @property
    def is_removed(self) -> bool:
        return not self.data

    def is_archived(self, ledger: int) -> bool:
        return self.live_until is not None and self.live_until < ledger


def contract_name(*parts: str) -> str:
    """A contract id (C...) that follows from these parts."""
    return StrKey.encode_contract(hashlib.sha256("\n".join(parts).encode()).digest())


def account_key(account: str) -> str:
    account_id = Keypair.from_public_key(account).xdr_account_id()
    return xdr.LedgerKey(xdr.LedgerEntryType.ACCOUNT, account=xdr.LedgerKeyAccount(account_id)).to_xdr()


def data_key(contract: str, key: xdr.SCVal, durability: xdr.ContractDataDurability = PERSISTENT) -> str:
    return xdr.LedgerKey(
        xdr.LedgerEntryType.CONTRACT_DATA,
        contract_data=xdr.LedgerKeyContractData(Address(contract).to_xdr_sc_address(), key, durability),
    ).to_xdr()


@lru_cache(maxsize=16_384)
def instance_key(contract: str) -> str:
    return data_key(contract, xdr.SCVal(xdr.SCValType.SCV_LEDGER_KEY_CONTRACT_INSTANCE))


@lru_cache(maxsize=64)
def code_key(code_hash: bytes) -> str:
    code = xdr.LedgerKeyContractCode(xdr.Hash(code_hash))
    return xdr.LedgerKey(xdr.LedgerEntryType.CONTRACT_CODE, contract_code=code).to_xdr()


def nonce_key(address: xdr.SCAddress, nonce: int) -> str:
    value = xdr.SCVal(xdr.SCValType.SCV_LEDGER_KEY_NONCE, nonce_key=xdr.SCNonceKey(xdr.Int64(nonce)))
    return data_key(Address.from_xdr_sc_address(address).address, value, TEMPORARY)


def data_entry(key: str, value: xdr.SCVal) -> str:
    """The entry of a contract's key with this value."""
    place = given(xdr.LedgerKey.from_xdr(key).contract_data)
    entry = xdr.ContractDataEntry(_V0, place.contract, place.key, place.durability, value)
    return xdr.LedgerEntryData(xdr.LedgerEntryType.CONTRACT_DATA, contract_data=entry).to_xdr()


@lru_cache(maxsize=4_096)
def data_value(entry: str) -> xdr.SCVal:
    """Nobody may change what is in it."""
    return given(xdr.LedgerEntryData.from_xdr(entry).contract_data).val


def code_entry(code: bytes) -> str:
    body = xdr.ContractCodeEntry(xdr.ContractCodeEntryExt(0), xdr.Hash(hashlib.sha256(code).digest()), code)
    return xdr.LedgerEntryData(xdr.LedgerEntryType.CONTRACT_CODE, contract_code=body).to_xdr()


def instance_value(code_hash: bytes, storage: Mapping[str, xdr.SCVal]) -> xdr.SCVal:
    """A contract instance; `storage` by the name of its unit keys, for instance ContractData."""
    executable = xdr.ContractExecutable(
        xdr.ContractExecutableType.CONTRACT_EXECUTABLE_WASM, wasm_hash=xdr.Hash(code_hash)
    )
    entries = [xdr.SCMapEntry(unit_key(name), storage[name]) for name in sorted(storage)]
    instance = xdr.SCContractInstance(executable, xdr.SCMap(entries) if entries else None)
    return xdr.SCVal(xdr.SCValType.SCV_CONTRACT_INSTANCE, instance=instance)


def instance_parts(value: xdr.SCVal) -> tuple[bytes, dict[str, xdr.SCVal]]:
    """The code hash and the storage of an instance."""
    instance = given(value.instance)
    entries = instance.storage.sc_map if instance.storage else []
    code = given(instance.executable.wasm_hash).hash
    return code, {unit_name(entry.key): entry.val for entry in entries}


def unit_key(name: str) -> xdr.SCVal:
    """The key of a variant without fields, as the contract SDK writes it."""
    return scval.to_enum(name, None)


def unit_name(key: xdr.SCVal) -> str:
    return str(scval.from_enum(key)[0])


@dataclass(frozen=True, slots=True)
class AccountState:
    account: str
    stroops: int
    sequence: int

    def with_fee(self, fee: int, sequence: int) -> "AccountState":
        return replace(self, stroops=self.stroops - fee, sequence=sequence)


def account_entry(state: AccountState) -> str:
    body = xdr.AccountEntry(
        account_id=Keypair.from_public_key(state.account).xdr_account_id(),
        balance=xdr.Int64(state.stroops),
        seq_num=xdr.SequenceNumber(xdr.Int64(state.sequence)),
        num_sub_entries=xdr.Uint32(0),
        inflation_dest=None,
        flags=xdr.Uint32(0),
        home_domain=xdr.String32(b""),
        thresholds=xdr.Thresholds(b"\x01\x00\x00\x00"),
        signers=[],
        ext=xdr.AccountEntryExt(0),
    )
    return xdr.LedgerEntryData(xdr.LedgerEntryType.ACCOUNT, account=body).to_xdr()


def account_state(entry: str) -> AccountState:
    body = given(xdr.LedgerEntryData.from_xdr(entry).account)
    key = given(body.account_id.account_id.ed25519)
    return AccountState(
        StrKey.encode_ed25519_public_key(key.uint256), body.balance.int64, body.seq_num.sequence_number.int64
    )


def address_of(value: xdr.SCVal) -> str:
    return scval.from_address(value).address


def contract_event(contract: str, topics: Iterable[xdr.SCVal], data: xdr.SCVal) -> xdr.ContractEvent:
    return _event(xdr.ContractEventType.CONTRACT, contract, topics, data)


def system_event(contract: str, topics: Iterable[xdr.SCVal], data: xdr.SCVal) -> xdr.ContractEvent:
    return _event(xdr.ContractEventType.SYSTEM, contract, topics, data)


def diagnostic_event(contract: str, topics: Iterable[xdr.SCVal], data: xdr.SCVal) -> xdr.DiagnosticEvent:
    return xdr.DiagnosticEvent(False, _event(xdr.ContractEventType.DIAGNOSTIC, contract, topics, data))


def _event(
    kind: xdr.ContractEventType, contract: str, topics: Iterable[xdr.SCVal], data: xdr.SCVal
) -> xdr.ContractEvent:
    contract_id = xdr.ContractID(xdr.Hash(StrKey.decode_contract(contract))) if contract else None
    body = xdr.ContractEventBody(0, xdr.ContractEventV0(list(topics), data))
    return xdr.ContractEvent(_V0, contract_id, kind, body)


def code_hash(code: bytes) -> bytes:
    return hashlib.sha256(code).digest()
