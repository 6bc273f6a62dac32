"""transactions and transactions/{id}: lists by time, account, result and type, and single ids."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from devnet.http import Answer, Request
from devnet.mirror.bounds import TimeRange
from devnet.mirror.errors import not_found
from devnet.mirror.ghosts import haunted, made_up
from devnet.mirror.links import Last, next_link
from devnet.mirror.query import Filter, Query
from devnet.mirror.replica import Replica
from devnet.mirror.shapes import is_success, transaction_json
from devnet.mirror.text import entity_key, entity_number, hedera_hash, time_text, transaction_id_text
from devnet.records import Record

_ACCEPTED = ("account.id", "limit", "order", "result", "timestamp", "transactiontype", "type")


def transactions(replica: Replica, request: Request) -> Answer:
    query = Query(request.query, _ACCEPTED)
    return Answer(200, page(replica, request, query, _accounts(replica, query)))


def transaction(replica: Replica, request: Request) -> Answer:
    query = Query(request.query, ("nonce", "scheduled"))
    text = request.params["id"]
    digest = hedera_hash(text)
    records = _by_hash(replica, digest) if digest else replica.by_id(transaction_id_text(text))
    if not (records or digest) and replica.faults.hit("mirror.ghost_transaction", request.target) is not None:
        records = made_up(replica, transaction_id_text(text))
    nonce = query.last("nonce")
    found = [
        record
        for record in records
        if (nonce is None or record.nonce == int(nonce)) and not query.flag("scheduled", default=False)
    ]
    if not found:
        raise not_found()
    return Answer(200, {"transactions": [transaction_json(replica, record) for record in found]})


def page(
    replica: Replica, request: Request, query: Query, accounts: list[tuple[Filter, int]]
) -> dict[str, Any]:
    """One page with its link; `accounts` are account.id filters, several eq mean any of them."""
    span = TimeRange(query.times())
    only = _single(accounts)
    records = replica.records(only, since=span.since, until=span.until, order=query.order())
    if replica.faults.hit("mirror.ghost_transaction", request.target) is not None:
        records = haunted(records, query.order())
    kept = (
        record
        for record in records
        if span.keeps(record.consensus_ns) and _concerns(record, accounts) and _fits(record, query, accounts)
    )
    rows = list(islice(kept, query.limit(replica.most_rows))) if len(span.equal) <= 1 else []
    link = None
    if len(rows) == query.limit(replica.most_rows):
        last = {"timestamp": Last(time_text(rows[-1].consensus_ns))}
        link = next_link(request.path, query.parameters, last, query.order())
    return {"transactions": [transaction_json(replica, row) for row in rows], "links": {"next": link}}


def _by_hash(replica: Replica, digest: bytes) -> list[Record]:
    record = replica.by_hash(digest)
    return replica.by_id(record.transaction_id) if record else []


def _accounts(replica: Replica, query: Query) -> list[tuple[Filter, int]]:
    found = []
    for item in query.all("account.id"):
        key = entity_key(item.value)
        account = replica.account(key)
        known = account.account if account else key
        found.append((item, -1 if known.startswith("0x") else entity_number(known)))
    return found


def _single(accounts: list[tuple[Filter, int]]) -> str | None:
    """The one account asked for, by which the ledger has an index."""
    if len(accounts) != 1 or accounts[0][0].operator != "eq":
        return None
    return f"0.0.{accounts[0][1]}"


def _concerns(record: Record, accounts: list[tuple[Filter, int]]) -> bool:
    """Payer, or party of a transfer; being the called contract is not enough."""
    return not accounts or any(_passes(entity_number(account), accounts) for account in _parties(record))


def _parties(record: Record) -> Iterator[str]:
    yield record.payer
    yield from (account for account, _ in record.transfers)
    yield from (account for _, account, _ in record.token_transfers)


def _passes(number: int, accounts: list[tuple[Filter, int]]) -> bool:
    equal = {at for item, at in accounts if item.operator == "eq"}
    ranges = [(item, at) for item, at in accounts if item.operator != "eq"]
    return (not equal or number in equal) and all(item.keeps(number, at=at) for item, at in ranges)


def _fits(record: Record, query: Query, accounts: list[tuple[Filter, int]]) -> bool:
    types = {item.value.upper() for item in query.all("transactiontype")}
    result = query.last("result")
    return (
        (not types or record.name in types)
        and (result is None or (result.lower() == "success") == is_success(record))
        and _moves(record, query, accounts)
    )


def _moves(record: Record, query: Query, accounts: list[tuple[Filter, int]]) -> bool:
    """`type=credit` keeps records in which (one of) the accounts received, `debit` in which it gave."""
    directions = {item.value.lower() for item in query.all("type")}
    if not directions:
        return True
    moves = [*record.transfers, *((account, units) for _, account, units in record.token_transfers)]
    amounts = [amount for account, amount in moves if _passes(entity_number(account), accounts)]
    sign = 1 if directions == {"credit"} else -1
    return len(directions) == 1 and any(amount * sign > 0 for amount in amounts)
