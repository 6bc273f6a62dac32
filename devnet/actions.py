"""What a transaction asks for, and what a node finds wrong with it before it takes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hiero_sdk_python.hapi.services import basic_types_pb2

from devnet.fees import FILE_FEE, MAX_GAS, TINYBARS_PER_GAS, TRANSFER_FEE, intrinsic_gas
from devnet.records import NS

CREATION_GAS = 32_000


class Refused(Exception):
    """A precheck answer other than OK; `code` is a ResponseCodeEnum name."""

    def __init__(self, code: str, cost: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.cost = cost


@dataclass(frozen=True, slots=True)
class Call:
    """`contract` is 0.0.x or an EVM address, as the sender named it."""

    contract: str
    data: bytes
    gas: int
    amount: int

    name = "CONTRACTCALL"

    def worst_fee(self) -> int:
        return self.gas * TINYBARS_PER_GAS

    def check(self) -> None:
        _check_gas(self.gas, intrinsic_gas(self.data))
        if self.amount:
            raise Refused("NOT_SUPPORTED")


@dataclass(frozen=True, slots=True)
class Transfer:
    amounts: tuple[tuple[str, int], ...]
    moves_tokens: bool

    name = "CRYPTOTRANSFER"

    def worst_fee(self) -> int:
        return TRANSFER_FEE

    def check(self) -> None:
        if self.moves_tokens:
            raise Refused("NOT_SUPPORTED")
        if sum(amount for _, amount in self.amounts):
            raise Refused("INVALID_ACCOUNT_AMOUNTS")
        if len({account for account, _ in self.amounts}) != len(self.amounts):
            raise Refused("ACCOUNT_REPEATED_IN_ACCOUNT_AMOUNTS")


@dataclass(frozen=True, slots=True)
class FileCreate:
    """`keys` are raw public keys in hex; all of them have to sign, now and for every change."""

    contents: bytes
    keys: tuple[str, ...]
    expires_ns: int | None

    name = "FILECREATE"

    def worst_fee(self) -> int:
        return FILE_FEE

    def check(self) -> None:
        if self.expires_ns is None:
            raise Refused("INVALID_EXPIRATION_TIME")


@dataclass(frozen=True, slots=True)
class FileAppend:
    file_id: str
    contents: bytes

    name = "FILEAPPEND"

    def worst_fee(self) -> int:
        return FILE_FEE

    def check(self) -> None:
        """Whether there is such a file is found out at consensus."""


@dataclass(frozen=True, slots=True)
class ContractCreate:
    """Init code from a file, in hex digits, or in the transaction itself, where `file_id` is empty."""

    file_id: str
    code: bytes
    parameters: bytes
    gas: int
    amount: int
    renewal_seconds: int

    name = "CONTRACTCREATEINSTANCE"

    def worst_fee(self) -> int:
        return self.gas * TINYBARS_PER_GAS

    def check(self) -> None:
        _check_gas(self.gas, intrinsic_gas(self.code + self.parameters) + CREATION_GAS)
        if self.amount:
            raise Refused("NOT_SUPPORTED")
        if self.renewal_seconds <= 0:
            raise Refused("INVALID_RENEWAL_PERIOD")


Action = Call | Transfer | FileCreate | FileAppend | ContractCreate


def read_action(body: Any) -> Action:
    """Raises Refused for a kind of transaction that is not taken here."""
    kind = body.WhichOneof("data")
    if kind not in _READERS:
        raise Refused("NOT_SUPPORTED" if kind else "INVALID_TRANSACTION_BODY")
    return _READERS[kind](getattr(body, kind))


def entity_text(entity: basic_types_pb2.AccountID) -> str:
    return f"{entity.shardNum}.{entity.realmNum}.{entity.accountNum}"


def _check_gas(gas: int, least: int) -> None:
    if gas > MAX_GAS:
        raise Refused("MAX_GAS_LIMIT_EXCEEDED")
    if gas < least:
        raise Refused("INSUFFICIENT_GAS")


def _call(call: Any) -> Call:
    return Call(_contract_text(call.contractID), call.functionParameters, call.gas, call.amount)


def _transfer(transfer: Any) -> Transfer:
    lines = transfer.transfers.accountAmounts
    amounts = tuple((entity_text(line.accountID), line.amount) for line in lines)
    return Transfer(amounts, bool(transfer.tokenTransfers))


def _file_create(create: Any) -> FileCreate:
    expires = create.expirationTime.seconds * NS + create.expirationTime.nanos
    has_end = create.HasField("expirationTime")
    return FileCreate(
        create.contents, tuple(_key(key) for key in create.keys.keys), expires if has_end else None
    )


def _file_append(append: Any) -> FileAppend:
    return FileAppend(_file_text(append.fileID), append.contents)


def _contract_create(create: Any) -> ContractCreate:
    has_file = create.WhichOneof("initcodeSource") == "fileID"
    return ContractCreate(
        file_id=_file_text(create.fileID) if has_file else "",
        code=b"" if has_file else create.initcode,
        parameters=create.constructorParameters,
        gas=create.gas,
        amount=create.initialBalance,
        renewal_seconds=create.autoRenewPeriod.seconds,
    )


_READERS: dict[str, Callable[[Any], Action]] = {
    "contractCall": _call,
    "cryptoTransfer": _transfer,
    "fileCreate": _file_create,
    "fileAppend": _file_append,
    "contractCreateInstance": _contract_create,
}


def _key(key: Any) -> str:
    kind = key.WhichOneof("key")
    if kind not in ("ed25519", "ECDSA_secp256k1"):
        raise Refused("NOT_SUPPORTED")
    return bytes(getattr(key, kind)).hex()


def _file_text(file: Any) -> str:
    return f"{file.shardNum}.{file.realmNum}.{file.fileNum}"


def _contract_text(contract: basic_types_pb2.ContractID) -> str:
    if contract.evm_address:
        return "0x" + bytes(contract.evm_address).hex()
    return f"{contract.shardNum}.{contract.realmNum}.{contract.contractNum}"
