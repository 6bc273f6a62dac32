"""What a script does on a peer: people with keys, calls that are simulated or sent, and answers in a normal form.

Masked are what no two networks have in common: ledger numbers and close times, nonces, fees and resources, and the
host's own words around an error.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from stellar_sdk import (
    Account,
    Address,
    Keypair,
    SorobanServer,
    TransactionBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk.auth import authorize_entry
from stellar_sdk.client.requests_client import RequestsClient

from devnet.soroban import codec
from tests.soroban.conformance.peers import Peer, asked

PASSPHRASE = codec.PASSPHRASE
FOREVER = 4_000_000_000
_ERROR = re.compile(r"Error\(\w+, #?\w+\)")
MASKED = "through_ts"


def person(name: str) -> Keypair:
    return Keypair.from_raw_ed25519_seed(name.encode().ljust(32, b".")[:32])


class Hands:
    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.server = SorobanServer(peer.url, RequestsClient(num_retries=0, post_timeout=30))

    # -- the RPC as it is

    def raw(self, method: str, params: Any) -> Any:
        """`result`, or the code of the error."""
        body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
        answer = asked(self.peer.url, body.encode())
        assert answer["id"] == 7
        return answer["result"] if "result" in answer else {"error": answer["error"]["code"]}

    def entry(self, key: str) -> dict[str, Any] | None:
        entries = self.raw("getLedgerEntries", {"keys": [key]})["entries"]
        return entries[0] if entries else None

    def sequence(self, account: str) -> int:
        found = self.entry(codec.account_key(account))
        assert found is not None
        return codec.account_state(found["xdr"]).sequence

    # -- envelopes

    def builder(self, by: Keypair, *, ahead: int = 0) -> TransactionBuilder:
        account = Account(by.public_key, self.sequence(by.public_key) + ahead)
        return TransactionBuilder(account, PASSPHRASE, 100).add_time_bounds(0, FOREVER)

    def call(self, by: Keypair, contract: str, function: str, *arguments: xdr.SCVal) -> TransactionEnvelope:
        builder = self.builder(by)
        return builder.append_invoke_contract_function_op(contract, function, list(arguments)).build()

    def prepared(
        self, by: Keypair, envelope: TransactionEnvelope, signers: Sequence[Keypair] = ()
    ) -> TransactionEnvelope:
        """With the resources and authorisations that a simulation says, signed by all who must."""
        answer = self.raw("simulateTransaction", {"transaction": envelope.to_xdr()})
        if "results" in answer and signers:
            operation: Any = envelope.transaction.operations[0]
            until = answer["latestLedger"] + 100
            entries = [xdr.SorobanAuthorizationEntry.from_xdr(text) for text in answer["results"][0]["auth"]]
            operation.auth = [self._authorised(one, signers, until) for one in entries]
            answer = self.raw("simulateTransaction", {"transaction": envelope.to_xdr()})
        assert "transactionData" in answer, answer.get("error")
        self.assemble(envelope, answer)
        envelope.sign(by)
        return envelope

    def _authorised(
        self, entry: xdr.SorobanAuthorizationEntry, signers: Sequence[Keypair], until: int
    ) -> xdr.SorobanAuthorizationEntry:
        credentials = entry.credentials.address or entry.credentials.address_v2
        if credentials is None:
            return entry
        who = Address.from_xdr_sc_address(credentials.address).address
        signer = next((one for one in signers if one.public_key == who), None)
        return authorize_entry(entry, signer, until, PASSPHRASE) if signer else entry

    def assemble(self, envelope: TransactionEnvelope, answer: Any) -> None:
        transaction: Any = envelope.transaction
        transaction.soroban_data = xdr.SorobanTransactionData.from_xdr(answer["transactionData"])
        transaction.fee = 100 + int(answer["minResourceFee"])
        results = answer.get("results")
        if results and not transaction.operations[0].auth:
            transaction.operations[0].auth = [
                xdr.SorobanAuthorizationEntry.from_xdr(text) for text in results[0]["auth"]
            ]

    # -- answers in their normal form

    def simulated(self, envelope: TransactionEnvelope, **options: Any) -> dict[str, Any]:
        answer = self.raw("simulateTransaction", {"transaction": envelope.to_xdr(), **options})
        if isinstance(answer.get("error"), int):
            return dict(answer)
        if "error" in answer:
            return {"error": error_of(answer["error"])}
        if "results" not in answer:
            return {"offer": sorted(answer.keys() - {"events", "latestLedger"})}
        result = answer["results"][0]
        return {
            "value": plain(xdr.SCVal.from_xdr(result["xdr"])),
            "auth": sorted(map(auth_of, result["auth"])),
            "told": told(answer["events"]),
        }

    def sent(self, envelope: TransactionEnvelope) -> dict[str, Any]:
        answer = self.raw("sendTransaction", {"transaction": envelope.to_xdr()})
        if "error" in answer:
            return dict(answer)
        assert answer["hash"] == envelope.hash_hex()
        code = answer.get("errorResultXdr")
        return {"status": answer["status"], "code": code_of(code) if code else ""}

    def settled(self, envelope: TransactionEnvelope) -> dict[str, Any]:
        """Sent, included in a ledger of its own, and looked up."""
        first = self.sent(envelope)
        if first["status"] != "PENDING":
            return first
        self.peer.close_ledger()
        return self.outcome(envelope.hash_hex())

    def outcome(self, digest: str) -> dict[str, Any]:
        answer = self.raw("getTransaction", {"hash": digest})
        if answer["status"] == "NOT_FOUND":
            return {"status": "NOT_FOUND"}
        meta = xdr.TransactionMeta.from_xdr(answer["resultMetaXdr"]).v4
        assert meta is not None
        value = meta.soroban_meta.return_value if meta.soroban_meta else None
        events = [one for texts in answer["events"]["contractEventsXdr"] for one in texts]
        return {
            "status": answer["status"],
            "code": code_of(answer["resultXdr"]),
            "value": plain(value) if value else None,
            "events": [event_of(xdr.ContractEvent.from_xdr(text)) for text in events],
            "order": answer["applicationOrder"],
        }

    def done(
        self, by: Keypair, contract: str, function: str, *arguments: xdr.SCVal, **more: Any
    ) -> dict[str, Any]:
        """A whole call, for good."""
        envelope = self.call(by, contract, function, *arguments)
        return self.settled(self.prepared(by, envelope, more.get("signers", ())))

    def kept(self, key: str) -> dict[str, Any] | None:
        """An entry's data, and how long it lives after its last change."""
        found = self.entry(key)
        if found is None:
            return None
        life = found.get("liveUntilLedgerSeq")
        data = xdr.LedgerEntryData.from_xdr(found["xdr"])
        shown = "code" if data.contract_code else found["xdr"]
        return {"data": shown, "life": life and life - found["lastModifiedLedgerSeq"]}


def error_of(text: str) -> str:
    found = _ERROR.search(text)
    return found[0] if found else "an error"


def code_of(text: str) -> str:
    result = xdr.TransactionResult.from_xdr(text).result
    inner = result.results[0].tr if result.results else None
    if inner is None:
        return result.code.name
    parts = (
        inner.invoke_host_function_result,
        inner.extend_footprint_ttl_result,
        inner.restore_footprint_result,
    )
    return f"{result.code.name} {next(part.code.name for part in parts if part)}"


def auth_of(text: str) -> str:
    """Whose word is asked for what; nonces are random."""
    entry = xdr.SorobanAuthorizationEntry.from_xdr(text)
    credentials = entry.credentials.address or entry.credentials.address_v2
    who = Address.from_xdr_sc_address(credentials.address).address if credentials else "source"
    return f"{entry.credentials.type.name} {who} {entry.root_invocation.to_xdr()}"


def told(events: Sequence[str]) -> list[Any]:
    """The contracts' own events among the diagnostics."""
    found = [xdr.DiagnosticEvent.from_xdr(text) for text in events]
    contract = xdr.ContractEventType.CONTRACT
    return [event_of(one.event) for one in found if one.event.type == contract]


def event_of(event: xdr.ContractEvent) -> list[Any]:
    body = event.body.v0
    assert body is not None
    assert event.contract_id is not None
    return [event.contract_id.to_xdr(), [plain(topic) for topic in body.topics], plain(body.data)]


def plain(value: xdr.SCVal) -> Any:
    """Its XDR; of a map its parts, so that a time of the network can be masked."""
    if value.type is not xdr.SCValType.SCV_MAP or value.map is None:
        return value.to_xdr()
    parts = {}
    for entry in value.map.sc_map:
        name = scval.from_symbol(entry.key) if entry.key.sym else entry.key.to_xdr()
        parts[name] = "masked" if name == MASKED else plain(entry.val)
    return parts
