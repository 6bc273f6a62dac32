"""What a transaction on Soroban may do besides a call: upload code, make a contract, lengthen and restore lives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stellar_sdk import Address, StrKey, TransactionBuilder, scval, xdr

UPLOAD, CREATE = "stellarUploadWasm", "stellarCreateContract"
EXTEND, RESTORE = "stellarExtendTtl", "stellarRestoreFootprint"


@dataclass(frozen=True, slots=True)
class Upload:
    """`code` is a wasm module."""

    code: bytes
    function: str = UPLOAD

    @property
    def contract(self) -> str:
        return "the code"

    def add_to(self, builder: TransactionBuilder) -> None:
        builder.append_upload_contract_wasm_op(self.code)


@dataclass(frozen=True, slots=True)
class Creation:
    """A contract of uploaded code, made by `deployer` (G...) with its constructor's arguments."""

    code_hash: bytes
    deployer: str
    salt: bytes
    arguments: tuple[xdr.SCVal, ...]
    function: str = CREATE

    @property
    def contract(self) -> str:
        return f"the code {self.code_hash.hex()}"

    def add_to(self, builder: TransactionBuilder) -> None:
        builder.append_create_contract_op(self.code_hash, self.deployer, list(self.arguments), self.salt)


@dataclass(frozen=True, slots=True)
class Extension:
    """Entries of `contract` (C...) live at least so many ledgers from when it is included."""

    contract: str
    keys: tuple[xdr.LedgerKey, ...]
    ledgers: int
    function: str = EXTEND

    def add_to(self, builder: TransactionBuilder) -> None:
        builder.append_extend_footprint_ttl_op(self.ledgers)
        builder.set_soroban_data(_touching(read_only=self.keys))


@dataclass(frozen=True, slots=True)
class Restoration:
    """Archived entries of `contract` (C...) live again."""

    contract: str
    keys: tuple[xdr.LedgerKey, ...]
    function: str = RESTORE

    def add_to(self, builder: TransactionBuilder) -> None:
        builder.append_restore_footprint_op()
        builder.set_soroban_data(_touching(read_write=self.keys))


def address_of(deployer: str, salt: bytes, passphrase: str) -> str:
    """C... of the contract that `deployer` (G...) makes with this salt: known before it is made, and made once."""
    preimage = xdr.ContractIDPreimage(
        xdr.ContractIDPreimageType.CONTRACT_ID_PREIMAGE_FROM_ADDRESS,
        from_address=xdr.ContractIDPreimageFromAddress(
            Address(deployer).to_xdr_sc_address(), xdr.Uint256(salt)
        ),
    )
    network = xdr.Hash(hashlib.sha256(passphrase.encode()).digest())
    image = xdr.HashIDPreimage(
        xdr.EnvelopeType.ENVELOPE_TYPE_CONTRACT_ID,
        contract_id=xdr.HashIDPreimageContractID(network, preimage),
    )
    return StrKey.encode_contract(hashlib.sha256(image.to_xdr_bytes()).digest())


def construction(
    *, places: tuple[str, str, str], words: tuple[str, str, str], terms: Mapping[str, Any]
) -> list[str]:
    """What the investment contract's constructor takes, as a row of the book keeps it.

    `places` are owner, project and token, `words` uri, name and symbol; of the `terms` amounts are text.
    """
    kinds: dict[str, Callable[[int], xdr.SCVal]] = {
        "claim_block_days": scval.to_uint64,
        "goal": scval.to_int128,
        "i_rate": scval.to_uint32,
        "min_per_investment": scval.to_int128,
        "return_months": scval.to_uint32,
        "return_type": scval.to_uint32,
    }
    params = scval.to_struct({name: write(int(terms[name])) for name, write in kinds.items()})
    values = [*map(scval.to_address, places), *map(scval.to_string, words), params]
    return [value.to_xdr() for value in values]


def keys_of(texts: Sequence[str]) -> tuple[xdr.LedgerKey, ...]:
    """Keys as a row of the book keeps them, as base64 XDR. ValueError for anything else."""
    try:
        return tuple(xdr.LedgerKey.from_xdr(text) for text in texts)
    except Exception as error:  # XDR of another kind fails in every way there is
        raise ValueError(f"an argument is no key of the ledger: {error}") from error


def _touching(
    *, read_only: Sequence[xdr.LedgerKey] = (), read_write: Sequence[xdr.LedgerKey] = ()
) -> xdr.SorobanTransactionData:
    """What a simulation is asked about; it says the resources."""
    none = xdr.Uint32(0)
    footprint = xdr.LedgerFootprint(list(read_only), list(read_write))
    resources = xdr.SorobanResources(footprint, none, none, none)
    return xdr.SorobanTransactionData(xdr.SorobanTransactionDataExt(0), resources, xdr.Int64(0))
