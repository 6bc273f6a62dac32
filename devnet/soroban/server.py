"""The Soroban RPC of the devnet: JSON-RPC 2.0 over POST, with the answers of the public service."""

from collections.abc import Callable, Mapping
from typing import Any

from stellar_sdk import xdr

from devnet.faults import FaultBoard
from devnet.http import Answer
from devnet.soroban import codec
from devnet.soroban.envelopes import Submitted, Unreadable, parse
from devnet.soroban.errors import NO_METHOD, RpcError, invalid
from devnet.soroban.fees import BASE_FEE
from devnet.soroban.front import RpcFront, error_answer
from devnet.soroban.headers import header
from devnet.soroban.history import get_events
from devnet.soroban.host import Moment
from devnet.soroban.network import Network, ledger_hash
from devnet.soroban.simulation import simulate
from devnet.soroban.store import HISTORY_LEDGERS
from devnet.soroban.timeline import RETENTION

PROTOCOL = 27
MOST_KEYS = 200
_PERCENTILES = ("p10", "p20", "p30", "p40", "p50", "p60", "p70", "p80", "p90", "p95", "p99")
Params = Mapping[str, Any]
Method = Callable[[Params, int], dict[str, Any]]


class SorobanServer(RpcFront):
    """The model of the network behind it."""

    def __init__(self, network: Network, faults: FaultBoard, *, port: int = 0) -> None:
        super().__init__(faults, port=port)
        self._network = network
        self._methods: Mapping[str, Method] = {
            "getHealth": self._health,
            "getNetwork": self._about,
            "getLatestLedger": self._latest_ledger,
            "getLedgerEntries": self._ledger_entries,
            "getFeeStats": self._fee_stats,
            "simulateTransaction": self._simulate,
            "sendTransaction": self._send,
            "getTransaction": self._transaction,
            "getEvents": self._events,
        }

    def answered(self, name: str, params: Any, identity: Any, subject: str) -> Answer:
        method = self._methods.get(name)
        if method is None:
            return error_answer(identity, NO_METHOD, "method not found")
        try:
            if not isinstance(params, dict):
                raise invalid("params must be an object")
            with self._network.current() as latest:
                result = method(params, latest.sequence - self._behind(subject))
        except RpcError as error:
            return error_answer(identity, error.code, error.message)
        return Answer(200, {"jsonrpc": "2.0", "id": identity, "result": result})

    def _behind(self, subject: str) -> int:
        """By how many ledgers this answer is late; never further than entries are known."""
        fault = self._faults.hit("soroban.lag", subject)
        timeline = self._network.timeline
        late = int(fault.get("ledgers", 1)) if fault is not None else 0
        return min(late, HISTORY_LEDGERS, timeline.latest.sequence - timeline.oldest)

    # -- methods; `ledger` is the latest one the answer may know

    def _health(self, params: Params, ledger: int) -> dict[str, Any]:
        oldest = self._network.timeline.oldest
        return {
            "status": "healthy",
            "latestLedger": ledger,
            "oldestLedger": oldest,
            "ledgerRetentionWindow": RETENTION,
        }

    def _about(self, params: Params, ledger: int) -> dict[str, Any]:
        return {"passphrase": codec.PASSPHRASE, "protocolVersion": PROTOCOL}

    def _latest_ledger(self, params: Params, ledger: int) -> dict[str, Any]:
        closed = self._network.timeline.closed(ledger)
        return {
            "id": ledger_hash(ledger).hex(),
            "protocolVersion": PROTOCOL,
            "sequence": ledger,
            "closeTime": str(closed),
            "headerXdr": header(ledger, closed, PROTOCOL),
            "metadataXdr": "",
        }

    def _ledger_entries(self, params: Params, ledger: int) -> dict[str, Any]:
        keys = params.get("keys")
        if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_KEYS:
            raise invalid(f"key count must be between 1 and {MOST_KEYS}")
        entries = [self._entry(_ledger_key(key), ledger) for key in keys]
        return {"entries": [entry for entry in entries if entry], "latestLedger": ledger}

    def _entry(self, key: str, ledger: int) -> dict[str, Any] | None:
        entry = self._network.store.entry(key, ledger)
        if entry is None:
            return None
        shown = {"key": key, "xdr": entry.data, "lastModifiedLedgerSeq": entry.modified}
        return shown | ({"liveUntilLedgerSeq": entry.live_until} if entry.live_until is not None else {})

    def _fee_stats(self, params: Params, ledger: int) -> dict[str, Any]:
        fees = {name: str(BASE_FEE) for name in ("max", "min", "mode", *_PERCENTILES)}
        spread = fees | {"transactionCount": "0", "ledgerCount": 50}
        return {"sorobanInclusionFee": spread, "inclusionFee": spread, "latestLedger": ledger}

    def _simulate(self, params: Params, ledger: int) -> dict[str, Any]:
        submitted, _ = _submitted(params)
        answer = simulate(
            self._network.executor,
            submitted,
            Moment(ledger, self._network.timeline.closed(ledger)),
            auth_mode=params.get("authMode"),
            is_upgraded=params.get("useUpgradedAuth", True) is not False,
        )
        return answer | {"latestLedger": ledger}

    def _send(self, params: Params, ledger: int) -> dict[str, Any]:
        submitted, text = _submitted(params)
        taken = self._network.send(submitted, text)
        answer = {
            "status": taken.status,
            "hash": submitted.hash,
            "latestLedger": ledger,
            "latestLedgerCloseTime": str(self._network.timeline.closed(ledger)),
        }
        return answer | ({"errorResultXdr": taken.error_result} if taken.error_result else {})

    def _transaction(self, params: Params, ledger: int) -> dict[str, Any]:
        wanted = str(params.get("hash", "")).lower()
        if len(wanted) != 64 or not set(wanted) <= set("0123456789abcdef"):
            raise invalid("unexpected hash length or form")
        found = self._network.store.done(wanted)
        oldest = self._network.timeline.oldest
        known = found if found and oldest <= found["ledger"] <= ledger else None
        return {"txHash": wanted, "status": "NOT_FOUND"} | self._range(ledger) | _shown(known)

    def _events(self, params: Params, ledger: int) -> dict[str, Any]:
        oldest = self._network.timeline.oldest
        return get_events(self._network.store, params, oldest, ledger) | self._range(ledger)

    def _range(self, ledger: int) -> dict[str, Any]:
        timeline = self._network.timeline
        return {
            "latestLedger": ledger,
            "latestLedgerCloseTime": str(timeline.closed(ledger)),
            "oldestLedger": timeline.oldest,
            "oldestLedgerCloseTime": str(timeline.closed(timeline.oldest)),
        }


def _submitted(params: Params) -> tuple[Submitted, str]:
    text = str(params.get("transaction", ""))
    try:
        return parse(text), text
    except Unreadable as error:
        raise invalid(f"Could not unmarshal transaction: {error}") from error


def _ledger_key(text: Any) -> str:
    """The key in the form in which it is stored; raises RpcError."""
    try:
        key = xdr.LedgerKey.from_xdr(str(text))
    except (ValueError, EOFError, TypeError) as error:
        raise invalid(f"cannot unmarshal key value {text}: {error}") from error
    if key.type is xdr.LedgerEntryType.TTL:
        raise invalid("ledger ttl entries cannot be queried directly")
    return key.to_xdr()


def _shown(known: dict[str, Any] | None) -> dict[str, Any]:
    if known is None:
        return {}
    return {
        "status": known["status"],
        "ledger": known["ledger"],
        "createdAt": str(known["created"]),
        "applicationOrder": known["order"],
        "feeBump": False,
        "envelopeXdr": known["envelope"],
        "resultXdr": known["result"],
        "resultMetaXdr": known["meta"],
        "diagnosticEventsXdr": known["diagnostics"],
        "events": {"contractEventsXdr": [known["events"]], "transactionEventsXdr": []},
    }
