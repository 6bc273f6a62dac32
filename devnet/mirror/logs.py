"""contracts/{id}/results/logs and contracts/results/logs."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from devnet.http import Answer, Request
from devnet.ledger import LogPlace
from devnet.mirror.bounds import LogBounds, TimeRange, check_topic_range
from devnet.mirror.errors import invalid
from devnet.mirror.ghosts import ghost_of, lot_of, with_newest_twice
from devnet.mirror.links import Last, next_link
from devnet.mirror.query import Query
from devnet.mirror.replica import Replica
from devnet.mirror.shapes import log_json
from devnet.mirror.text import NS, block_hash, entity_key, is_entity_id, time_text

TOPICS = tuple(f"topic{place}" for place in range(4))
ACCEPTED = ("index", "limit", "order", "timestamp", *TOPICS)


def contract_logs(replica: Replica, request: Request) -> Answer:
    if not is_entity_id(request.params["id"]):
        raise invalid("contractid")
    query = Query(request.query, ACCEPTED)
    check_topic_range(query)
    contract = replica.contract(entity_key(request.params["id"]))
    if contract is None:
        return _answer([], None)
    return _page(replica, request, query, LogBounds(query), contract.evm_address)


def all_logs(replica: Replica, request: Request) -> Answer:
    query = Query(request.query, (*ACCEPTED, "transaction.hash"))
    check_topic_range(query)
    return _page(replica, request, query, LogBounds(query), None)


def _page(replica: Replica, request: Request, query: Query, bounds: LogBounds, address: str | None) -> Answer:
    span = TimeRange(query.times(), strict=False)
    places = replica.logs(address, since=span.since, until=span.until, order=query.order())
    kept = _fitting(_with_faults(replica, request, places, query.order()), query, bounds)
    page = list(islice(kept, query.limit(replica.most_rows)))
    full = len(page) == query.limit(replica.most_rows) and not (bounds.time.equal and bounds.index.equal)
    return _answer(
        [log_json(replica, place) for place in page], _next(request, query, page) if full else None
    )


def _fitting(places: Iterator[LogPlace], query: Query, bounds: LogBounds) -> Iterator[LogPlace]:
    topics = [{_significant(item.value) for item in query.all(name)} for name in TOPICS]
    digest = query.last("transaction.hash")
    wanted = block_hash(digest) if digest else None
    for place in places:
        if not bounds.keeps(place.record.consensus_ns, place.log.index):
            continue
        if wanted and not place.record.hash.hex().startswith(wanted):
            continue
        if _has_topics(place, topics):
            yield place


def _has_topics(place: LogPlace, wanted: list[set[str]]) -> bool:
    given = [_significant(topic) for topic in place.log.topics]
    return all(
        not values or (position < len(given) and given[position] in values)
        for position, values in enumerate(wanted)
    )


def _significant(topic: str) -> str:
    """Topics are compared without leading zeros, as the server stores them."""
    return topic.lower().removeprefix("0x").lstrip("0")


def _next(request: Request, query: Query, page: list[LogPlace]) -> str | None:
    last = page[-1]
    moved = {
        "timestamp": Last(time_text(last.record.consensus_ns), inclusive=True),
        "index": Last(str(last.log.index)),
    }
    return next_link(request.path, query.parameters, moved, query.order())


def _answer(logs: list[dict[str, Any]], link: str | None) -> Answer:
    return Answer(200, {"logs": logs, "links": {"next": link}})


def _without_tail(replica: Replica, request: Request, places: Iterator[LogPlace]) -> Iterator[LogPlace]:
    """What `mirror.late_tail` holds back; which logs these are is the same at every look."""
    late = replica.faults.hit("mirror.late_tail", request.target)
    if late is None:
        return places
    since = replica.until_ns - int(float(late.get("seconds", 0)) * NS)
    share = float(late.get("share", 1))
    return (place for place in places if place.record.consensus_ns < since or lot_of(place) >= share)


def _with_faults(
    replica: Replica, request: Request, places: Iterator[LogPlace], order: str
) -> Iterator[LogPlace]:
    """`mirror.ghost` shows a log nobody made (mode=extra), or hides logs that exist (mode=missing; memo, or at for
    those of one consensus time)."""
    places = _without_tail(replica, request, places)
    ghost = replica.faults.hit("mirror.ghost", request.target)
    if ghost is None:
        return places
    if ghost.get("mode") == "missing":
        if hidden := ghost.get("at"):
            return (place for place in places if time_text(place.record.consensus_ns) != hidden)
        memo = str(ghost.get("memo", "")).encode()
        return (place for place in places if memo not in place.record.memo)
    return with_newest_twice(places, order, lambda newest: LogPlace(newest.log, ghost_of(newest.record)))
