"""getEvents: filters, ranges and cursors."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from stellar_sdk import StrKey, xdr

from devnet.soroban.codec import given
from devnet.soroban.errors import RpcError, invalid
from devnet.soroban.network import event_id
from devnet.soroban.store import Store

DEFAULT_LIMIT, MOST = 100, 10_000
MOST_FILTERS, MOST_CONTRACTS, MOST_TOPICS = 5, 5, 4


def get_events(store: Store, asked: Mapping[str, Any], oldest: int, latest: int) -> dict[str, Any]:
    """`events` and `cursor` of the answer; raises RpcError."""
    paging = asked.get("pagination") or {}
    limit = int(paging.get("limit") or DEFAULT_LIMIT)
    if not 1 <= limit <= MOST:
        raise invalid(f"limit must be between 1 and {MOST}")
    filters = _checked(asked.get("filters") or [])
    after, first, last = _range(asked, paging.get("cursor"), oldest, latest)
    found: list[dict[str, Any]] = []
    for body in store.events(after, first, last):
        shown = _shown(body)
        if _is_wanted(shown, filters):
            found.append(shown)
        if len(found) == limit:
            return {"events": found, "cursor": found[-1]["id"]}
    return {"events": found, "cursor": event_id(last + 1, 0, 0)}


def _range(asked: Mapping[str, Any], cursor: str | None, oldest: int, latest: int) -> tuple[str, int, int]:
    """After which id, first and last ledger. The end of a range is exclusive, as on the public service."""
    start, end = asked.get("startLedger"), asked.get("endLedger")
    if cursor:
        if start or end:
            raise invalid("ledger ranges and cursor cannot both be set")
        return _cursor(cursor), oldest, latest
    if not start or not oldest <= start <= latest:
        raise RpcError(-32600, f"startLedger must be within the ledger range: {oldest} - {latest}")
    if end and end <= start:
        raise invalid("endLedger must be after startLedger")
    return "", start, min(latest, end - 1) if end else latest


def _cursor(text: str) -> str:
    toid, dash, number = text.partition("-")
    if not (toid.isdecimal() and dash and number.isdecimal()):
        raise invalid("cursor is not the id of an event")
    # What a ledger's end is called sorts before the first event that comes after it.
    return f"{int(toid):019d}-{int(number):010d}"


def _checked(filters: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    if len(filters) > MOST_FILTERS:
        raise invalid(f"maximum {MOST_FILTERS} filters per request")
    for one in filters:
        if len(one.get("contractIds") or ()) > MOST_CONTRACTS:
            raise invalid(f"maximum {MOST_CONTRACTS} contract IDs per filter")
        if not all(StrKey.is_valid_contract(contract) for contract in one.get("contractIds") or ()):
            raise invalid("contract ID is invalid")
        if any(not 1 <= len(topics) <= MOST_TOPICS + 1 for topics in one.get("topics") or ()):
            raise invalid(f"a topic filter has 1 to {MOST_TOPICS} segments")
    return filters


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    event = xdr.ContractEvent.from_xdr(body["event"])
    body_v0, contract_id = given(event.body.v0), given(event.contract_id)
    closed = datetime.fromtimestamp(body["closed"], UTC)
    return {
        "type": event.type.name.lower(),
        "ledger": body["ledger"],
        "ledgerClosedAt": closed.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "contractId": StrKey.encode_contract(contract_id.contract_id.hash),
        "id": body["id"],
        "operationIndex": 0,
        "transactionIndex": body["order"],
        "txHash": body["hash"],
        "inSuccessfulContractCall": True,
        "topic": [topic.to_xdr() for topic in body_v0.topics],
        "value": body_v0.data.to_xdr(),
    }


def _is_wanted(shown: Mapping[str, Any], filters: Sequence[Mapping[str, Any]]) -> bool:
    return not filters or any(_passes(shown, one) for one in filters)


def _passes(shown: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
    if one.get("type") and shown["type"] not in str(one["type"]).split(","):
        return False
    if one.get("contractIds") and shown["contractId"] not in one["contractIds"]:
        return False
    topics = one.get("topics")
    return not topics or any(_matches(shown["topic"], wanted) for wanted in topics)


def _matches(topics: Sequence[str], wanted: Sequence[str]) -> bool:
    """`*` stands for one segment, a last `**` for any number of further ones."""
    if wanted[-1] == "**":
        wanted = wanted[:-1]
        topics = topics[: len(wanted)]
    return len(topics) == len(wanted) and all(
        one in ("*", topic) for one, topic in zip(wanted, topics, strict=True)
    )
