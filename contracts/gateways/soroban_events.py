"""What contracts on Soroban have said, page by page as the RPC lists it: events of successful transactions only.

An RPC keeps a limited number of ledgers. A question that begins before them is answered by `Expired`: what lies
in between cannot be had from this node any more.
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import EventFilter, EventFilterType, EventInfo, GetEventsResponse

from contracts.gateways.errors import Refused, Unavailable
from contracts.gateways.soroban_rpc import ask, parsed, server
from contracts.gateways.soroban_state import native

MOST_EVENTS = 500
_CONTRACTS_PER_FILTER, _FILTERS = 5, 5
MOST_CONTRACTS = _CONTRACTS_PER_FILTER * _FILTERS
_PLACES = 4096  # of the events of one transaction
_ORDERS = 2**20  # of the transactions of one ledger


@dataclass(frozen=True, slots=True)
class Event:
    """`topics` and `data` are Python values that JSON can hold, integers exact; `name` is the first topic's symbol.

    `index` is its place in the ledger: the transaction's order x 4096 + its number. `trouble` says why topics and
    data could not be read; the raw ones are XDR, of topics in base64.
    """

    id: str
    ledger: int
    closed_at: int
    transaction_hash: str
    contract: str
    index: int
    raw_topics: tuple[str, ...]
    raw_data: bytes
    name: str = ""
    topics: tuple[Any, ...] = ()
    data: Any = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """The events in the chain's order; after `cursor` comes the next page. With `is_last` nothing follows yet."""

    events: tuple[Event, ...]
    cursor: str
    is_last: bool
    oldest_ledger: int
    latest_ledger: int
    latest_closed_at: int


@dataclass(frozen=True, slots=True)
class Expired:
    """The ledgers before `oldest_ledger` are not kept any more."""

    oldest_ledger: int
    latest_ledger: int


@dataclass(frozen=True, slots=True)
class Kept:
    """The ledgers that the RPC can still tell about, both included; it keeps at most `window` of them."""

    oldest_ledger: int
    latest_ledger: int
    window: int


def kept_ledgers() -> Kept:
    """Raises Unavailable or Refused."""
    health = ask(lambda: server().get_health())
    return Kept(health.oldest_ledger, health.latest_ledger, health.ledger_retention_window)


def events_from(ledger: int, contracts: Sequence[str], limit: int = MOST_EVENTS) -> Page | Expired:
    """From this ledger on, of at most 25 contracts. Raises Unavailable, also when the node is not there yet."""
    filters = _filters(contracts)
    return _page(lambda: server().get_events(ledger, filters=filters, limit=limit), ledger, limit)


def events_after(cursor: str, contracts: Sequence[str], limit: int = MOST_EVENTS) -> Page | Expired:
    """After the end of a page. Raises Unavailable, also when this node is behind the one that gave the page."""
    filters = _filters(contracts)
    return _page(
        lambda: server().get_events(filters=filters, cursor=cursor, limit=limit), _ledger_of(cursor), limit
    )


def _filters(contracts: Sequence[str]) -> list[EventFilter]:
    """Raises ValueError for more contracts than one question can name."""
    if not 1 <= len(contracts) <= MOST_CONTRACTS:
        raise ValueError(f"1 to {MOST_CONTRACTS} contracts fit into one question, not {len(contracts)}")
    rest = iter(contracts)
    groups = iter(lambda: list(islice(rest, _CONTRACTS_PER_FILTER)), [])
    return [EventFilter(type=EventFilterType.CONTRACT, contractIds=group) for group in groups]


def _page(question: Callable[[], GetEventsResponse], start: int, limit: int) -> Page | Expired:
    try:
        answer = ask(question)
    except Refused as error:
        return _refused(error, start)
    if start < answer.oldest_ledger:
        return Expired(answer.oldest_ledger, answer.latest_ledger)
    _check_reach(start, answer.latest_ledger)
    end = _ledger_of(answer.cursor)
    # A node looks through a limited number of ledgers at once, so a short page alone says nothing.
    is_last = len(answer.events) < limit and end >= answer.latest_ledger
    return Page(
        events=tuple(_event(info) for info in _successful(answer.events)),
        cursor=answer.cursor,
        is_last=is_last,
        oldest_ledger=answer.oldest_ledger,
        latest_ledger=answer.latest_ledger,
        latest_closed_at=answer.latest_Ledger_close_time,
    )


def _refused(error: Refused, start: int) -> Expired:
    """Outside of the kept ledgers, as their numbers show: the words of the refusal are no interface."""
    kept = kept_ledgers()
    if start < kept.oldest_ledger:
        return Expired(kept.oldest_ledger, kept.latest_ledger)
    _check_reach(start, kept.latest_ledger)
    raise error


def _check_reach(start: int, latest: int) -> None:
    """The end of a page may be called after the ledger that comes next."""
    if start > latest + 1:
        raise Unavailable(
            f"the Soroban RPC knows the chain up to ledger {latest:,}, and was read up to {start:,} already",
            code="BEHIND",
        )


def _ledger_of(cursor: str) -> int:
    return parsed(lambda: int(cursor.partition("-")[0]) >> 32)


def _successful(infos: Sequence[EventInfo]) -> Iterator[EventInfo]:
    """Newer nodes list no others and say nothing about it; the attribute warns that it will go."""
    return (info for info in infos if vars(info).get("in_successful_contract_call") is not False)


def _event(info: EventInfo) -> Event:
    raw = Event(
        id=info.id,
        ledger=info.ledger,
        closed_at=int(info.ledger_close_at.timestamp()),
        transaction_hash=info.transaction_hash,
        contract=info.contract_id,
        index=parsed(lambda: _index(info.id)),
        raw_topics=tuple(info.topic),
        raw_data=parsed(lambda: base64.b64decode(info.value, validate=True)),
    )
    try:
        topics, data = [_value(topic) for topic in info.topic], _value(info.value)
        return replace(raw, name=_name(info.topic), topics=tuple(topics), data=data)
    except Exception as error:  # XDR of a stranger fails in every way there is
        return replace(raw, trouble=f"{type(error).__name__}: {error}")


def _index(identity: str) -> int:
    """Of `<toid>-<number>`; the toid is ledger << 32 | order << 12 | operation, and a contract call stands alone."""
    toid, _, number = identity.partition("-")
    return (int(toid) >> 12) % _ORDERS * _PLACES + int(number)


def _name(topics: Sequence[str]) -> str:
    first = xdr.SCVal.from_xdr(topics[0]) if topics else None
    return first.sym.sc_symbol.decode() if first is not None and first.sym is not None else ""


def _value(text: str) -> Any:
    return _plain(native(xdr.SCVal.from_xdr(text)))


def _plain(value: Any) -> Any:
    """Bytes, and text that the database cannot hold, as hex; what has no Python form as its XDR."""
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str):
        return value.encode().hex() if "\0" in value else value
    return value if value is None or isinstance(value, (bool, int)) else value.to_xdr()
