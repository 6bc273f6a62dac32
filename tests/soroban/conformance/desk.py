"""Somebody with keys at one of the networks: asks, signs and sends, and writes down every answer."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stellar_sdk import (
    Account,
    Address,
    InvokeHostFunction,
    Keypair,
    Operation,
    TransactionBuilder,
    TransactionEnvelope,
    xdr,
)
from stellar_sdk.auth import authorize_entry
from stellar_sdk.operation import ExtendFootprintTTL, RestoreFootprint

from devnet.records import NS
from devnet.soroban import codec
from tests.soroban.conformance import plain
from tests.soroban.conformance.peers import Peer, asked

DAY = 86_400
NOON = 1_893_499_200  # 2030-01-01 12:00 UTC: the day does not change while a script runs
FEE = 10_000_000
NAMES = ("owner", "project", "investor", "second", "stranger", "heir")


@dataclass(frozen=True, slots=True)
class Case:
    """One answer; `method` is a method of the RPC or a function of a contract."""

    method: str
    name: str
    answer: Any


class Desk:
    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.cases: list[Case] = []
        self.keys = {
            name: Keypair.from_raw_ed25519_seed(hashlib.sha256(name.encode()).digest()) for name in NAMES
        }
        peer.clock.advance(NOON - peer.clock.now_ns() // NS)
        peer.close_ledger()
        for name in NAMES[:-1]:
            peer.fund(self.address(name))

    def address(self, name: str) -> str:
        return self.keys[name].public_key

    def note(self, method: str, name: str, answer: Any) -> None:
        self.cases.append(Case(method, name, answer))

    def advance(self, days: float) -> None:
        self.peer.clock.advance(int(days * DAY))
        self.peer.close_ledger()

    # -- asking

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result, or `{"code": ...}` of an error."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        answer = asked(self.peer.url, body)
        return answer["result"] if "result" in answer else {"code": answer["error"]["code"]}

    def sequence(self, name: str) -> int:
        found = self.ask("getLedgerEntries", keys=[codec.account_key(self.address(name))])["entries"]
        return codec.account_state(found[0]["xdr"]).sequence if found else 0

    def entry(self, key: str) -> dict[str, Any] | None:
        found = self.ask("getLedgerEntries", keys=[key])["entries"]
        return found[0] if found else None

    def entries(self, method: str, name: str, keys: Sequence[str]) -> None:
        """Notes the entries as they stand, those that are not there too."""
        found = {one["key"]: one for one in self.ask("getLedgerEntries", keys=list(keys))["entries"]}
        self.note(method, name, [plain.entry(found[key]["xdr"]) if key in found else None for key in keys])

    def lives(self, method: str, name: str, ledger: int, keys: Sequence[str]) -> None:
        """Notes how many ledgers the entries live beyond this one."""
        found = [self.entry(key) for key in keys]
        self.note(method, name, [one and one["liveUntilLedgerSeq"] - ledger for one in found])

    # -- transactions

    def built(
        self, who: str, operation: Operation, data: str | None = None, *, sequence: int | None = None,
        fee: int = FEE, bounds: tuple[int, int] = (0, 0),
    ) -> TransactionEnvelope:  # fmt: skip
        before = self.sequence(who) if sequence is None else sequence
        builder = TransactionBuilder(Account(self.address(who), before), codec.PASSPHRASE, fee)
        builder.append_operation(operation).add_time_bounds(*bounds)
        if data is not None:
            builder.set_soroban_data(data)
        return builder.build()

    def simulated(
        self, who: str, operation: Operation, data: str | None = None, **options: Any
    ) -> dict[str, Any]:
        envelope = self.built(who, operation, data)
        return self.ask("simulateTransaction", transaction=envelope.to_xdr(), **options)

    def ready(
        self, who: str, operation: Operation, answer: dict[str, Any], signers: Sequence[str] = (), *,
        life: int = 1_000, **parts: Any,
    ) -> TransactionEnvelope:  # fmt: skip
        """Signed, with what the simulation asks for; address entries are signed by `signers` where they are theirs."""
        if isinstance(operation, InvokeHostFunction):
            texts = answer["results"][0]["auth"] if answer.get("results") else []
            until = answer["latestLedger"] + life
            entries = [self._authorised(text, signers, until) for text in texts]
            operation = InvokeHostFunction(operation.host_function, entries)
        envelope = self.built(who, operation, answer["transactionData"], **parts)
        envelope.sign(self.keys[who])
        return envelope

    def _authorised(self, text: str, signers: Sequence[str], until: int) -> xdr.SorobanAuthorizationEntry:
        entry = xdr.SorobanAuthorizationEntry.from_xdr(text)
        given = entry.credentials.address or entry.credentials.address_v2
        for name in signers if given is not None else ():
            if xdr.SCAddress.to_xdr(given.address) == _sc(self.address(name)).to_xdr():  # type: ignore[union-attr]
                return authorize_entry(entry, self.keys[name], until, codec.PASSPHRASE)
        return entry

    def send(self, envelope: TransactionEnvelope) -> dict[str, Any]:
        answer = self.ask("sendTransaction", transaction=envelope.to_xdr())
        shown = {"status": answer.get("status"), "code": answer.get("code")}
        return shown | (
            {"result": plain.result(answer["errorResultXdr"])} if "errorResultXdr" in answer else {}
        )

    def settled(self, envelope: TransactionEnvelope) -> tuple[dict[str, Any], dict[str, Any]]:
        """What was said when it was sent, and, a ledger later, what became of it."""
        sent = self.send(envelope)
        self.peer.close_ledger()
        return sent, self.ask("getTransaction", hash=envelope.hash_hex())

    def run(self, method: str, name: str, who: str, operation: Operation, *signers: str) -> int:
        """Simulates, and sends if that went well; notes both. The ledger, 0 without one."""
        found = self.simulated(who, operation)
        if "error" in found or "code" in found:
            self.note(method, name, found.get("code") or plain.error(found["error"]))
            return 0
        one = found["results"][0]
        shown = {
            "simulated": plain.value(xdr.SCVal.from_xdr(one["xdr"])),
            "auth": sorted(plain.authorisation(text) for text in one["auth"]),
            "events": plain.events_of_simulation(found["events"]),
        }
        sent, done = self.settled(self.ready(who, operation, found, signers))
        self.note(method, name, shown | {"sent": sent, "done": plain.done(done)})
        return int(done.get("ledger", 0))

    def footprint(
        self, method: str, name: str, operation: RestoreFootprint | ExtendFootprintTTL, keys: list[str]
    ) -> int:
        """Restores or extends these keys."""
        wanted = [xdr.LedgerKey.from_xdr(key) for key in keys]
        is_restoration = isinstance(operation, RestoreFootprint)
        footprint = xdr.LedgerFootprint([] if is_restoration else wanted, wanted if is_restoration else [])
        zero = xdr.Uint32(0)
        data = xdr.SorobanTransactionData(
            xdr.SorobanTransactionDataExt(0), xdr.SorobanResources(footprint, zero, zero, zero), xdr.Int64(0)
        ).to_xdr()
        found = self.simulated("stranger", operation, data)
        if "transactionData" not in found:
            self.note(method, name, found.get("code") or "refused")
            return 0
        sent, done = self.settled(self.ready("stranger", operation, found))
        self.note(method, name, {"sent": sent, "done": plain.done(done)})
        return int(done.get("ledger", 0))


def _sc(address: str) -> xdr.SCAddress:
    return Address(address).to_xdr_sc_address()
