"""What the local Stellar network remembers, in SQLite: entries with their newer versions, transactions, events."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devnet.soroban.codec import Entry

HISTORY_LEDGERS = 64
MOST_AT_HAND = 20_000
NO_LIMIT = 2**62
SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    key TEXT, ledger INTEGER, data TEXT, live_until INTEGER, PRIMARY KEY (key, ledger)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS anchor (sequence INTEGER PRIMARY KEY, due_ns INTEGER, closed INTEGER);
CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY, hash TEXT UNIQUE, source TEXT, not_before INTEGER, envelope TEXT
);
CREATE TABLE IF NOT EXISTS done (hash TEXT PRIMARY KEY, ledger INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, ledger INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS answer (contract TEXT, function TEXT, value TEXT, PRIMARY KEY (contract, function));
"""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A ledger whose close is known: its number, when it was due (ns) and its close time (s)."""

    sequence: int
    due_ns: int
    closed: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """An accepted transaction; it goes into the first ledger from `not_before` on."""

    hash: str
    source: str
    not_before: int
    envelope: str


class Store:
    """Not thread-safe: the network's lock guards it. What was committed survives kill -9."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        # NORMAL survives the death of the process, which is the promise; a power cut could take the tail.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)
        self._newest: dict[str, Entry] = {}

    @contextmanager
    def together(self) -> Iterator[None]:
        """Everything inside becomes durable at once, or nothing."""
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            self._newest.clear()
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()

    # -- entries

    def entry(self, key: str, ledger: int) -> Entry | None:
        """The entry as it was after this ledger. Mostly its newest version is wanted, which is kept at hand."""
        found = self._at(key, ledger)
        return None if found is None or found.is_removed else found

    def _at(self, key: str, ledger: int) -> Entry | None:
        newest = self._newest.get(key) or self._version(key, NO_LIMIT)
        if newest is None or newest.modified > ledger:
            return newest and self._version(key, ledger)
        if len(self._newest) >= MOST_AT_HAND:
            self._newest.clear()
        self._newest[key] = newest
        return newest

    def _version(self, key: str, ledger: int) -> Entry | None:
        row = self._db.execute(
            "SELECT data, ledger, live_until FROM entry WHERE key = ? AND ledger <= ?"
            " ORDER BY ledger DESC LIMIT 1",
            (key, ledger),
        ).fetchone()
        return Entry(*row) if row else None

    def put_entry(self, key: str, entry: Entry) -> None:
        """A new version; of the older ones those stay that the last HISTORY_LEDGERS ledgers can show."""
        self._newest.pop(key, None)
        row = (key, entry.modified, entry.data, entry.live_until)
        self._db.execute("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)", row)
        self._db.execute(
            "DELETE FROM entry WHERE key = ?1 AND ledger <"
            " (SELECT max(ledger) FROM entry WHERE key = ?1 AND ledger <= ?2)",
            (key, entry.modified - HISTORY_LEDGERS),
        )

    # -- ledgers

    def anchors(self) -> list[Anchor]:
        return [Anchor(*row) for row in self._db.execute("SELECT * FROM anchor ORDER BY sequence")]

    def put_anchor(self, anchor: Anchor) -> None:
        row = (anchor.sequence, anchor.due_ns, anchor.closed)
        self._db.execute("INSERT OR REPLACE INTO anchor VALUES (?, ?, ?)", row)

    def forget_before(self, sequence: int) -> None:
        """Transactions, events and close times older than this ledger; entries stay."""
        # One older anchor stays: close times of later ledgers are counted from it.
        kept = "SELECT max(sequence) FROM anchor WHERE sequence <= ?"
        self._db.execute(f"DELETE FROM anchor WHERE sequence < ({kept})", (sequence,))  # noqa: S608 - no input
        self._db.execute("DELETE FROM done WHERE ledger < ?", (sequence,))
        self._db.execute("DELETE FROM event WHERE ledger < ?", (sequence,))

    # -- transactions

    def waiting(self) -> list[Waiting]:
        rows = self._db.execute("SELECT hash, source, not_before, envelope FROM waiting ORDER BY number")
        return [Waiting(*row) for row in rows]

    def add_waiting(self, waiting: Waiting) -> None:
        row = (waiting.hash, waiting.source, waiting.not_before, waiting.envelope)
        self._db.execute("INSERT INTO waiting (hash, source, not_before, envelope) VALUES (?, ?, ?, ?)", row)

    def drop_waiting(self, transaction_hash: str) -> None:
        self._db.execute("DELETE FROM waiting WHERE hash = ?", (transaction_hash,))

    def done(self, transaction_hash: str) -> dict[str, Any] | None:
        row = self._db.execute("SELECT body FROM done WHERE hash = ?", (transaction_hash,)).fetchone()
        return dict(json.loads(row[0])) if row else None

    def add_done(self, transaction_hash: str, ledger: int, body: dict[str, Any]) -> None:
        self._db.execute("INSERT INTO done VALUES (?, ?, ?)", (transaction_hash, ledger, json.dumps(body)))

    # -- events

    def add_event(self, identity: str, ledger: int, body: dict[str, Any]) -> None:
        self._db.execute("INSERT INTO event VALUES (?, ?, ?)", (identity, ledger, json.dumps(body)))

    def events(self, after: str, first: int, last: int) -> Iterator[dict[str, Any]]:
        """In the order of their ids, those later than `after` and within these ledgers."""
        rows = self._db.execute(
            "SELECT body FROM event WHERE id > ? AND ledger BETWEEN ? AND ? ORDER BY id", (after, first, last)
        )
        for (body,) in rows:
            yield json.loads(body)

    # -- answers laid down by the tests

    def answer(self, contract: str, function: str) -> int | None:
        row = self._db.execute(
            "SELECT value FROM answer WHERE contract = ? AND function = ?", (contract, function)
        ).fetchone()
        return int(row[0]) if row else None

    def put_answer(self, contract: str, function: str, value: int | None) -> None:
        """Text, because an i128 is wider than SQLite's integers; None lets the contract speak again."""
        self._db.execute("DELETE FROM answer WHERE contract = ? AND function = ?", (contract, function))
        if value is not None:
            self._db.execute("INSERT INTO answer VALUES (?, ?, ?)", (contract, function, str(value)))
