"""Hedera's consensus nodes: the exact bytes to be signed, the signed bytes, and one sending of them.

Bodies and signatures are made by hiero-sdk. The sending is not left to its `execute`: that repeats a BUSY by
itself, goes on to other nodes, refuses for 16 s and more to talk to a node that failed once, and has one
error for "nothing was sent" and "something was". Here one call is one sending over a connection of its own,
and the moment at which the connection stands divides "surely not sent" from "may have been accepted".
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from typing import Literal

import grpc
from django.conf import settings
from hiero_sdk_python import AccountId, ContractExecuteTransaction, ContractId, PublicKey, TransactionId
from hiero_sdk_python.hapi.sdk.transaction_list_pb2 import TransactionList
from hiero_sdk_python.hapi.services import (
    basic_types_pb2,
    response_code_pb2,
    timestamp_pb2,
    transaction_contents_pb2,
    transaction_pb2,
    transaction_response_pb2,
)
from hiero_sdk_python.transaction.transaction import Transaction
from hiero_sdk_python.transaction.transfer_transaction import TransferTransaction

from contracts.gateways.errors import Busy, OutcomeUnknown, Refused, Unavailable
from contracts.gateways.nodes import connection, forget_nodes, known_nodes

Scheme = Literal["ED25519", "SECP256K1"]

NANOSECONDS = 1_000_000_000
MAX_GAS = 15_000_000
MAX_MEMO_BYTES = 100
MAX_SECONDS = 10
MAX_PROBES, PROBE_SECONDS = 3, 3
VALID_SECONDS = range(15, 181)
SIGNATURE_BYTES = 64
# The function of a row that is no contract call: see `build_transfer`.
SELF_TRANSFER = "cryptoTransfer"

_ED25519_DER = bytes.fromhex("302a300506032b6570032100")
_ENTITY = re.compile(r"\d+\.\d+\.\d+")

_METHODS = {
    "contractCall": "/proto.SmartContractService/contractCallMethod",
    SELF_TRANSFER: "/proto.CryptoService/cryptoTransfer",
    "fileCreate": "/proto.FileService/createFile",
    "fileAppend": "/proto.FileService/appendContent",
    "contractCreateInstance": "/proto.SmartContractService/createContract",
}
_BUSY = ("BUSY", "PLATFORM_NOT_ACTIVE", "PLATFORM_TRANSACTION_NOT_CREATED")
# The node has this id already, or does not know what became of it: either way the chain decides.
_UNDECIDED = ("DUPLICATE_TRANSACTION", "UNKNOWN")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every transaction has. `valid_start_ns` with the payer is its identity, for ever."""

    payer: str
    max_fee_tinybars: int
    memo: str
    valid_start_ns: int
    valid_seconds: int


@dataclass(frozen=True, slots=True)
class CallSpec:
    """A contract call; the contract and the payer are given as `0.0.x`."""

    payer: str
    contract: str
    call_data: bytes
    gas: int
    max_fee_tinybars: int
    memo: str
    valid_start_ns: int
    valid_seconds: int

    @property
    def envelope(self) -> Envelope:
        return Envelope(self.payer, self.max_fee_tinybars, self.memo, self.valid_start_ns, self.valid_seconds)


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """`raw` is stored and sent as it is; `hash` is the 48 bytes by which the mirror node knows it."""

    raw: bytes
    hash: bytes


def transaction_id_text(payer: str, valid_start_ns: int) -> str:
    """The id as the mirror node writes it: `0.0.5-1700000000-000000007`."""
    seconds, nanos = divmod(valid_start_ns, NANOSECONDS)
    return f"{payer}-{seconds}-{nanos:09d}"


def nodes() -> tuple[str, ...]:
    """Ids of the nodes that can be used; Unavailable if the network has to be asked and does not answer."""
    return tuple(known_nodes())


def check_connection() -> None:
    """Raises Unavailable when none of a few nodes lets us connect. Sends nothing."""
    last = Unavailable("the network has no node")
    for node in list(known_nodes().values())[:MAX_PROBES]:
        try:
            with connection(node, seconds=PROBE_SECONDS):
                return
        except Unavailable as error:
            last = error
    raise last


def close() -> None:
    """Forgets the address book. Connections end with their sending, so there is nothing else to give back."""
    forget_nodes()


def build_call(spec: CallSpec, *, node: str) -> bytes:
    """The TransactionBody to be signed, for this node only; ValueError for what no network would take."""
    if not 0 < spec.gas <= MAX_GAS:
        raise ValueError(f"gas has to be between 1 and {MAX_GAS}, not {spec.gas}")
    contract = ContractId.from_string(entity(spec.contract))
    call = ContractExecuteTransaction(contract_id=contract, gas=spec.gas, function_parameters=spec.call_data)
    return freeze(call, spec.envelope, node)


def build_transfer(envelope: Envelope, *, node: str) -> bytes:
    """The payer gives one tinybar to itself.

    The network takes an account once per transfer list (else ACCOUNT_REPEATED_IN_ACCOUNT_AMOUNTS), so minus
    one and plus one become one entry of nothing: the payer pays the fee, and the chain has its transaction.
    """
    payer = AccountId.from_string(entity(envelope.payer))
    transfer = TransferTransaction().add_hbar_transfer(payer, -1).add_hbar_transfer(payer, 1)
    return freeze(transfer, envelope, node)


def assemble(body: bytes, *, scheme: Scheme, public_key: bytes, signature: bytes) -> SignedTransaction:
    """Puts a signature beside the stored body. Whether the signature is right is the caller's business."""
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    # Only with a signature map, be it empty, does the SDK take a body for frozen and leave it alone.
    unsigned = transaction_contents_pb2.SignedTransaction(
        bodyBytes=body, sigMap=basic_types_pb2.SignatureMap()
    )
    wrapped = transaction_pb2.Transaction(signedTransactionBytes=unsigned.SerializeToString())
    restored = Transaction.from_bytes(_as_list(wrapped))
    restored.sign_with(public_key_of(scheme, public_key), lambda _: signature)
    message = _only_message(restored)
    if _body_of(message) != body:
        raise ValueError("the signed transaction does not hold the stored body")
    digest = hashlib.sha384(message.signedTransactionBytes).digest()
    return SignedTransaction(raw=message.SerializeToString(), hash=digest)


def broadcast(raw: bytes, *, node: str) -> None:
    """Sends the stored bytes once and returns when the node has taken them for consensus.

    Refused(code) when its check said no, Busy or Unavailable when nothing was accepted, OutcomeUnknown in all
    other cases. Connecting and sending take at most HEDERA_TIMEOUT_SECONDS.
    """
    method = _method_for(raw, node)
    endpoint = known_nodes().get(node)
    if endpoint is None:
        raise Unavailable(f"the network has no node {node}", code="UNKNOWN_NODE")
    deadline = time.monotonic() + min(settings.HEDERA_TIMEOUT_SECONDS, MAX_SECONDS)
    with connection(endpoint, seconds=deadline - time.monotonic()) as channel:
        answer = _send(channel, method, raw, deadline - time.monotonic())
    _judge(answer.nodeTransactionPrecheckCode, node)


def _send(
    channel: grpc.Channel, method: str, raw: bytes, seconds: float
) -> transaction_response_pb2.TransactionResponse:
    call = channel.unary_unary(
        method, response_deserializer=transaction_response_pb2.TransactionResponse.FromString
    )
    try:
        return call(raw, timeout=max(0.0, seconds))
    except grpc.RpcError as error:
        code, text = error.code(), error.details()
        raise OutcomeUnknown(
            f"no answer to the sending: {text}", code=code.name, status=code.value[0]
        ) from error


def _judge(precheck: int, node: str) -> None:
    code = _code_name(precheck)
    text = f"node {node} answered {code}"
    if code == "OK":
        return
    if code in _BUSY:
        raise Busy(text, code=code, status=precheck)
    if code in _UNDECIDED:
        raise OutcomeUnknown(text, code=code, status=precheck)
    raise Refused(text, code=code, status=precheck)


def _code_name(precheck: int) -> str:
    """Networks are newer than libraries: a number without a name keeps its number."""
    try:
        return str(response_code_pb2.ResponseCodeEnum.Name(precheck))
    except ValueError:
        return f"RESPONSE_CODE_{precheck}"


def freeze(transaction: Transaction, envelope: Envelope, node: str) -> bytes:
    """The TransactionBody for one node. ValueError for an envelope that no network would take."""
    _check(envelope)
    seconds, nanos = divmod(envelope.valid_start_ns, NANOSECONDS)
    start = timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)
    transaction.set_transaction_id(TransactionId(AccountId.from_string(entity(envelope.payer)), start))
    transaction.set_node_account_ids([AccountId.from_string(entity(node))])
    transaction.set_transaction_memo(envelope.memo)
    transaction.set_transaction_valid_duration(envelope.valid_seconds)
    transaction.transaction_fee = envelope.max_fee_tinybars
    return _body_of(_only_message(transaction.freeze()))


def _check(envelope: Envelope) -> None:
    if not envelope.memo.isascii() or len(envelope.memo) > MAX_MEMO_BYTES:
        raise ValueError(f"a memo is ASCII of at most {MAX_MEMO_BYTES} bytes: {envelope.memo!r}")
    if envelope.valid_seconds not in VALID_SECONDS:
        raise ValueError(f"a transaction is valid for 15 to 180 s, not {envelope.valid_seconds}")
    if type(envelope.valid_start_ns) is not int or envelope.valid_start_ns <= 0:
        raise ValueError(f"the start of validity is whole nanoseconds, not {envelope.valid_start_ns!r}")
    if type(envelope.max_fee_tinybars) is not int or envelope.max_fee_tinybars <= 0:
        raise ValueError(f"the highest fee is whole tinybars above 0, not {envelope.max_fee_tinybars!r}")


def entity(text: str) -> str:
    """Only `0.0.x`: an alias would have to be looked up, and may come to mean another account."""
    if not _ENTITY.fullmatch(text):
        raise ValueError(f"an account or contract is written 0.0.x, not {text!r}")
    return text


def public_key_of(scheme: Scheme, raw: bytes) -> PublicKey:
    if scheme == "SECP256K1":
        return PublicKey.from_bytes_ecdsa(raw)
    # Of 32 bare bytes the SDK warns each time that they might be a private seed; DER says what they are.
    return PublicKey.from_der(_ED25519_DER + raw)


def _as_list(message: transaction_pb2.Transaction) -> bytes:
    return bytes(TransactionList(transaction_list=[message]).SerializeToString())


def _only_message(transaction: Transaction) -> transaction_pb2.Transaction:
    messages = TransactionList.FromString(transaction.to_bytes()).transaction_list
    if len(messages) != 1:
        raise ValueError(f"one body for one node was expected, not {len(messages)}")
    return messages[0]


def _body_of(message: transaction_pb2.Transaction) -> bytes:
    return bytes(
        transaction_contents_pb2.SignedTransaction.FromString(message.signedTransactionBytes).bodyBytes
    )


def _method_for(raw: bytes, node: str) -> str:
    body = transaction_pb2.TransactionBody.FromString(_body_of(transaction_pb2.Transaction.FromString(raw)))
    target = f"{body.nodeAccountID.shardNum}.{body.nodeAccountID.realmNum}.{body.nodeAccountID.accountNum}"
    if target != node:
        raise ValueError(f"these bytes are for node {target}, not {node}")
    kind = str(body.WhichOneof("data"))
    if kind not in _METHODS:
        raise ValueError(f"{kind} is not sent by Paydate")
    return _METHODS[kind]
