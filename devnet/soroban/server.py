"""The Soroban RPC of the devnet: JSON-RPC 2.0 over POST, with the answers of the public service."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from stellar_sdk import xdr

from devnet.faults import FaultBoard
from devnet.http import Answer, Drop, JsonServer, Request, Route
from devnet.soroban import codec
from devnet.soroban.envelopes import Submitted, Unreadable, parse
from devnet.soroban.errors import INTERNAL, INVALID_REQUEST, NO_METHOD, RpcError, invalid
from devnet.soroban.fees import BASE_FEE
from devnet.soroban.headers import header
from devnet.soroban.history import get_events
from devnet.soroban.host import Moment
from devnet.soroban.network import Network, ledger_hash
from devnet.soroban.simulation import simulate
from devnet.soroban.store import HISTORY_LEDGERS
from devnet.soroban.timeline import RETENTION

PROTOCOL = 27
MOST_KEYS = 200
_GARBAGE = {
    "html": b"<html><body>Bad gateway</body></html>",
    "cut": b'{"jsonrpc": "2.0", "id": ',
    "empty": b"",
}
_TEXT = {"Content-Type": "text/plain"}
_PERCENTILES = ("p10", "p20", "p30", "p40", "p50", "p60", "p70", "p80", "p90", "p95", "p99")
Params = Mapping[str, Any]
Method = Callable[[Params, int], dict[str, Any]]


class SorobanServer(JsonServer):
    """Faults match on method, transaction hash, source, contract and function, in this order."""

    def __init__(self, network: Network, faults: FaultBoard, *, port: int = 0) -> None:
        super().__init__([Route("POST", r"/.*", self._serve)], port=port)
        self._network = network
        self._faults = faults
        self._lock = threading.Lock()
        self._is_wanted = False
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
        faults.on_change(self._obey_down)

    def start(self) -> None:
        """Takes the port even when `soroban.down` is on, so that the address is the same afterwards."""
        with self._lock:
            self._is_wanted = True
            super().start()
        self._obey_down()

    def stop(self) -> None:
        with self._lock:
            self._is_wanted = False
            super().stop()

    def failure(self, request: Request, error: Exception) -> Answer:
        return _error_answer(None, INTERNAL, f"{type(error).__name__}: {error}")

    # -- one request

    def _serve(self, request: Request) -> Answer:
        asked = request.json()
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            return _error_answer(None, INVALID_REQUEST, "Invalid request")
        name, params = asked["method"], asked.get("params") or {}
        subject = f"{name} {_detail(params)}"
        trouble = self._trouble(subject)
        if trouble:
            return trouble
        answer = self._answered(name, params, asked.get("id"), subject)
        if name == "sendTransaction" and self._faults.hit("soroban.drop_reply", subject) is not None:
            raise Drop
        return answer

    def _trouble(self, subject: str) -> Answer | None:
        time.sleep(self._faults.delay("soroban", subject))
        fault = self._faults.hit("soroban.error_rate", subject)
        if fault is not None:
            wait = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
            return Answer(int(fault.get("status", 503)), b"trouble was switched on", _TEXT | wait)
        garbage = self._faults.hit("soroban.garbage", subject)
        if garbage is None:
            return None
        mode = str(garbage.get("mode", "html"))
        return Answer(200, b"null" if mode == "null" else _GARBAGE[mode])

    def _answered(self, name: str, params: Any, identity: Any, subject: str) -> Answer:
        method = self._methods.get(name)
        if method is None:
            return _error_answer(identity, NO_METHOD, "method not found")
        try:
            if not isinstance(params, dict):
                raise invalid("params must be an object")
            with self._network.current() as latest:
                result = method(params, latest.sequence - self._behind(subject))
        except RpcError as error:
            return _error_answer(identity, error.code, error.message)
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

    def _obey_down(self) -> None:
        with self._lock:
            if self._faults.peek("soroban.down") is not None:
                super().stop()
            elif self._is_wanted:
                super().start()


def _error_answer(identity: Any, code: int, message: str) -> Answer:
    return Answer(200, {"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": message}})


def _detail(params: Any) -> str:
    """What else a fault may match on."""
    if not isinstance(params, dict):
        return ""
    if "transaction" not in params:
        return str(params.get("hash", ""))
    try:
        return parse(str(params["transaction"])).subject
    except Unreadable:
        return ""


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
