"""What is told of events, and to whom."""

from collections.abc import Iterator
from typing import Any

from stellar_sdk import scval

from tests.soroban.conformance.stage import Case, Stage


def events(stage: Stage) -> Iterator[Case]:
    raw, oldest = stage.hands.raw, stage.hands.raw("getHealth", {})["oldestLedger"]

    def listed(title: str, **asked: Any) -> Case:
        answer = raw("getEvents", {"startLedger": oldest} | asked)
        if "error" in answer:
            return Case("getEvents", title, answer)
        shown = [
            [one["type"], one["contractId"], one["topic"], len(one["id"]), one["transactionIndex"]]
            for one in answer["events"]
        ]
        return Case("getEvents", title, shown)

    mine = {"type": "contract", "contractIds": [stage.contract]}
    symbol = scval.to_symbol("PAYMENT").to_xdr()
    yield listed("of one contract", filters=[mine], pagination={"limit": 1_000})
    yield listed(
        "of another",
        filters=[{"type": "contract", "contractIds": [stage.token]}],
        pagination={"limit": 1_000},
    )
    yield listed("by topic", filters=[mine | {"topics": [[symbol, "*", "*"]]}])
    yield listed("by the beginning of topics", filters=[mine | {"topics": [[symbol, "**"]]}])
    yield listed("of a topic too short", filters=[mine | {"topics": [[symbol]]}])
    yield listed("the first three", filters=[mine], pagination={"limit": 3})
    page = raw("getEvents", {"startLedger": oldest, "filters": [mine], "pagination": {"limit": 3}})
    rest = raw("getEvents", {"filters": [mine], "pagination": {"cursor": page["cursor"], "limit": 1_000}})
    yield Case("getEvents", "after a cursor", [one["topic"] for one in rest["events"]])
    yield listed("too many filters", filters=[mine] * 6)
    yield listed("too many contracts", filters=[{"contractIds": [stage.contract] * 6}])
    yield listed("no contract's address", filters=[{"contractIds": ["C123"]}])
    yield listed("a limit too high", pagination={"limit": 10_001})
    yield listed("before what is kept", startLedger=1)
    yield listed("an end before the start", endLedger=oldest)
    yield listed("cursor and range", pagination={"cursor": page["cursor"]})
    yield Case("getEvents", "a cursor that is none", raw("getEvents", {"pagination": {"cursor": "abc"}}))
