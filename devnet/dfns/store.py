"""What the local DFNS remembers: JSON documents in one SQLite table."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Document = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    external_id TEXT,
    content TEXT NOT NULL,
    UNIQUE (kind, id),
    UNIQUE (kind, external_id)
)
"""


class Store:
    """Thread-safe. What was put survives a restart and kill -9: each put is committed before it returns."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "dfns.sqlite3"
        path.touch(mode=0o600)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        # A killed process loses nothing without fsync; only a power failure would, and these are test keys.
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(SCHEMA)

    def put(self, kind: str, document: Document) -> None:
        """Inserts, or replaces what has the same kind and `id`."""
        self._all(
            "INSERT INTO document (kind, id, external_id, content) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET content = excluded.content",
            (kind, document["id"], document.get("externalId"), json.dumps(document)),
        )

    def get(self, kind: str, identifier: str) -> Document | None:
        return next(
            self._read("SELECT content FROM document WHERE kind = ? AND id = ?", kind, identifier), None
        )

    def by_external_id(self, kind: str, external_id: str) -> Document | None:
        statement = "SELECT content FROM document WHERE kind = ? AND external_id = ?"
        return next(self._read(statement, kind, external_id), None)

    def every(self, kind: str) -> Iterator[Document]:
        return self._read("SELECT content FROM document WHERE kind = ? ORDER BY number", kind)

    def page(self, kind: str, *, limit: int, after: int) -> tuple[list[Document], int | None]:
        """Documents in the order of their creation, and where the next page begins, None after the last."""
        rows = self._all(
            "SELECT number, content FROM document WHERE kind = ? AND number > ? ORDER BY number LIMIT ?",
            (kind, after, limit + 1),
        )
        documents = [json.loads(content) for _, content in rows[:limit]]
        return documents, rows[limit - 1][0] if len(rows) > limit else None

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _read(self, statement: str, *values: str) -> Iterator[Document]:
        for (content,) in self._all(statement, values):
            yield json.loads(content)

    def _all(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()
