"""blocks and blocks/{hash or number}."""

from itertools import islice

from devnet.http import Answer, Request
from devnet.mirror.errors import invalid, not_found
from devnet.mirror.links import Last, next_link
from devnet.mirror.query import Filter, Query
from devnet.mirror.replica import Replica
from devnet.mirror.shapes import block_json
from devnet.mirror.text import block_hash
from devnet.records import Block


def blocks(replica: Replica, request: Request) -> Answer:
    query = Query(request.query, ("block.number", "limit", "order", "timestamp"))
    numbers = [(item, _number(item)) for item in query.all("block.number")]
    kept = (
        block
        for block in _ordered(replica, query.order())
        if all(item.keeps(block.number, at=at) for item, at in numbers)
        and all(item.keeps(block.to_ns, at=at) for item, at in query.times())
    )
    page = list(islice(kept, query.limit(replica.most_rows)))
    link = None
    if len(page) == query.limit(replica.most_rows):
        last = {"block.number": Last(str(page[-1].number))}
        link = next_link(request.path, query.parameters, last, query.order())
    return Answer(200, {"blocks": [block_json(block) for block in page], "links": {"next": link}})


def block(replica: Replica, request: Request) -> Answer:
    Query(request.query, ())
    found = _by_hash_or_number(replica, request.params["id"])
    if found is None:
        raise not_found()
    return Answer(200, block_json(found))


def _by_hash_or_number(replica: Replica, text: str) -> Block | None:
    digits = block_hash(text)
    if digits is not None:
        return replica.block_by_hash(digits)
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise invalid("hashOrNumber")
    return replica.block(int(text))


def _ordered(replica: Replica, order: str) -> list[Block]:
    found = replica.blocks()
    return found if order == "asc" else found[::-1]


def _number(item: Filter) -> int:
    return int(item.value, 16) if item.value.startswith("0x") else int(item.value)
