"""What a mirror node tells, as frozen values.

Consensus times stay text, `seconds.nanoseconds` with nine digits: no digit is lost on the way to a column.
Every `read` raises ValueError, KeyError or TypeError for an answer that does not have the documented shape.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.clock import NANOSECONDS
from contracts.clock import consensus_text as to_text

Answer = Mapping[str, Any]

_CONSENSUS = re.compile(r"(\d{1,12})\.(\d{1,9})")
_FULL_CONSENSUS = re.compile(r"(0|[1-9][0-9]{0,11})\.[0-9]{9}")


def to_ns(text: str) -> int:
    """Integer nanoseconds of `seconds.nanoseconds`; ValueError for anything else."""
    found = _CONSENSUS.fullmatch(text)
    if not found:
        raise ValueError(f"not a consensus time: {text!r}")
    return int(found[1]) * NANOSECONDS + int(found[2].ljust(9, "0"))


def from_hex(text: str | None) -> bytes:
    return bytes.fromhex((text or "").removeprefix("0x"))


@dataclass(frozen=True, slots=True)
class TokenTransfer:
    """What one transaction moved of a token: positive units came to the account, negative ones left it."""

    token_id: str
    account: str
    units: int

    @classmethod
    def read(cls, answer: Answer) -> TokenTransfer:
        return cls(_text(answer["token_id"]), _text(answer["account"]), _integer(answer["amount"]))


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """One record of a transaction id: `nonce` 0 is the transaction itself, others are its children."""

    consensus_at: str
    transaction_id: str
    name: str
    result: str
    hash: bytes
    nonce: int
    node: str | None
    entity_id: str | None
    memo: bytes
    charged_fee: int
    valid_start: str
    valid_seconds: int | None = None
    token_transfers: tuple[TokenTransfer, ...] = ()

    @property
    def consensus_ns(self) -> int:
        return to_ns(self.consensus_at)

    @property
    def valid_start_ns(self) -> int:
        return to_ns(self.valid_start)

    @property
    def payer(self) -> str:
        """An account's list holds all that touched it; the payer is in the id."""
        return self.transaction_id.partition("-")[0]

    @classmethod
    def read(cls, answer: Answer) -> TransactionRecord:
        return cls(
            consensus_at=_moment(answer["consensus_timestamp"]),
            transaction_id=_text(answer["transaction_id"]),
            name=_text(answer["name"]),
            result=_text(answer["result"]),
            hash=base64.b64decode(answer["transaction_hash"], validate=True),
            nonce=_integer(answer["nonce"]),
            node=answer["node"],
            entity_id=answer["entity_id"],
            memo=base64.b64decode(answer["memo_base64"] or "", validate=True),
            charged_fee=_integer(answer["charged_tx_fee"]),
            valid_start=_moment(answer["valid_start_timestamp"]),
            valid_seconds=_optional_integer(answer.get("valid_duration_seconds")),
            token_transfers=tuple(TokenTransfer.read(one) for one in answer.get("token_transfers") or ()),
        )


@dataclass(frozen=True, slots=True)
class Log:
    """`index` counts within one transaction; (consensus_at, index) names a log among all of its contract."""

    address: str
    contract_id: str | None
    topics: tuple[str, ...]
    data: bytes
    index: int
    consensus_at: str
    transaction_hash: bytes
    block_number: int | None

    @property
    def consensus_ns(self) -> int:
        return to_ns(self.consensus_at)

    @classmethod
    def read(cls, answer: Answer) -> Log:
        return cls(
            address=_text(answer["address"]).lower(),
            contract_id=answer["contract_id"],
            topics=tuple(_text(topic).lower() for topic in answer["topics"]),
            data=from_hex(answer["data"]),
            index=_integer(answer["index"]),
            consensus_at=_moment(answer["timestamp"]),
            transaction_hash=from_hex(answer["transaction_hash"]),
            block_number=_optional_integer(answer["block_number"]),
        )


@dataclass(frozen=True, slots=True)
class ContractResult:
    """`is_final` is False for a partial answer: it may still grow, so nothing is decided by it.

    `hash` has 32 bytes: the first 32 of the 48 of the transaction's hash.
    """

    result: str
    error_message: str | None
    call_result: bytes
    gas_used: int | None
    gas_limit: int | None
    logs: tuple[Log, ...]
    consensus_at: str
    hash: bytes
    is_final: bool
    to: str | None
    from_: str | None

    @classmethod
    def read(cls, answer: Answer, *, is_final: bool) -> ContractResult:
        # A result's own logs lack what they share with it.
        shared = {
            "timestamp": answer["timestamp"],
            "transaction_hash": answer["hash"],
            "block_number": answer.get("block_number"),
        }
        return cls(
            result=_text(answer["result"]),
            error_message=answer["error_message"],
            call_result=from_hex(answer["call_result"]),
            gas_used=_optional_integer(answer["gas_used"]),
            gas_limit=_optional_integer(answer["gas_limit"]),
            logs=tuple(Log.read(shared | entry) for entry in answer["logs"]),
            consensus_at=_moment(answer["timestamp"]),
            hash=from_hex(answer["hash"]),
            is_final=is_final,
            to=answer["to"],
            from_=answer["from"],
        )


@dataclass(frozen=True, slots=True)
class ResultSummary:
    """A contract result as lists show it."""

    consensus_at: str
    hash: bytes
    gas_used: int | None
    gas_limit: int | None

    @classmethod
    def read(cls, answer: Answer) -> ResultSummary:
        return cls(
            consensus_at=_moment(answer["timestamp"]),
            hash=from_hex(answer["hash"]),
            gas_used=_optional_integer(answer["gas_used"]),
            gas_limit=_optional_integer(answer["gas_limit"]),
        )


@dataclass(frozen=True, slots=True)
class Block:
    number: int
    from_: str
    to: str

    @property
    def to_ns(self) -> int:
        return to_ns(self.to)

    @classmethod
    def read(cls, answer: Answer) -> Block:
        span = answer["timestamp"]
        return cls(_integer(answer["number"]), _moment(span["from"]), _moment(span["to"]))


@dataclass(frozen=True, slots=True)
class Account:
    """`key_hex` is as the mirror shows it; None for an account without a key of its own."""

    account: str
    evm_address: str | None
    key_type: str | None
    key_hex: str | None
    balance_tinybars: int | None
    deleted: bool

    @classmethod
    def read(cls, answer: Answer) -> Account:
        key, balance = answer["key"] or {}, answer["balance"] or {}
        return cls(
            account=_text(answer["account"]),
            evm_address=answer["evm_address"],
            key_type=key.get("_type"),
            key_hex=key.get("key"),
            balance_tinybars=_optional_integer(balance.get("balance")),
            deleted=bool(answer["deleted"]),
        )


@dataclass(frozen=True, slots=True)
class ContractInfo:
    """`code` is what runs at its address; empty where the mirror node does not tell it."""

    contract_id: str
    evm_address: str
    code: bytes = b""

    @classmethod
    def read(cls, answer: Answer) -> ContractInfo:
        code = from_hex(answer.get("runtime_bytecode"))
        return cls(_text(answer["contract_id"]), _text(answer["evm_address"]).lower(), code)


@dataclass(frozen=True, slots=True)
class TokenInfo:
    token_id: str
    name: str
    symbol: str
    decimals: int
    total_supply_units: int
    is_paused: bool

    @classmethod
    def read(cls, answer: Answer) -> TokenInfo:
        return cls(
            token_id=_text(answer["token_id"]),
            name=_text(answer["name"]),
            symbol=_text(answer["symbol"]),
            decimals=_integer(answer["decimals"]),
            total_supply_units=_integer(answer["total_supply"]),
            is_paused=answer.get("pause_status") == "PAUSED",
        )


@dataclass(frozen=True, slots=True)
class TokenRelation:
    """An account's association with a token; the statuses are the mirror's words (FROZEN, GRANTED, ...)."""

    token_id: str
    balance_units: int
    freeze_status: str
    kyc_status: str

    @classmethod
    def read(cls, answer: Answer) -> TokenRelation:
        return cls(
            token_id=_text(answer["token_id"]),
            balance_units=_integer(answer["balance"]),
            freeze_status=_text(answer["freeze_status"]),
            kyc_status=_text(answer["kyc_status"]),
        )


@dataclass(frozen=True, slots=True)
class NodeAddress:
    account: str
    host: str
    port: int
    certificate_hash: bytes

    @classmethod
    def read(cls, answer: Answer) -> NodeAddress:
        first: Answer = next(iter(answer["service_endpoints"]), {})
        return cls(
            account=_text(answer["node_account_id"]),
            host=first.get("ip_address_v4") or first.get("domain_name") or "",
            port=_integer(first.get("port", 0)),
            certificate_hash=from_hex(answer["node_cert_hash"]),
        )


def _moment(value: Any) -> str:
    """As it is, when it is written as mirror nodes write it."""
    text = _text(value)
    return text if _FULL_CONSENSUS.fullmatch(text) else to_text(to_ns(text))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text was expected, not {value!r}")
    return value


def _integer(value: Any) -> int:
    """Mirror nodes write some integers as text, and none with a fraction."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if type(value) is not int:
        raise TypeError(f"an integer was expected, not {value!r}")
    return value


def _optional_integer(value: Any) -> int | None:
    return None if value is None else _integer(value)
