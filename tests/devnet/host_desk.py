"""The real Soroban host as a process, with a bank, a token and an investor, and the real SDK talking to it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stellar_sdk import (
    Asset,
    Keypair,
    SorobanDataBuilder,
    SorobanServer,
    TransactionBuilder,
    TransactionEnvelope,
    xdr,
)
from stellar_sdk.client.requests_client import RequestsClient
from stellar_sdk.soroban_rpc import GetTransactionResponse

from devnet.clock import Clock
from devnet.hosted.operations import HostOperations
from devnet.hosted.process import PROGRAM, READY, HostProcess
from devnet.soroban.codec import PASSPHRASE
from tests.devnet.stellar_desk import code_of

WHOLE = 10**7
FEE = 100
DAY = 86_400


class HostDesk:
    """`owner` owns the investment `contract`; its account is funded."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock(directory)
        self.host = HostProcess(directory, self.clock.path)
        self.host.start()
        self.owner = Keypair.from_raw_ed25519_seed(b"owner of the contract in tests!!")
        self.operations = HostOperations(self.host, directory, self._seed)
        self.made = self.operations.create_investment(owner=self.owner.public_key)
        self.contract = self.made["contract"]

    def _seed(self, account: str) -> bytes | None:
        return self.owner.raw_secret_key() if account == self.owner.public_key else None

    @property
    def rpc(self) -> SorobanServer:
        return SorobanServer(self.host.url, RequestsClient(num_retries=0, post_timeout=60))

    @property
    def ledger(self) -> int:
        return int(self.host.ask("devnet_status")["ledger"])

    def check(self, *, until: int = 0) -> TransactionEnvelope:
        """A check of the reserve, prepared and not signed; `until` in unix seconds, 0 for no end."""
        return self.rpc.prepare_transaction(self.unprepared("check_reserve_balance", until=until))

    def unprepared(
        self, function: str, arguments: Sequence[xdr.SCVal] = (), *, contract: str = "", until: int = 0
    ) -> TransactionEnvelope:
        builder = self._builder(until)
        builder.append_invoke_contract_function_op(contract or self.contract, function, list(arguments))
        return builder.build()

    def native_contract(self) -> TransactionEnvelope:
        """The making of the native asset's own contract, prepared and signed."""
        builder = self._builder(0)
        builder.append_create_stellar_asset_contract_from_asset_op(Asset.native())
        return self.signed(self.rpc.prepare_transaction(builder.build()))

    def on_entry(self, key: str, *, extend_to: int = 0) -> TransactionEnvelope:
        """The life of one entry extended to so many ledgers from now, or the entry restored; prepared and signed."""
        builder, data, place = self._builder(0), SorobanDataBuilder(), [xdr.LedgerKey.from_xdr(key)]
        if extend_to:
            builder.append_extend_footprint_ttl_op(extend_to)
            data.set_read_only(place)
        else:
            builder.append_restore_footprint_op()
            data.set_read_write(place)
        builder.set_soroban_data(data.build())
        return self.signed(self.rpc.prepare_transaction(builder.build()))

    def signed(self, envelope: TransactionEnvelope, by: Keypair | None = None) -> TransactionEnvelope:
        envelope.signatures.clear()
        envelope.sign(by or self.owner)
        return envelope

    def settle(self, envelope: TransactionEnvelope) -> GetTransactionResponse:
        """Sends it, closes a ledger, and gives what getTransaction says."""
        assert self.rpc.send_transaction(envelope).status.value == "PENDING"
        self.host.ask("devnet_closeLedgers", count=1)
        return self.rpc.get_transaction(envelope.hash_hex())

    def refusal(self, envelope: TransactionEnvelope) -> str:
        """The code with which sendTransaction refuses it, its status where it does not."""
        sent = self.rpc.send_transaction(envelope)
        if sent.error_result_xdr is None:
            return sent.status.value
        return code_of(sent.error_result_xdr)

    def entry(self, key: str) -> dict[str, Any]:
        return dict(self.host.ask("getLedgerEntries", keys=[key])["entries"][0])

    def seconds_now(self) -> int:
        return self.clock.now_ns() // 10**9

    def _builder(self, until: int) -> TransactionBuilder:
        account = self.rpc.load_account(self.owner.public_key)
        return TransactionBuilder(account, PASSPHRASE, FEE).add_time_bounds(0, until)


class Alone:
    """The program itself, started by hand with a pipe as its input."""

    def __init__(self, directory: Path, *more: str) -> None:
        self.process = subprocess.Popen(
            [str(PROGRAM), "--dir", str(directory), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def address(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(READY), line
        return line.removeprefix(READY).strip()

    def ends(self, patience: float) -> tuple[int, str]:
        """Exit code, and what it said of an error."""
        _, said = self.process.communicate(timeout=patience)
        return self.process.returncode, said
