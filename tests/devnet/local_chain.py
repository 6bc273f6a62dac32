"""A devnet in this process with a payer whose key the test holds, and raw transactions for its nodes."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from hiero_sdk_python import PrivateKey
from hiero_sdk_python.hapi.services import (
    crypto_service_pb2_grpc,
    query_pb2,
    response_pb2,
    smart_contract_service_pb2_grpc,
    transaction_pb2,
)
from hiero_sdk_python.hapi.services.response_code_pb2 import ResponseCodeEnum
from hiero_sdk_python.hapi.services.transaction_contents_pb2 import SignedTransaction

from devnet.artifacts import artifact
from devnet.records import NS, Record
from devnet.runtime import Devnet
from devnet.transactions import id_text
from tests.patience import PATIENCE

BLOCK_SECONDS = 0.1
CONSENSUS_SECONDS = 0.02
FIRST_NODE = "0.0.3"
PAYOUT_GAS = 15_000_000
_starts = itertools.count()


@contextmanager
def running(state_dir: Path, **options: Any) -> Iterator[Devnet]:
    devnet = Devnet(
        state_dir, **{"block_seconds": BLOCK_SECONDS, "consensus_seconds": CONSENSUS_SECONDS} | options
    )
    devnet.start()
    try:
        yield devnet
    finally:
        devnet.stop()


def wait_for(is_true: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := is_true()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return found


@dataclass
class Sent:
    """What a node answered, and how to find the transaction again."""

    code: str
    transaction_id: str
    message: transaction_pb2.Transaction


@dataclass
class Setting:
    """A prepared scenario and its payer's key."""

    devnet: Devnet
    key: PrivateKey
    ids: dict[str, Any]
    channels: dict[str, grpc.Channel] = field(default_factory=dict)

    @property
    def payer(self) -> str:
        return str(self.ids["payer"]["id"])

    @property
    def payout(self) -> str:
        return str(self.ids["payout_contract"]["id"])

    @property
    def holders(self) -> list[str]:
        return list(self.ids["holders"])

    def snapshot(self) -> int:
        return int(self.devnet.operations.call(self.ids["asset"]["id"], "takeSnapshot")[0])

    def payout_data(self, snapshot: int, holders: Sequence[str], pool: int = 1_000_000) -> bytes:
        arguments = [self.ids["asset"]["evm_address"], snapshot, list(holders), pool]
        return artifact("LifeCycleCashFlow").call_data("executeAmountSnapshotByAddresses", arguments)

    def paid(self) -> dict[str, int]:
        calls = [[holder] for holder in self.holders]
        answers = self.devnet.operations.view_many(self.ids["payment_token"]["id"], "balanceOf", calls)
        return dict(zip(self.holders, (answer[0] for answer in answers), strict=True))

    def body(
        self,
        *,
        data: bytes = b"",
        node: str = FIRST_NODE,
        start_ns: int | None = None,
        valid_seconds: int = 120,
        gas: int = PAYOUT_GAS,
        memo: str = "",
        max_fee: int = 20 * 100_000_000,
        transfers: Sequence[tuple[str, int]] | None = None,
        payer: str | None = None,
    ) -> transaction_pb2.TransactionBody:
        body = transaction_pb2.TransactionBody(memo=memo, transactionFee=max_fee)
        start = body.transactionID.transactionValidStart
        start.seconds, start.nanos = divmod(self.fresh_start() if start_ns is None else start_ns, NS)
        body.transactionID.accountID.accountNum = _number(payer or self.payer)
        body.nodeAccountID.accountNum = _number(node)
        body.transactionValidDuration.seconds = valid_seconds
        if transfers is None:
            body.contractCall.contractID.contractNum = _number(self.payout)
            body.contractCall.gas = gas
            body.contractCall.functionParameters = data
        else:
            body.cryptoTransfer.SetInParent()
        for account, amount in transfers or ():
            line = body.cryptoTransfer.transfers.accountAmounts.add(amount=amount)
            line.accountID.accountNum = _number(account)
        return body

    def fresh_start(self) -> int:
        """Eight seconds ago on the chain's clock, never the same twice."""
        return self.devnet.chain.now_ns() - 8 * NS + next(_starts)

    def sign(
        self, body: transaction_pb2.TransactionBody, key: PrivateKey | None = None
    ) -> transaction_pb2.Transaction:
        signer, content = key or self.key, body.SerializeToString()
        signed = SignedTransaction(bodyBytes=content)
        pair = signed.sigMap.sigPair.add(pubKeyPrefix=signer.public_key().to_bytes_raw())
        setattr(pair, "ed25519" if signer.is_ed25519() else "ECDSA_secp256k1", signer.sign(content))
        return transaction_pb2.Transaction(signedTransactionBytes=signed.SerializeToString())

    def send(self, message: transaction_pb2.Transaction, node: str = FIRST_NODE) -> Sent:
        """Raises grpc.RpcError where the node does not answer."""
        signed = SignedTransaction.FromString(message.signedTransactionBytes)
        body = transaction_pb2.TransactionBody.FromString(signed.bodyBytes)
        stub = (
            crypto_service_pb2_grpc.CryptoServiceStub(self.channel(node)).cryptoTransfer
            if body.WhichOneof("data") == "cryptoTransfer"
            else smart_contract_service_pb2_grpc.SmartContractServiceStub(
                self.channel(node)
            ).contractCallMethod
        )
        answer = stub(message, timeout=PATIENCE)
        start = body.transactionID.transactionValidStart
        identity = id_text(f"0.0.{body.transactionID.accountID.accountNum}", start.seconds * NS + start.nanos)
        return Sent(ResponseCodeEnum.Name(answer.nodeTransactionPrecheckCode), identity, message)

    def submit(self, **parts: Any) -> Sent:
        return self.send(self.sign(self.body(**parts)), parts.get("node", FIRST_NODE))

    def settle(self, sent: Sent) -> Record:
        """The first record of an accepted transaction."""
        assert sent.code == "OK"
        return self.records(sent)[0]

    def records(self, sent: Sent, count: int = 1) -> list[Record]:
        def found() -> list[Record] | None:
            records = self.devnet.ledger.by_id(sent.transaction_id)
            return records if len(records) >= count else None

        records: list[Record] = wait_for(found)
        return records

    def receipt(self, sent: Sent, node: str = FIRST_NODE) -> Any:
        query = query_pb2.Query()
        body = SignedTransaction.FromString(sent.message.signedTransactionBytes).bodyBytes
        identity = transaction_pb2.TransactionBody.FromString(body).transactionID
        query.transactionGetReceipt.transactionID.CopyFrom(identity)
        answer: response_pb2.Response = crypto_service_pb2_grpc.CryptoServiceStub(
            self.channel(node)
        ).getTransactionReceipts(query, timeout=PATIENCE)
        return answer.transactionGetReceipt

    def channel(self, node: str) -> grpc.Channel:
        if node not in self.channels:
            self.channels[node] = grpc.insecure_channel(f"127.0.0.1:{self.devnet.nodes.ports[node]}")
        return self.channels[node]

    def close(self) -> None:
        for channel in self.channels.values():
            channel.close()


@contextmanager
def prepared(devnet: Devnet, key: PrivateKey | None = None, **plan: Any) -> Iterator[Setting]:
    key = key or PrivateKey.generate_ecdsa()
    public = key.public_key().to_bytes_raw().hex()
    setting = Setting(devnet, key, devnet.control.do_prepare(public_key=public, **{"holders": 20} | plan))
    try:
        yield setting
    finally:
        setting.close()


def _number(entity_id: str) -> int:
    return int(entity_id.rsplit(".", 1)[1])
