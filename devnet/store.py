"""The devnet's memory: an append-only log in SQLite, replayed at start, because an EVM state cannot be saved.

Entries of one `append` become durable together, before anybody hears of them: a process killed at any point
restarts with whole transactions only.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from devnet.evm import Step
from devnet.records import Account, Block, Contract, File, Record, Token

VERSION = 1


@dataclass(frozen=True, slots=True)
class Genesis:
    """What every later entry builds on; the stub stays even if its artifact is compiled anew."""

    token_service_code: bytes
    created_ns: int


Entry = Genesis | Account | Contract | File | Token | Record | Step | Block
_KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (Genesis, Account, Contract, File, Token, Record, Step, Block)
}


class StateTooNew(RuntimeError):
    """The state directory was written by another version of the devnet."""


class Store:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        # NORMAL survives the death of the process, which is the promise; a power cut could take the tail.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._check_version()
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, kind TEXT, body TEXT) STRICT"
        )

    def append(self, entries: Iterable[Entry]) -> None:
        rows = [_row(entry) for entry in entries]
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO log (kind, body) VALUES (?, ?)", rows)
        self._db.execute("COMMIT")

    def entries(self) -> Iterator[Entry]:
        for kind, body in self._db.execute("SELECT kind, body FROM log ORDER BY seq"):
            yield _reader(_KINDS[kind])(json.loads(body))

    def close(self) -> None:
        self._db.close()

    def _check_version(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise StateTooNew(
                "this devnet state has another format; remove the directory or use `make reset`"
            )
        self._db.execute(f"PRAGMA user_version={VERSION}")


def _row(entry: Entry) -> tuple[str, str]:
    kind: Any = type(entry)
    return kind.__name__, _encode(_writer(kind)(entry))


_encode = json.JSONEncoder(separators=(",", ":")).encode


@cache
def _writer(kind: Any) -> Callable[[Any], Any]:
    """The function that turns a value of this type into JSON: a dataclass into its fields, bytes into hex."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        write = _writer(inner)
        return lambda value: None if value is None else write(value)
    if origin is tuple:
        return _tuple_writer(arguments)
    if is_dataclass(kind):
        return _dataclass_writer(kind)
    return bytes.hex if kind is bytes else _same


def _same(value: Any) -> Any:
    return value


def _dataclass_writer(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    take = attrgetter(*(field.name for field in fields(kind)))
    writers = [_writer(hints[field.name]) for field in fields(kind)]
    return lambda value: [write(item) for write, item in zip(writers, take(value), strict=True)]


def _tuple_writer(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    if arguments[-1] is Ellipsis:
        write = _writer(arguments[0])
        return _same if write is _same else lambda value: [write(item) for item in value]
    writers = [_writer(argument) for argument in arguments]
    return lambda value: [write(item) for write, item in zip(writers, value, strict=True)]


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """The function that turns the JSON form back into a value of this type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        read = _reader(inner)
        return lambda plain: None if plain is None else read(plain)
    if origin is tuple:
        return _tuple_reader(arguments)
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    return bytes.fromhex if kind is bytes else lambda plain: plain


def _dataclass_reader(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    readers = [_reader(hints[field.name]) for field in fields(kind)]
    return lambda plain: kind(*(read(item) for read, item in zip(readers, plain, strict=True)))


def _tuple_reader(arguments: tuple[Any, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if arguments[-1] is Ellipsis:
        read = _reader(arguments[0])
        return lambda plain: tuple(read(item) for item in plain)
    readers = [_reader(argument) for argument in arguments]
    return lambda plain: tuple(read(item) for read, item in zip(readers, plain, strict=True))
