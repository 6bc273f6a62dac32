"""Reading a signed Hedera transaction and what a node checks before it takes it (precheck)."""

import hashlib
from dataclasses import dataclass
from typing import Any

from hiero_sdk_python.hapi.services import basic_types_pb2, transaction_pb2
from hiero_sdk_python.hapi.services.transaction_contents_pb2 import SignedTransaction

from devnet.actions import Action, Refused, entity_text, read_action
from devnet.keys import is_signed
from devnet.ledger import Ledger
from devnet.records import NS, Account

MAX_BYTES = 6_144
MAX_MEMO = 100
DURATIONS = range(15, 181)
_TRANSFER = "cryptoTransfer"


@dataclass(frozen=True, slots=True)
class Submission:
    """A transaction as its sender signed it. `signers` are the known accounts whose key signed."""

    hash: bytes
    transaction_id: str
    payer: str
    node: str
    valid_start_ns: int
    valid_seconds: int
    memo: bytes
    max_fee: int
    action: Action
    signers: frozenset[str]

    @property
    def valid_until_ns(self) -> int:
        return self.valid_start_ns + self.valid_seconds * NS


def parse(signed: bytes, ledger: Ledger) -> Submission:
    """Raises Refused for what cannot be read; checks neither time nor money."""
    if len(signed) > MAX_BYTES:
        raise Refused("TRANSACTION_OVERSIZE")
    try:
        envelope = SignedTransaction.FromString(signed)
        body = transaction_pb2.TransactionBody.FromString(envelope.bodyBytes)
    except Exception as error:  # protobuf raises its own DecodeError type per implementation
        raise Refused("INVALID_TRANSACTION_BODY") from error
    payer = entity_text(body.transactionID.accountID)
    return Submission(
        hash=hashlib.sha384(signed).digest(),
        transaction_id=_id_text(body.transactionID),
        payer=payer,
        node=entity_text(body.nodeAccountID),
        valid_start_ns=_start_ns(body.transactionID),
        valid_seconds=body.transactionValidDuration.seconds,
        memo=body.memo.encode(),
        max_fee=body.transactionFee,
        action=read_action(body),
        signers=_signers(envelope, _involved(body, payer), ledger),
    )


def precheck(submission: Submission, *, node: str, now_ns: int, ledger: Ledger) -> None:
    """Raises Refused with the answer a node gives; order as on the network."""
    if len(submission.memo) > MAX_MEMO:
        raise Refused("MEMO_TOO_LONG")
    if submission.node != node:
        raise Refused("INVALID_NODE_ACCOUNT")
    _check_time(submission, now_ns)
    submission.action.check()
    payer = ledger.account(submission.payer)
    if payer is None or payer.deleted:
        raise Refused("PAYER_ACCOUNT_NOT_FOUND")
    if payer.account not in submission.signers:
        raise Refused("INVALID_SIGNATURE")
    check_fee(submission, ledger)


def check_fee(submission: Submission, ledger: Ledger) -> None:
    fee = submission.action.worst_fee()
    if submission.max_fee < fee:
        raise Refused("INSUFFICIENT_TX_FEE", cost=fee)
    if ledger.balance(submission.payer) < fee:
        raise Refused("INSUFFICIENT_PAYER_BALANCE", cost=fee)


def _check_time(submission: Submission, now_ns: int) -> None:
    if submission.valid_seconds not in DURATIONS:
        raise Refused("INVALID_TRANSACTION_DURATION")
    if submission.valid_until_ns <= now_ns:
        raise Refused("TRANSACTION_EXPIRED")
    if submission.valid_start_ns > now_ns:
        raise Refused("INVALID_TRANSACTION_START")


def _involved(body: Any, payer: str) -> set[str]:
    if body.WhichOneof("data") != _TRANSFER:
        return {payer}
    lines = body.cryptoTransfer.transfers.accountAmounts
    return {payer, *(entity_text(line.accountID) for line in lines if line.amount < 0)}


def _signers(envelope: SignedTransaction, involved: set[str], ledger: Ledger) -> frozenset[str]:
    known = [account for account in (ledger.account(name) for name in involved) if account]
    return frozenset(account.account for account in known if _has_signed(account, envelope))


def _has_signed(account: Account, envelope: SignedTransaction) -> bool:
    if account.key_type is None:
        return False
    public_key = bytes.fromhex(account.key_hex)
    for pair in envelope.sigMap.sigPair:
        if not public_key.startswith(pair.pubKeyPrefix):
            continue
        signature = pair.ed25519 if account.key_type == "ED25519" else pair.ECDSA_secp256k1
        if is_signed(account.key_type, public_key, envelope.bodyBytes, signature):
            return True
    return False


def _start_ns(identity: basic_types_pb2.TransactionID) -> int:
    return int(identity.transactionValidStart.seconds) * NS + int(identity.transactionValidStart.nanos)


def id_text(payer: str, valid_start_ns: int) -> str:
    return f"{payer}-{valid_start_ns // NS}-{valid_start_ns % NS:09d}"


def _id_text(identity: basic_types_pb2.TransactionID) -> str:
    return id_text(entity_text(identity.accountID), _start_ns(identity))
