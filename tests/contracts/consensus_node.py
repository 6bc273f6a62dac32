"""A consensus node of one process: the real gRPC services, with an answer and faults to choose."""

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
from hiero_sdk_python.hapi.services import (
    crypto_service_pb2_grpc,
    response_code_pb2,
    smart_contract_service_pb2_grpc,
    transaction_pb2,
    transaction_response_pb2,
)

from devnet.ports import free_port


class ConsensusNode(
    smart_contract_service_pb2_grpc.SmartContractServiceServicer,
    crypto_service_pb2_grpc.CryptoServiceServicer,
):
    """Keeps the bytes it received. `code` is its answer; `before_answer` may hang or abort."""

    def __init__(self, *, code: str = "OK", credentials: grpc.ServerCredentials | None = None) -> None:
        self.port = free_port()
        self.code = code
        self.received: list[tuple[str, bytes]] = []
        self.before_answer: Callable[[grpc.ServicerContext], None] = lambda context: None
        self.release = threading.Event()
        self._credentials = credentials
        self._server: grpc.Server | None = None

    def contractCallMethod(self, request: transaction_pb2.Transaction, context: grpc.ServicerContext) -> Any:
        return self._answer("contractCallMethod", request, context)

    def cryptoTransfer(self, request: transaction_pb2.Transaction, context: grpc.ServicerContext) -> Any:
        return self._answer("cryptoTransfer", request, context)

    def _answer(
        self, method: str, request: transaction_pb2.Transaction, context: grpc.ServicerContext
    ) -> Any:
        self.received.append((method, request.SerializeToString()))
        self.before_answer(context)
        code = (
            int(self.code) if self.code.isdecimal() else response_code_pb2.ResponseCodeEnum.Value(self.code)
        )
        return transaction_response_pb2.TransactionResponse(nodeTransactionPrecheckCode=code)

    def hang(self) -> None:
        """Gives no answer while the node lives."""
        self.release.wait(10)

    def start(self) -> "ConsensusNode":
        # With SO_REUSEPORT a second server on the port would share its calls instead of failing.
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        smart_contract_service_pb2_grpc.add_SmartContractServiceServicer_to_server(self, self._server)
        crypto_service_pb2_grpc.add_CryptoServiceServicer_to_server(self, self._server)
        address = f"127.0.0.1:{self.port}"
        if self._credentials is None:
            self._server.add_insecure_port(address)
        else:
            self._server.add_secure_port(address, self._credentials)
        self._server.start()
        return self

    def stop(self) -> None:
        self.release.set()
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None
