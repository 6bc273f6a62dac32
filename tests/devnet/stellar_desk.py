"""A local Stellar network with one investment contract, and the real SDK talking to it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stellar_sdk import Keypair, SorobanServer, TransactionEnvelope, scval, xdr
from stellar_sdk.client.requests_client import RequestsClient
from stellar_sdk.contract import AssembledTransaction, ContractClient
from stellar_sdk.soroban_rpc import GetTransactionResponse, SendTransactionResponse

from devnet.clock import Clock
from devnet.faults import FaultBoard
from devnet.records import NS
from devnet.soroban import server
from devnet.soroban.codec import PASSPHRASE
from devnet.soroban.network import Network
from devnet.soroban.operations import SorobanOperations

CHECK = "check_reserve_balance"
WHOLE = 10**7
DAY = 86_400


class Desk:
    """`owner` holds the key of the contract's owner; its account is funded."""

    def __init__(self, directory: Path, *, retries: int = 0, **params: int) -> None:
        self.faults = FaultBoard(directory)
        self.clock = Clock(directory)
        self.network = Network(directory, self.faults, self.clock)
        self.operations = SorobanOperations(self.network)
        self.server = server.SorobanServer(self.network, self.faults)
        self.server.start()
        self.owner = Keypair.from_raw_ed25519_seed(b"owner of the contract in tests!!")
        self.operations.make_sure(self.owner.public_key)
        self.made = self.operations.create_investment(owner=self.owner.public_key, **params)
        self.contract = self.made["contract"]
        self.requests = RequestsClient(num_retries=retries, post_timeout=5, backoff_factor=0.01)
        self.rpc = SorobanServer(self.server.url, self.requests)

    def client(self, contract: str = "") -> ContractClient:
        return ContractClient(contract or self.contract, self.server.url, PASSPHRASE, self.requests)

    def call(
        self,
        function: str = CHECK,
        arguments: Sequence[xdr.SCVal] = (),
        *,
        contract: str = "",
        source: str = "",
        **options: Any,
    ) -> AssembledTransaction[Any]:
        """Simulated already; the value as Python."""
        return self.client(contract).invoke(
            function,
            list(arguments),
            source=source or self.owner.public_key,
            signer=self.owner,
            parse_result_xdr_fn=scval.to_native,
            restore=options.pop("restore", False),
            transaction_timeout=300 + self.clock.offset_ns() // NS,
            **options,
        )

    def signed(self, function: str = CHECK, arguments: Sequence[xdr.SCVal] = ()) -> TransactionEnvelope:
        call = self.call(function, arguments).sign(force=True)
        assert call.built_transaction is not None
        return call.built_transaction

    def altered(
        self, envelope: TransactionEnvelope, *, signer: Keypair | None = None, **parts: Any
    ) -> TransactionEnvelope:
        """The same transaction with other parts (fee, sequence, preconditions), signed anew."""
        for name, value in parts.items():
            setattr(envelope.transaction, name, value)
        envelope.signatures.clear()
        envelope.sign(signer or self.owner)
        return envelope

    def send(self, envelope: TransactionEnvelope) -> SendTransactionResponse:
        return self.rpc.send_transaction(envelope)

    def settle(self, envelope: TransactionEnvelope) -> GetTransactionResponse:
        """Sends it, closes a ledger, and gives what getTransaction says."""
        assert self.send(envelope).status.value == "PENDING"
        self.network.close_ledger()
        return self.rpc.get_transaction(envelope.hash_hex())

    def events(self, first: int = 1_000, **filters: Any) -> list[Any]:
        return self.rpc.get_events(first, **filters).events

    def books(self) -> dict[str, int]:
        return dict(self.operations.info(self.contract)["balances"])

    def advance(self, days: float) -> None:
        self.clock.advance(int(days * DAY))

    def close(self) -> None:
        self.server.stop()
        self.network.close()
        self.rpc.close()


@contextmanager
def desk(directory: Path, **options: int) -> Iterator[Desk]:
    opened = Desk(directory, **options)
    try:
        yield opened
    finally:
        opened.close()


def returned(answer: GetTransactionResponse) -> Any:
    """The value that the ledger's metadata keeps."""
    assert answer.result_meta_xdr is not None
    meta = xdr.TransactionMeta.from_xdr(answer.result_meta_xdr)
    body = meta.v4 or meta.v3
    assert body is not None
    assert body.soroban_meta is not None
    assert body.soroban_meta.return_value is not None
    return scval.to_native(body.soroban_meta.return_value)


def code_of(result_xdr: str | None) -> str:
    assert result_xdr is not None
    return xdr.TransactionResult.from_xdr(result_xdr).result.code.name


def inner_code(result_xdr: str | None) -> str:
    """The code of the contract call inside a failed transaction."""
    assert result_xdr is not None
    results = xdr.TransactionResult.from_xdr(result_xdr).result.results
    assert results is not None
    assert results[0].tr is not None
    assert results[0].tr.invoke_host_function_result is not None
    return results[0].tr.invoke_host_function_result.code.name
