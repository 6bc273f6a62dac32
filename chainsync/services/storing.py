"""Storing events and applying them, in one transaction: the unique constraint makes both happen exactly once.

The listener's row is locked first, so events of one contract are applied one after another, and no two
transactions wait for each other's lines.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import groupby
from typing import Any

import structlog
from django.db import connection, transaction

from chainsync.followed import Followed, interface_of, listener_of
from chainsync.models import ChainEvent, EventListener
from chainsync.processors import Processor, processor_of
from chainsync.services.quarantine import reason_of
from contracts import abi, clock
from contracts.gateways.mirror import Log
from contracts.models import Contract, ContractTransaction

log = structlog.get_logger(__name__)
HASH_DIGITS = 64  # logs carry the first 32 of the 48 bytes of a transaction's hash

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A log with what it means to us. ``trouble`` says why it cannot be understood."""

    consensus_at: str
    log_index: int
    topics: tuple[str, ...]
    data: bytes
    transaction_hash: str
    block: int | None
    name: str = ""
    key: str = ""
    args: dict[str, Any] = field(default_factory=dict)
    is_proved: bool = False
    trouble: str = ""

    @property
    def place(self) -> Place:
        return self.consensus_at, self.log_index

    @property
    def needs_proof(self) -> bool:
        return bool(self.key) and not self.is_proved


def event_of_log(followed: Followed, entry: Log) -> NewEvent:
    """The log decoded; unknown ones stay raw. It is not proved yet, unless it needs no proof."""
    raw = NewEvent(
        consensus_at=entry.consensus_at,
        log_index=entry.index,
        topics=entry.topics,
        data=entry.data,
        transaction_hash=entry.transaction_hash.hex()[:HASH_DIGITS],
        block=entry.block_number,
    )
    return decoded(followed, raw)


def decoded(followed: Followed, raw: NewEvent) -> NewEvent:
    """A log of Hedera with what its topics and bytes mean by the interface as it is known today."""
    try:
        event = abi.interface(*interface_of(followed).split("/")).decode_log(raw.topics, raw.data)
    except ValueError as error:
        return replace(raw, trouble=f"malformed: {error}")
    return understood(followed, raw, event.name, event.args) if event else raw


def events_of_call(contract: Contract, call: ContractTransaction) -> list[NewEvent]:
    """The events in the final result of a successful call of ours, which proves them."""
    return [
        understood(contract, _stored_log(call, event), event["name"], event["args"])
        for event in (call.result or {}).get("events", ())
        if "index" in event
    ]


def _stored_log(call: ContractTransaction, event: dict[str, Any]) -> NewEvent:
    return NewEvent(
        consensus_at=call.consensus_at,
        log_index=event["index"],
        topics=tuple(event["topics"]),
        data=bytes.fromhex(event["data"]),
        transaction_hash=call.hash[:HASH_DIGITS],
        block=event["block"],
        is_proved=True,
    )


def understood(followed: Followed, raw: NewEvent, name: str, args: dict[str, Any]) -> NewEvent:
    """What an event of this name is about, as its processor says; nothing of ours without one."""
    processor = processor_of(interface_of(followed), name)
    try:
        key = processor.key(args) if processor else ""
    except ValueError as error:
        return replace(raw, name=name, args=args, trouble=f"makes no sense: {error}")
    is_proved = raw.is_proved or bool(key and processor and not processor.needs_proof)
    return replace(raw, name=name, args=args, key=key, is_proved=is_proved)


def lock_listener(followed: Followed) -> EventListener:
    """In a transaction: from here on nobody else stores or applies events of this contract."""
    rows = EventListener.objects.select_for_update(no_key=True)
    which = {"network": followed.network, "address": followed.address}
    return rows.filter(**which).first() or rows.get(pk=listener_of(followed).pk)


def known_places(followed: Followed, places: Sequence[Place]) -> dict[Place, bool]:
    """Which of these are stored, and whether they are proved."""
    if not places:
        return {}
    times = [at for at, _ in places]
    rows = ChainEvent.objects.of(followed.network, followed.address)
    stored = rows.filter(consensus_at__gte=min(times), consensus_at__lte=max(times))
    found = {
        (at, index): proved
        for at, index, proved in stored.values_list("consensus_at", "log_index", "is_proved")
    }
    return {place: found[place] for place in places if place in found}


def store_events(followed: Followed, events: Iterable[NewEvent]) -> None:
    """Stores what is new and runs the processors for it, in the caller's transaction.

    A processor that fails leaves its event quarantined and stops nothing else.
    """
    news = sorted(events, key=lambda event: event.place)
    if not news:
        return
    lock_listener(followed)
    ids = _insert(followed, news)
    fresh = [(event, ids[event.place]) for event in news if event.place in ids]
    for processor, key, group in _by_processor(followed, fresh):
        _note(_process(followed, processor, key, group), are_new=True)


def process_waiting(followed: Followed, key: str) -> None:
    """Gives the processor what came before its subject was ready, in the caller's transaction; quarantined
    events are tried again, because what stopped them may be mended."""
    lock_listener(followed)
    rows = ChainEvent.objects.of(followed.network, followed.address).unprocessed()
    waiting = rows.filter(key=key, is_proved=True).order_by("consensus_at", "log_index")
    for name, group in groupby(waiting.values_list("name", "pk"), key=lambda row: row[0]):
        if processor := processor_of(interface_of(followed), name):
            ids = [pk for _, pk in group]
            _note(_process(followed, processor, key, ids), are_new=False)


def prove(followed: Followed, events: Sequence[NewEvent]) -> None:
    """Events stored as unproved that were found in their transactions' results since: applied like new ones."""
    lock_listener(followed)
    rows = ChainEvent.objects.of(followed.network, followed.address).filter(
        is_proved=False, processed_at=None
    )
    for event in events:
        rows.filter(consensus_at=event.consensus_at, log_index=event.log_index).update(
            is_proved=True, quarantine_reason=""
        )
    for key in sorted({event.key for event in events if event.key}):
        process_waiting(followed, key)


@dataclass(slots=True)
class _Outcome:
    taken: list[int]
    waiting: list[int]
    failed: dict[int, str]


def _by_processor(
    followed: Followed, fresh: Sequence[tuple[NewEvent, int]]
) -> Iterator[tuple[Processor, str, list[int]]]:
    groups: dict[tuple[Processor, str], list[int]] = {}
    for event, pk in fresh:
        processor = processor_of(interface_of(followed), event.name)
        if processor and event.key and event.is_proved:
            groups.setdefault((processor, event.key), []).append(pk)
    for (processor, key), ids in groups.items():
        yield processor, key, ids


def _process(followed: Followed, processor: Processor, key: str, ids: list[int]) -> _Outcome:
    """All at once; if that fails, one by one, so that only the event at fault stays behind."""
    try:
        with transaction.atomic():
            is_taken = processor.apply(followed, key, ids)
    except Exception as error:
        log.exception("event_failed", address=followed.address, key=key, events=len(ids))
        if len(ids) == 1:
            return _Outcome([], [], {ids[0]: reason_of(error)})
    else:
        return _Outcome(ids, [], {}) if is_taken else _Outcome([], ids, {})
    parts = [_process(followed, processor, key, [pk]) for pk in ids]
    return _Outcome(
        [pk for part in parts for pk in part.taken],
        [pk for part in parts for pk in part.waiting],
        {pk: words for part in parts for pk, words in part.failed.items()},
    )


def _note(outcome: _Outcome, *, are_new: bool) -> None:
    """Writes down what became of the events. New ones were inserted as processed, so only the others are touched."""
    rows = ChainEvent.objects
    if outcome.taken and not are_new:
        rows.filter(pk__in=outcome.taken).update(processed_at=clock.now(), quarantine_reason="")
    if outcome.waiting and are_new:
        rows.filter(pk__in=outcome.waiting).update(processed_at=None)
    for pk, words in outcome.failed.items():
        rows.filter(pk=pk).update(processed_at=None, quarantine_reason=words)


# One document instead of an array for each column: long JSON inside of arrays is quoted twice.
_INSERT = """
INSERT INTO chainsync_chainevent (
    network, address, consensus_at, log_index, name, key, args, topics, data, transaction_hash, block,
    is_proved, quarantine_reason, seen_at, processed_at
)
SELECT %(network)s, %(address)s, consensus_at, log_index, name, key, args, topics, decode(data, 'hex'),
       transaction_hash, block, is_proved, trouble, %(now)s,
       CASE WHEN key <> '' AND is_proved THEN %(now)s::timestamptz END
  FROM jsonb_to_recordset(%(events)s::jsonb) AS new(
      consensus_at text, log_index int, name text, key text, args jsonb, topics jsonb, data text,
      transaction_hash text, block bigint, is_proved bool, trouble text
  )
    ON CONFLICT (network, address, consensus_at, log_index) DO NOTHING
RETURNING consensus_at, log_index, id
"""


def _insert(followed: Followed, events: Sequence[NewEvent]) -> dict[Place, int]:
    """One statement; gives the ids of those that nobody had stored before. New ones count as processed."""
    values: dict[str, Any] = {
        "network": followed.network,
        "address": followed.address,
        "now": clock.now(),
        "events": json.dumps([_document(event) for event in events]),
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        return {(at, index): pk for at, index, pk in cursor.fetchall()}


def _document(event: NewEvent) -> dict[str, Any]:
    return {one.name: getattr(event, one.name) for one in fields(event)} | {"data": event.data.hex()}
