"""The board of fault switches: every trouble a network can show, named, counted and persisted."""

import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SWITCHES: Mapping[str, str] = {
    "network.latency_ms": "every answer of custody, nodes, mirror and Soroban RPC comes later; ms",
    "custody.latency_ms": "every custody request waits; ms",
    "custody.error_rate": "custody answers an error; status (429, 500, 502, 503), retry_after",
    "custody.rate_limit": "custody answers 429 above so many requests in any sliding window; requests, seconds "
    "(default 60)",
    "custody.drop_reply": "custody does the work, then the connection closes without an answer",
    "custody.drop_request": "the connection to custody closes before anything is done",
    "custody.approval": "signatures stay pending until `devnet approve`; mode=pending",
    "consensus.latency_ms": "time from acceptance to consensus; ms (default 200), reply_ms delays the answer",
    "consensus.drop_reply": "a node accepts the transaction, then answers UNAVAILABLE",
    "consensus.drop_request": "a node answers UNAVAILABLE and forgets the transaction",
    "consensus.busy": "a node answers BUSY; node (default: any)",
    "consensus.node_down": "a node does not listen at all; node",
    "consensus.lose": "a node answers OK, but the transaction never reaches consensus",
    "consensus.fail": "a contract call fails at consensus and does nothing; result, as the network names it",
    "consensus.gas": "gas table; base and per_transfer, the least a contract call needs",
    "mirror.latency_ms": "every mirror request waits; ms",
    "mirror.error_rate": "the mirror answers an error; status (429, 500, 502, 503, 504), retry_after",
    "mirror.not_found": "the mirror answers 404 to everything",
    "mirror.lag_seconds": "a mirror replica is behind; seconds, replica (default: all)",
    "mirror.partial": "contract results answer 206 without their details",
    "mirror.ghost": "the mirror lists a log that no transaction made; mode=missing hides logs instead: of a memo, or "
    "at a consensus time",
    "mirror.late_tail": "lists of logs lack those of the newest seconds; seconds, share of them (default 1: all)",
    "mirror.page_limit": "a page holds fewer rows than asked for, and links on; rows",
    "mirror.duplicate_page": "a page shows the rows of the page before once more, and links to what was asked for",
    "mirror.slow_page": "a page takes longer the more rows it shows; ms_per_row",
    "mirror.ghost_transaction": "the mirror lists a transaction that never was, and knows ids that nobody used",
    "mirror.hidden": "the mirror lacks a transaction and still has its logs; match is part of its memo",
    "mirror.reset": "the mirror was filled anew and lacks all transactions before since_ns",
    "mirror.drop_reply": "the connection to the mirror closes without an answer",
    "mirror.down": "the mirror does not listen at all",
    "soroban.down": "the Soroban RPC does not listen at all",
    "soroban.latency_ms": "every Soroban request waits; ms",
    "soroban.error_rate": "the Soroban RPC answers an HTTP error; status (429, 500, 502, 503, 504), retry_after",
    "soroban.garbage": "the Soroban RPC answers 200 with something else; mode=html (default), cut, empty or null",
    "soroban.drop_reply": "sendTransaction is obeyed, then the connection closes without an answer",
    "soroban.bad_seq": "sendTransaction answers ERROR with txBAD_SEQ and takes nothing",
    "soroban.try_again_later": "sendTransaction answers TRY_AGAIN_LATER and takes nothing",
    "soroban.duplicate": "sendTransaction takes the transaction and answers DUPLICATE",
    "soroban.lose": "sendTransaction answers PENDING, but no ledger ever includes the transaction",
    "soroban.slow": "an accepted transaction is included later; ledgers (default 3)",
    "soroban.trap": "a contract traps; phase=simulate or execute (default: both), code of a contract error, or error",
    "soroban.archived": "entries seem archived: simulations ask for a restoration, transactions fail",
    "soroban.lag": "the Soroban RPC is behind; ledgers (default 1, at most 64)",
    "clock.chain_offset": "the chain's clock differs from ours; seconds, negative = behind",
}
_DISCRIMINATORS = ("node", "replica", "phase")


class UnknownFault(ValueError):
    """The name is not a switch of the board; the text lists the switches."""


@dataclass(slots=True)
class Fault:
    """`count` = how many times it still strikes (None: until cleared); `match` = part of memo or subject."""

    name: str
    params: dict[str, Any] = field(default_factory=dict)
    count: int | None = None
    probability: float = 1.0
    match: str = ""

    def key(self) -> tuple[str, ...]:
        return (self.name, self.match, *(str(self.params.get(name, "")) for name in _DISCRIMINATORS))

    def concerns(self, subject: str, where: Mapping[str, Any]) -> bool:
        meant = all(
            str(self.params[name]) == str(value) for name, value in where.items() if name in self.params
        )
        return meant and self.match in subject


class FaultBoard:
    """Thread-safe; with a directory it survives a restart. `seed` makes probabilities repeatable."""

    def __init__(self, directory: Path | None = None, *, seed: int = 0) -> None:
        self._path = directory / "faults.json" if directory else None
        self._lock = threading.RLock()
        self._random = random.Random(seed)  # noqa: S311 - repeatable dice
        self._listeners: list[Callable[[], None]] = []
        self._faults: dict[tuple[str, ...], Fault] = {}
        self._load()

    def set(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        *,
        count: int | None = None,
        probability: float = 1.0,
        match: str = "",
    ) -> Fault:
        """Turns a switch on; the same switch for the same node, replica and match is replaced."""
        if name not in SWITCHES:
            raise UnknownFault(f"no fault named {name!r}; there are: {', '.join(SWITCHES)}")
        fault = Fault(name, dict(params or {}), count, probability, match)
        with self._lock:
            self._faults[fault.key()] = fault
            self._save()
        self._tell()
        return fault

    def clear(self, name: str | None = None) -> int:
        """Turns off one switch, or all; returns how many were on."""
        with self._lock:
            gone = [key for key in self._faults if name in (None, key[0])]
            for key in gone:
                del self._faults[key]
            self._save()
        self._tell()
        return len(gone)

    def active(self) -> list[Fault]:
        with self._lock:
            return [Fault(**asdict(fault)) for fault in self._faults.values()]

    def hit(self, name: str, subject: str = "", **where: Any) -> dict[str, Any] | None:
        """The parameters if the fault strikes now (one counted strike is used up), else None."""
        if not self._faults:
            return None
        with self._lock:
            fault = self._find(name, subject, where)
            if fault is None or self._random.random() >= fault.probability:
                return None
            self._use(fault)
            return dict(fault.params)

    def peek(self, name: str, subject: str = "", **where: Any) -> dict[str, Any] | None:
        """The parameters if the switch is on, without using a strike and without dice."""
        with self._lock:
            fault = self._find(name, subject, where)
            return dict(fault.params) if fault else None

    def seconds(self, name: str, subject: str = "") -> float:
        """Seconds to sleep for a `*.latency_ms` switch; 0 when it is off."""
        params = self.hit(name, subject)
        return float(params.get("ms", 0)) / 1000 if params else 0.0

    def delay(self, part: str, subject: str = "") -> float:
        """Seconds by which an answer of this part comes later: its own latency and that of the network."""
        return self.seconds(f"{part}.latency_ms", subject) + self.seconds("network.latency_ms", subject)

    def on_change(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def _find(self, name: str, subject: str, where: Mapping[str, Any]) -> Fault | None:
        candidates = (fault for key, fault in self._faults.items() if key[0] == name)
        return next((fault for fault in candidates if fault.concerns(subject, where)), None)

    def _use(self, fault: Fault) -> None:
        if fault.count is None:
            return
        fault.count -= 1
        if fault.count <= 0:
            del self._faults[fault.key()]
        self._save()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _load(self) -> None:
        if self._path and self._path.exists():
            faults = [Fault(**row) for row in json.loads(self._path.read_text() or "[]")]
            self._faults = {fault.key(): fault for fault in faults}

    def _save(self) -> None:
        if not self._path:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps([asdict(fault) for fault in self._faults.values()], indent=1))
        draft.replace(self._path)
