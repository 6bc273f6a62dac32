"""Hedera's mirror node over REST: what is on chain, as far as this mirror node knows.

It lags behind, and an incomplete answer looks like an empty one: absence is never proved here, only reported.
Reads raise Unavailable for all that is no usable answer; Refused is the mirror node's 400, a wrong question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.conf import settings

from contracts.clock import consensus_text as to_text
from contracts.gateways.errors import Refused, Reverted, Unavailable
from contracts.gateways.records import (
    Account,
    Block,
    ContractInfo,
    ContractResult,
    Log,
    NodeAddress,
    ResultSummary,
    TokenInfo,
    TokenRelation,
    TransactionRecord,
    from_hex,
    to_ns,
)
from contracts.gateways.web import API, Parameters, Reply, Web

__all__ = [
    "Account",
    "Block",
    "ContractInfo",
    "ContractResult",
    "Log",
    "Mirror",
    "NodeAddress",
    "ResultSummary",
    "TokenInfo",
    "TokenRelation",
    "TransactionRecord",
    "mirror",
    "to_ns",
    "to_text",
]

T = TypeVar("T")

PAGE = 100
MAX_TOPICS = 20
# Searches by topic take at most seven days; a second less keeps both bounds inside.
TOPIC_WINDOW_NS = (7 * 86_400 - 1) * 1_000_000_000

_EVM = re.compile(r"0x[0-9a-fA-F]{40}")
_SEGMENT = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]*")
_REVERTED = "CONTRACT_REVERT_EXECUTED"


def mirror() -> Mirror:
    """The client for HEDERA_MIRROR_URL."""
    return _mirror_at(settings.HEDERA_MIRROR_URL)


@lru_cache(maxsize=8)
def _mirror_at(url: str) -> Mirror:
    return Mirror(url)


class Mirror:
    def __init__(self, url: str) -> None:
        self._web = Web(url)

    def transaction(self, transaction_id: str) -> tuple[TransactionRecord, ...]:
        """All records of an id (children and duplicates too), empty when the mirror node does not know it."""
        reply = self._get(f"{API}/transactions/{_segment(transaction_id)}")
        return () if reply is None else _many(TransactionRecord.read, reply, "transactions")

    def contract_result(self, transaction_id: str) -> ContractResult | None:
        reply = self._get(f"{API}/contracts/results/{_segment(transaction_id)}")
        if reply is None:
            return None
        is_final = reply.status == 200
        return _read(lambda answer: ContractResult.read(answer, is_final=is_final), reply.body)

    def contract_results(self, contract: str, *, since: str, until: str) -> Iterator[ResultSummary]:
        """A contract's results from `since` to `until` (consensus texts, both included), oldest first.

        A list holds each result without its logs, and does not say whether it is final.
        """
        params = [("limit", str(PAGE)), ("order", "asc")]
        params += [("timestamp", f"gte:{since}"), ("timestamp", f"lte:{until}")]
        path = f"/contracts/{_segment(contract)}/results"
        yield from self._pages(path, params, "results", ResultSummary.read)

    def account_transactions(
        self,
        account: str,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        order: str = "asc",
        result: str | None = None,
        only_received: bool = False,
    ) -> Iterator[TransactionRecord]:
        """What touched the account between two times, both included; `result` is success or fail.

        Not only what it paid for: ask `.payer`. `only_received` leaves out what brought it neither hbar nor tokens.
        """
        params = _account_params(account, since_ns, until_ns, order, result)
        params += [("type", "credit")] if only_received else []
        yield from self._pages("/transactions", params, "transactions", TransactionRecord.read)

    def newest_block(self) -> Block:
        reply = self._get(f"{API}/blocks", [("limit", "1"), ("order", "desc")])
        blocks = () if reply is None else _many(Block.read, reply, "blocks")
        if not blocks:
            raise Unavailable("the mirror node has no block yet")
        return blocks[0]

    def newest_consensus_ns(self) -> int:
        """The end of the newest block: up to there, this mirror node has what the chain has.

        Blocks come in whole and in order, so this is a promise about absence, which the time of the newest
        transaction is not: the chain may have been idle since. Behind one address several mirror nodes with
        different lag may answer; contracts/services/absence.py has progress and absence in one answer.
        """
        return self.newest_block().to_ns

    def call(
        self,
        to: str,
        data: bytes,
        *,
        block: int | None = None,
        sender: str | None = None,
        gas: int = 15_000_000,
    ) -> bytes:
        """What a view returns, now or at the end of a block. Reverted when the contract refused.

        Sent once; the caller may ask again, for a view changes nothing.
        """
        question = {
            "to": _evm(to),
            "data": "0x" + data.hex(),
            "block": "latest" if block is None else hex(block),
            "gas": gas,
            "estimate": False,
        }
        if sender is not None:
            question["from"] = _evm(sender)
        reply = self._web.post(f"{API}/contracts/call", question)
        if reply.status == 400:
            raise _call_error(reply)
        if reply.status == 404:
            raise Refused(reply.words, status=404)
        return _read(lambda answer: from_hex(answer["result"]), reply.body)

    def logs(
        self,
        contract: str,
        *,
        since: str,
        until: str | None = None,
        topics0: Sequence[str] = (),
        topics2: Sequence[str] = (),
        rows: int = PAGE,
    ) -> Iterator[Log]:
        """A contract's logs from `since` to `until` (consensus texts, both included), oldest first, `rows` at a time.

        A search by topic needs `until`.
        """
        path = f"/contracts/{_segment(contract)}/results/logs"
        for lower, upper in _windows(since, until, has_topics=bool(topics0 or topics2)):
            params = [("limit", str(rows)), ("order", "asc"), ("timestamp", f"gte:{lower}")]
            params += [("timestamp", f"lte:{upper}")] if upper else []
            params += _topic_params("topic0", topics0) + _topic_params("topic2", topics2)
            yield from self._pages(path, params, "logs", Log.read)

    def account(self, id_or_evm: str) -> Account | None:
        # The limit is for the transactions that come with an account, wanted or not.
        return self._one(Account.read, f"/accounts/{_segment(id_or_evm)}", [("limit", "1")])

    def contract(self, id_or_evm: str) -> ContractInfo | None:
        return self._one(ContractInfo.read, f"/contracts/{_segment(id_or_evm)}")

    def token(self, token_id: str) -> TokenInfo | None:
        """None for tokens that are plain contracts: the mirror node lists only those of the token service."""
        return self._one(TokenInfo.read, f"/tokens/{_segment(token_id)}")

    def account_token(self, account: str, token_id: str) -> TokenRelation | None:
        """None when the account is not associated with the token."""
        reply = self._get(f"{API}/accounts/{_segment(account)}/tokens", [("token.id", token_id)])
        relations = () if reply is None else _many(TokenRelation.read, reply, "tokens")
        return next((relation for relation in relations if relation.token_id == token_id), None)

    def address_book(self) -> tuple[NodeAddress, ...]:
        """The consensus nodes with their addresses and certificate hashes."""
        params = [("limit", str(PAGE)), ("order", "asc")]
        return tuple(self._pages("/network/nodes", params, "nodes", NodeAddress.read))

    def _one(self, read: Callable[[Any], T], path: str, params: Parameters | None = None) -> T | None:
        reply = self._get(API + path, params)
        return None if reply is None else _read(read, reply.body)

    def _get(self, path: str, params: Parameters | None = None) -> Reply | None:
        reply = self._web.get(path, params)
        if reply.status == 400:
            raise Refused(reply.words, status=400)
        return None if reply.status == 404 else reply

    def _pages(self, path: str, params: Parameters, key: str, read: Callable[[Any], T]) -> Iterator[T]:
        """Follows `links.next` as given: asking on by time loses what shares a time with a page's end."""
        reply = self._list(API + path, params)
        seen: set[str] = set()
        while True:
            yield from _many(read, reply, key)
            link = _read(lambda answer: answer["links"]["next"], reply.body)
            if link is None:
                return
            if link in seen:
                raise Unavailable(f"the mirror node's pages go round in a circle: {link[:200]}")
            seen.add(link)
            reply = self._list(self._web.next_path(link))

    def _list(self, path: str, params: Parameters | None = None) -> Reply:
        """A list of nothing is an empty list: a 404 is no answer to this question."""
        reply = self._get(path, params)
        if reply is None:
            raise Unavailable("the mirror node answers a list with 404", status=404)
        return reply


def _read(read: Callable[[Any], T], answer: Any) -> T:
    try:
        return read(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable(f"the mirror node's answer has another shape than agreed: {error!r}") from error


def _many(read: Callable[[Any], T], reply: Reply, key: str) -> tuple[T, ...]:
    return _read(lambda answer: tuple(read(entry) for entry in answer[key]), reply.body)


def _account_params(
    account: str, since_ns: int | None, until_ns: int | None, order: str, result: str | None
) -> Parameters:
    params = [("account.id", account), ("limit", str(PAGE)), ("order", order)]
    params += [("timestamp", f"gte:{to_text(since_ns)}")] if since_ns is not None else []
    params += [("timestamp", f"lte:{to_text(until_ns)}")] if until_ns is not None else []
    params += [("result", result)] if result else []
    return params


def _topic_params(name: str, topics: Sequence[str]) -> Parameters:
    if len(topics) > MAX_TOPICS:
        raise ValueError(f"mirror nodes fail on more than {MAX_TOPICS} topics in one search")
    return [(name, topic) for topic in topics]


def _windows(since: str, until: str | None, *, has_topics: bool) -> Iterator[tuple[str, str | None]]:
    start = to_ns(since)
    if until is None:
        if has_topics:
            raise ValueError("a search by topic needs an end")
        yield to_text(start), None
        return
    end = to_ns(until)
    step = TOPIC_WINDOW_NS if has_topics else max(end - start, 0)
    while start <= end:
        yield to_text(start), to_text(min(start + step, end))
        start += step + 1


def _segment(text: str) -> str:
    """One segment of a path and nothing that could make it another question."""
    if not _SEGMENT.fullmatch(text):
        raise ValueError(f"not an id or address: {text!r}")
    return text


def _evm(address: str) -> str:
    if not _EVM.fullmatch(address):
        raise ValueError(f"a call needs an EVM address, not {address!r}")
    return address


def _call_error(reply: Reply) -> Refused:
    first: Mapping[str, Any] = next(iter(reply.messages), {})
    code, detail = str(first.get("message", "")), str(first.get("detail") or "")
    text = f"{code}: {detail}" if detail else code or reply.words
    data = _read(from_hex, first.get("data"))
    if data or code == _REVERTED:
        return Reverted(text, data=data, code=code, status=400)
    return Refused(text, code=code or None, status=400)
