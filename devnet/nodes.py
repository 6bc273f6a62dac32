"""Three consensus nodes over gRPC: precheck, submission, receipts and records."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from hiero_sdk_python.hapi.services import (
    crypto_service_pb2_grpc,
    file_service_pb2_grpc,
    query_header_pb2,
    query_pb2,
    response_pb2,
    smart_contract_service_pb2_grpc,
    transaction_get_receipt_pb2,
    transaction_get_record_pb2,
    transaction_pb2,
    transaction_response_pb2,
)
from hiero_sdk_python.hapi.services.response_code_pb2 import ResponseCodeEnum

from devnet.actions import Refused, entity_text
from devnet.chain import Chain, ChainStopped
from devnet.faults import FaultBoard
from devnet.fees import QUERY_FEE
from devnet.http import LOOPBACK
from devnet.messages import receipt_message, record_message, response_header
from devnet.records import NS, Record
from devnet.transactions import MAX_BYTES, Submission, id_text, parse, precheck

RECEIPT_SECONDS = 180
# Answers that are made to wait hold a thread each; a pool starts them only when they are needed.
THREADS = 128


class Node(
    smart_contract_service_pb2_grpc.SmartContractServiceServicer,
    crypto_service_pb2_grpc.CryptoServiceServicer,
    file_service_pb2_grpc.FileServiceServicer,
):
    """One node's services. Faults concern a memo (`match`) and may name a node."""

    def __init__(self, account: str, chain: Chain, faults: FaultBoard) -> None:
        self.account = account
        self._chain = chain
        self._faults = faults

    def contractCallMethod(self, request: transaction_pb2.Transaction, context: grpc.ServicerContext) -> Any:
        return self._submit(request, context)

    def createContract(self, request: transaction_pb2.Transaction, context: grpc.ServicerContext) -> Any:
        return self._submit(request, context)

    def createFile(self, request: transaction_pb2.Transaction, context: grpc.ServicerContext) -> Any:
        return self._submit(request, context)

    def appendContent(self, request: transaction_pb2.Transaction, context: grpc.ServicerContext) -> Any:
        return self._submit(request, context)

    def cryptoTransfer(self, request: transaction_pb2.Transaction, context: grpc.ServicerContext) -> Any:
        return self._submit(request, context)

    def getTransactionReceipts(self, request: query_pb2.Query, context: grpc.ServicerContext) -> Any:
        query = request.transactionGetReceipt
        identity = _query_id(query)
        records = self._recent(identity)
        answer = transaction_get_receipt_pb2.TransactionGetReceiptResponse(header=response_header("OK"))
        if records:
            answer.receipt.CopyFrom(receipt_message(records[0]))
        elif self._chain.is_pending(identity):
            answer.receipt.status = ResponseCodeEnum.UNKNOWN
        else:
            answer.header.nodeTransactionPrecheckCode = ResponseCodeEnum.RECEIPT_NOT_FOUND
        if query.includeDuplicates:
            answer.duplicateTransactionReceipts.extend(receipt_message(record) for record in records[1:])
        return response_pb2.Response(transactionGetReceipt=answer)

    def getTxRecordByTxID(self, request: query_pb2.Query, context: grpc.ServicerContext) -> Any:
        """A paid query: it names its cost when asked, else its payment goes to consensus like any other."""
        query = request.transactionGetRecord
        asks_cost = query.header.responseType == query_header_pb2.COST_ANSWER
        code = "OK" if asks_cost else self._take_payment(query.header.payment)
        records = self._recent(_query_id(query))
        if code == "OK" and not records:
            code = "RECORD_NOT_FOUND"
        kind = query.header.responseType
        header = response_header(code, kind, QUERY_FEE if asks_cost else 0)
        answer = transaction_get_record_pb2.TransactionGetRecordResponse(header=header)
        if code == "OK" and not asks_cost:
            answer.transactionRecord.CopyFrom(record_message(records[0], self._chain.ledger))
        return response_pb2.Response(transactionGetRecord=answer)

    def _submit(self, request: transaction_pb2.Transaction, context: grpc.ServicerContext) -> Any:
        try:
            submission = self._read(request)
            memo = submission.memo.decode()
            self._lose_request(memo, context)
            precheck(submission, node=self.account, now_ns=self._chain.now_ns(), ledger=self._chain.ledger)
            self._take(submission, memo)
        except Refused as refused:
            return _response(refused.code, refused.cost)
        except ChainStopped as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        self._lose_reply(memo, context)
        return _response("OK")

    def _read(self, request: transaction_pb2.Transaction) -> Submission:
        if request.ByteSize() > MAX_BYTES:
            raise Refused("TRANSACTION_OVERSIZE")
        return parse(request.signedTransactionBytes, self._chain.ledger)

    def _take(self, submission: Submission, memo: str) -> None:
        if self._hit("consensus.busy", memo) is not None:
            raise Refused("BUSY")
        if self._hit("consensus.lose", memo) is not None:
            return
        if not self._chain.accept(submission, self.account):
            raise Refused("DUPLICATE_TRANSACTION")

    def _take_payment(self, payment: transaction_pb2.Transaction) -> str:
        try:
            submission = self._read(payment)
            precheck(submission, node=self.account, now_ns=self._chain.now_ns(), ledger=self._chain.ledger)
            self._take(submission, submission.memo.decode())
        except Refused as refused:
            return refused.code
        return "OK"

    def _lose_request(self, memo: str, context: grpc.ServicerContext) -> None:
        if self._hit("consensus.drop_request", memo) is not None:
            _reset(context)

    def _lose_reply(self, memo: str, context: grpc.ServicerContext) -> None:
        slow = self._faults.peek("consensus.latency_ms", memo) or {}
        time.sleep(float(slow.get("reply_ms", 0)) / 1000 + self._faults.seconds("network.latency_ms", memo))
        if self._hit("consensus.drop_reply", memo) is not None:
            _reset(context)

    def _hit(self, name: str, memo: str) -> Mapping[str, Any] | None:
        return self._faults.hit(name, memo, node=self.account)

    def _recent(self, transaction_id: str) -> list[Record]:
        """Nodes forget receipts three minutes after consensus."""
        oldest = self._chain.now_ns() - RECEIPT_SECONDS * NS
        return [record for record in self._chain.ledger.by_id(transaction_id) if record.consensus_ns > oldest]


class Nodes:
    """The three listeners; the fault `consensus.node_down` closes and reopens one."""

    def __init__(self, chain: Chain, faults: FaultBoard, ports: Mapping[str, int]) -> None:
        self.ports = dict(ports)
        self._faults = faults
        self._nodes = {account: Node(account, chain, faults) for account in ports}
        self._servers: dict[str, grpc.Server] = {}
        self._lock = threading.Lock()
        self._is_running = False
        faults.on_change(self._follow_faults)

    def start(self) -> None:
        self._is_running = True
        self._follow_faults()

    def stop(self) -> None:
        self._is_running = False
        self._follow_faults()

    def addresses(self) -> str:
        """As `HEDERA_NODES` wants them."""
        return ",".join(f"{account}={LOOPBACK}:{port}" for account, port in self.ports.items())

    def _follow_faults(self) -> None:
        with self._lock:
            for account in self.ports:
                is_down = self._faults.peek("consensus.node_down", node=account) is not None
                if self._is_running and not is_down:
                    self._open(account)
                else:
                    self._close(account)

    def _open(self, account: str) -> None:
        if account in self._servers:
            return
        server = grpc.server(ThreadPoolExecutor(THREADS), options=[("grpc.so_reuseport", 0)])
        node = self._nodes[account]
        smart_contract_service_pb2_grpc.add_SmartContractServiceServicer_to_server(node, server)
        crypto_service_pb2_grpc.add_CryptoServiceServicer_to_server(node, server)
        file_service_pb2_grpc.add_FileServiceServicer_to_server(node, server)
        self.ports[account] = server.add_insecure_port(f"{LOOPBACK}:{self.ports[account]}")
        server.start()
        self._servers[account] = server

    def _close(self, account: str) -> None:
        server = self._servers.pop(account, None)
        if server:
            server.stop(0).wait()


def _query_id(query: Any) -> str:
    identity = query.transactionID
    start = identity.transactionValidStart
    return id_text(entity_text(identity.accountID), start.seconds * NS + start.nanos)


def _response(code: str, cost: int = 0) -> transaction_response_pb2.TransactionResponse:
    return transaction_response_pb2.TransactionResponse(
        nodeTransactionPrecheckCode=ResponseCodeEnum.Value(code), cost=cost
    )


def _reset(context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset by the fault board")
    raise AssertionError("abort raises")
