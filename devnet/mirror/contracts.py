"""contracts/{id} and the contract results under it, by transaction id or hash, and by timestamp."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from devnet.http import Answer, Request
from devnet.mirror.bounds import TimeRange
from devnet.mirror.errors import Refusal, invalid, not_found
from devnet.mirror.links import Last, next_link
from devnet.mirror.query import Query
from devnet.mirror.replica import Replica
from devnet.mirror.shapes import PARTIAL_RESULT, result_details_json, result_json
from devnet.mirror.text import (
    TIMESTAMP,
    block_hash,
    entity_key,
    ethereum_hash,
    hex_text,
    is_entity_id,
    time_text,
    to_ns,
    transaction_id_text,
)
from devnet.records import Block, CallOutcome, Contract, Record

_RESULTS = (
    "from",
    "block.hash",
    "block.number",
    "hbar",
    "internal",
    "limit",
    "order",
    "timestamp",
    "transaction.index",
)
# A duplicate leaves a record without a result of its own, so results never list it.
_WITHOUT_RESULT = frozenset({"DUPLICATE_TRANSACTION", "WRONG_NONCE"})


def contract(replica: Replica, request: Request) -> Answer:
    if not is_entity_id(request.params["id"]):
        raise invalid("contractid")
    Query(request.query, ("timestamp",))
    found = replica.contract(entity_key(request.params["id"]))
    if found is None:
        raise not_found()
    return Answer(200, _contract_json(found))


def contract_results(replica: Replica, request: Request) -> Answer:
    if not is_entity_id(request.params["id"]):
        raise invalid("contractid")
    query = Query(request.query, _RESULTS)
    _check_block_parameters(query)
    found = replica.contract(entity_key(request.params["id"]))
    page = list(islice(_results(replica, query, found), query.limit(replica.most_rows))) if found else []
    rows = [_row(replica, request, record, record.call) for record in page if record.call]
    link = None
    if len(rows) == query.limit(replica.most_rows):
        last = {"timestamp": Last(time_text(page[-1].consensus_ns))}
        link = next_link(request.path, query.parameters, last, query.order())
    return Answer(200, {"results": rows, "links": {"next": link}})


def _row(replica: Replica, request: Request, record: Record, call: CallOutcome) -> dict[str, Any]:
    """A list says nothing of what is missing: a partial result is one of 200 like all others."""
    row = result_json(replica, record, call)
    return row | PARTIAL_RESULT if _is_partial(replica, request, record) else row


def result_by_id_or_hash(replica: Replica, request: Request) -> Answer:
    query = Query(request.query, ("hbar", "nonce"))
    text = request.params["id"]
    digest = ethereum_hash(text)
    if digest is not None:
        return _details(replica, request, replica.by_hash(digest))
    nonce = int(query.last("nonce") or 0)
    records = (record for record in replica.by_id(transaction_id_text(text)) if record.nonce == nonce)
    return _details(
        replica, request, next((record for record in records if record.result not in _WITHOUT_RESULT), None)
    )


def result_by_timestamp(replica: Replica, request: Request) -> Answer:
    is_time = TIMESTAMP.fullmatch(request.params["timestamp"])
    bad = [] if is_entity_id(request.params["id"]) else ["contractid"]
    bad += [] if is_time else ["timestamp"]
    if bad:
        raise invalid(*bad)
    Query(request.query, ("hbar",))
    found = replica.contract(entity_key(request.params["id"]))
    at = to_ns(request.params["timestamp"])
    records = replica.records(contract=found.evm_address, since=at, until=at) if found else iter(())
    return _details(replica, request, next(records, None))


def _details(replica: Replica, request: Request, record: Record | None) -> Answer:
    if record is None or record.call is None:
        raise not_found()
    details = result_details_json(replica, record, record.call)
    if _is_partial(replica, request, record):
        return Answer(206, details | PARTIAL_RESULT | {"logs": []})
    return Answer(200, details)


def _is_partial(replica: Replica, request: Request, record: Record) -> bool:
    subject = f"{request.target} {record.memo.decode(errors='replace')}"
    return replica.faults.hit("mirror.partial", subject) is not None


def _results(replica: Replica, query: Query, found: Contract) -> Iterator[Record]:
    span = TimeRange(query.times(), strict=False)
    records = replica.records(
        contract=found.evm_address, since=span.since, until=span.until, order=query.order()
    )
    block = _block(replica, query)
    if query.all("block.number") or query.all("block.hash"):
        records = (record for record in records if block and record.block_number == block.number)
    fits = _filter(replica, query)
    return (record for record in records if span.keeps(record.consensus_ns) and fits(record))


def _filter(replica: Replica, query: Query) -> Callable[[Record], bool]:
    senders = {_account_id(replica, item.value) for item in query.all("from")}
    indexes = {int(item.value) for item in query.all("transaction.index")}
    with_internal = query.flag("internal", default=False)
    return lambda record: (
        record.result not in _WITHOUT_RESULT
        and (record.nonce == 0 or with_internal)
        and (not senders or record.payer in senders)
        and (not indexes or record.index_in_block in indexes)
    )


def _account_id(replica: Replica, text: str) -> str | None:
    account = replica.account(entity_key(text))
    return account.account if account else None


def _block(replica: Replica, query: Query) -> Block | None:
    number, digest = query.last("block.number"), query.last("block.hash")
    if number is not None:
        return replica.block(int(number, 0) if number.startswith("0x") else int(number))
    digits = block_hash(digest) if digest else None
    return replica.block_by_hash(digits) if digits else None


def _check_block_parameters(query: Query) -> None:
    if any(item.operator != "eq" for item in query.all("block.number")):
        raise invalid("block.number")
    named = [key for key in ("block.number", "block.hash") if query.all(key)]
    problems = []
    if query.all("transaction.index") and not named:
        problems.append(
            "Invalid parameter usage: transaction.index - transaction.index requires block.number or "
            "block.hash filter to be specified"
        )
    if len(named) == 2:
        problems.append("Invalid parameter usage: block.hash - cannot combine block.number and block.hash")
    if problems:
        raise Refusal(*problems)


def _contract_json(found: Contract) -> dict[str, Any]:
    created = time_text(found.created_ns)
    return {
        "admin_key": None,
        "auto_renew_account": None,
        "auto_renew_period": None,
        "contract_id": found.contract_id,
        "created_timestamp": created,
        "deleted": False,
        "evm_address": found.evm_address,
        "expiration_timestamp": None,
        "file_id": None,
        "max_automatic_token_associations": None,
        "memo": found.memo,
        "nonce": 0,
        "obtainer_id": None,
        "permanent_removal": None,
        "proxy_account_id": None,
        "timestamp": {"from": created, "to": None},
        "bytecode": "0x",
        "runtime_bytecode": hex_text(found.runtime_code),
    }
