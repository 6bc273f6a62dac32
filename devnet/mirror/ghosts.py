"""What a mirror may show though no chain ever had it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha384
from typing import TypeVar

from devnet.ledger import LogPlace
from devnet.mirror.replica import Replica
from devnet.records import NS, Record
from devnet.transactions import id_text

T = TypeVar("T")
SECONDS_TO_CONSENSUS = 10


def ghost_of(record: Record) -> Record:
    """The record once more, a nanosecond later, under an id and a hash that do not exist."""
    start = record.valid_start_ns + 1
    return replace(
        record,
        consensus_ns=record.consensus_ns + 1,
        valid_start_ns=start,
        transaction_id=id_text(record.payer, start),
        hash=sha384(record.hash).digest(),
    )


def haunted(records: Iterator[Record], order: str) -> Iterator[Record]:
    return with_newest_twice(records, order, ghost_of)


def with_newest_twice(rows: Iterator[T], order: str, ghost: Callable[[T], T]) -> Iterator[T]:
    """The rows with a ghost of the newest one, in its place; no rows, no ghost."""
    newest: T | None = None
    for place, row in enumerate(rows):
        if order == "desc" and place == 0:
            yield ghost(row)
        yield row
        newest = row
    if order == "asc" and newest is not None:
        yield ghost(newest)


def lot_of(place: LogPlace) -> float:
    """A number in [0, 1) that this log always draws."""
    digest = sha384(f"{place.record.consensus_ns} {place.log.index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def made_up(replica: Replica, transaction_id: str) -> list[Record]:
    """A record of this id in the likeness of its payer's newest; none for a payer without any."""
    payer, seconds, nanos = transaction_id.split("-")
    start = int(seconds) * NS + int(nanos)
    newest = next(replica.records(payer, order="desc"), None)
    if newest is None:
        return []
    ghost = replace(
        newest,
        consensus_ns=start + SECONDS_TO_CONSENSUS * NS,
        valid_start_ns=start,
        transaction_id=transaction_id,
        hash=sha384(transaction_id.encode()).digest(),
    )
    return [ghost]
