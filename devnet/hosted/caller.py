"""Transactions of the devnet's owner on the real host: nothing is waived there, so each is signed like anybody's."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from stellar_sdk import Address, Keypair, SorobanServer, StrKey, TransactionBuilder, scval, xdr
from stellar_sdk.client.requests_client import RequestsClient
from stellar_sdk.contract import AssembledTransaction
from stellar_sdk.exceptions import AccountNotFoundException, SdkError
from stellar_sdk.soroban_rpc import GetTransactionResponse, GetTransactionStatus, SendTransactionStatus

from devnet.hosted.keyring import Keyring
from devnet.hosted.process import HostProcess
from devnet.operations import OperationFailed
from devnet.soroban.codec import PASSPHRASE

FEE = 100
BANK_STROOPS = 10**15
AUTHORISED_LEDGERS = 100
Build = Callable[[TransactionBuilder], TransactionBuilder]


class Caller:
    """One transaction after another, by the bank; the others whose word is needed sign their entries."""

    def __init__(self, host: HostProcess, keys: Keyring) -> None:
        self._host = host
        self._keys = keys
        self._lock = threading.Lock()

    @property
    def rpc(self) -> SorobanServer:
        return SorobanServer(self._host.url, RequestsClient(num_retries=0, post_timeout=60))

    def call(self, contract: str, function: str, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
        """What the function returned. Raises OperationFailed; then nothing has changed but the bank's money."""
        return self.run(
            lambda builder: builder.append_invoke_contract_function_op(contract, function, list(arguments))
        )

    def ask(self, contract: str, function: str, arguments: Sequence[xdr.SCVal] = ()) -> Any:
        """What a simulation says, as Python. Raises OperationFailed."""
        with _told():
            answer = self._assembled(
                lambda builder: builder.append_invoke_contract_function_op(
                    contract, function, list(arguments)
                )
            )
            return scval.to_native(answer.result())

    def upload(self, code: bytes) -> bytes:
        """The hash of the code."""
        return scval.from_bytes(self.run(lambda builder: builder.append_upload_contract_wasm_op(code)))

    def create(self, code_hash: bytes, arguments: Sequence[xdr.SCVal], salt: bytes) -> str:
        """The new contract's address."""
        by = Address(self._keys.bank.public_key)
        made = self.run(
            lambda builder: builder.append_create_contract_op(code_hash, by, list(arguments), salt)
        )
        return scval.from_address(made).address

    def run(self, build: Build) -> xdr.SCVal:
        with self._lock, _told():
            call = self._assembled(build)
            self._authorise(call)
            call.sign(self._keys.bank, force=True)
            return self._settled(call)

    def _assembled(self, build: Build) -> AssembledTransaction[Any]:
        bank = self._bank()
        builder = build(TransactionBuilder(self.rpc.load_account(bank.public_key), PASSPHRASE, FEE))
        # Without an end: it is included at once or not at all, whatever the clock of the ledgers says.
        builder.add_time_bounds(0, 0)
        return AssembledTransaction(builder, self.rpc, bank).simulate(restore=False)

    def _bank(self) -> Keypair:
        bank = self._keys.bank
        try:
            self.rpc.load_account(bank.public_key)
        except AccountNotFoundException:
            self._host.ask("devnet_fund", account=bank.public_key, stroops=BANK_STROOPS)
        return bank

    def _authorise(self, call: AssembledTransaction[Any]) -> None:
        wanted = call.needs_non_invoker_signing_by()
        for address in wanted:
            key = self._keys.of(address) if StrKey.is_valid_ed25519_public_key(address) else None
            if key is None:
                raise OperationFailed(f"the word of {address} is needed, whose key the devnet does not hold")
            call.authorize(key, valid_for_ledger_count=AUTHORISED_LEDGERS)
        if wanted:
            call.prepare(restore=False)

    def _settled(self, call: AssembledTransaction[Any]) -> xdr.SCVal:
        """In a ledger that closes at once."""
        envelope = call.built_transaction
        if envelope is None:
            raise OperationFailed("the call was not simulated")
        sent = self.rpc.send_transaction(envelope)
        if sent.status is not SendTransactionStatus.PENDING:
            raise OperationFailed(
                f"the network refused it: {sent.status.value} {sent.error_result_xdr or ''}"
            )
        self._host.ask("devnet_closeLedgers", count=1)
        found = self.rpc.get_transaction(envelope.hash_hex())
        if found.status is not GetTransactionStatus.SUCCESS or found.result_meta_xdr is None:
            raise OperationFailed(f"the transaction is {found.status.value}: {_why(found)}")
        meta = xdr.TransactionMeta.from_xdr(found.result_meta_xdr)
        body = meta.v4 or meta.v3
        value = body.soroban_meta.return_value if body is not None and body.soroban_meta is not None else None
        return value or xdr.SCVal(xdr.SCValType.SCV_VOID)


def _why(found: GetTransactionResponse) -> str:
    """The host's own diagnostics, as far as they are words, and the result."""
    events = [xdr.DiagnosticEvent.from_xdr(text) for text in found.diagnostic_events_xdr or ()]
    values = [event.event.body.v0.data for event in events if event.event.body.v0]
    words = [str(scval.to_native(value)) for value in values if value.type is xdr.SCValType.SCV_STRING]
    return "; ".join([*words, str(found.result_xdr)])


@contextmanager
def _told() -> Iterator[None]:
    """What the SDK raises becomes a refusal of the operation, in the first line of its words."""
    try:
        yield
    except SdkError as error:
        raise OperationFailed(str(error).split("\n\n", 1)[0]) from error
