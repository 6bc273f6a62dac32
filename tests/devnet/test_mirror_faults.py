"""Replicas that lag, and every trouble a public mirror has shown."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from devnet.faults import FaultBoard
from devnet.ledger import Ledger
from devnet.mirror.server import REPLICA_HEADER
from devnet.mirror.shapes import PARTIAL_RESULT
from tests.devnet.mirror_client import LOGS, RESULT, MirrorUnderTest
from tests.devnet.mirror_ledger import (
    CALLS,
    CALLS_PER_BLOCK,
    LOGS_PER_CALL,
    block,
    contract_call,
    sample_ledger,
)

NEWEST_BLOCK = "/api/v1/blocks?limit=1"


@pytest.fixture
def mirror() -> Iterator[MirrorUnderTest]:
    faults = FaultBoard()
    under_test = MirrorUnderTest(sample_ledger(faults), faults)
    under_test.server.start()
    yield under_test
    under_test.server.stop()


def rows_of(page: dict[str, Any]) -> list[Any]:
    (rows,) = (rows for rows in page.values() if isinstance(rows, list))
    return rows


def close_next_block(ledger: Ledger) -> None:
    """Block 26 with one call, imported by a replica only after its lag."""
    ledger.add_record(contract_call(CALLS))
    ledger.add_block(block(CALLS // CALLS_PER_BLOCK + 1), closed_at=time.monotonic())


def newest_by_replica(mirror: MirrorUnderTest, requests_made: int = 40) -> dict[str, set[int]]:
    seen: dict[str, set[int]] = {}
    for _ in range(requests_made):
        answer = mirror.get(NEWEST_BLOCK)
        seen.setdefault(answer.headers[REPLICA_HEADER], set()).add(answer.json()["blocks"][0]["number"])
    return seen


def test_two_replicas_of_different_lag_answer_under_one_address(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.lag_seconds", {"replica": 1, "seconds": 60})
    close_next_block(mirror.ledger)

    assert newest_by_replica(mirror) == {"0": {26}, "1": {25}}


def test_a_lagging_replica_shows_nothing_of_what_it_has_not_imported(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.lag_seconds", {"seconds": 60})
    close_next_block(mirror.ledger)
    identity = contract_call(CALLS).transaction_id

    assert mirror.get(f"/api/v1/transactions/{identity}").status_code == 404
    assert mirror.get(f"/api/v1/contracts/results/{identity}").status_code == 404
    assert mirror.body(f"{LOGS}?timestamp=gt:1795166802.500000007")["logs"] == []
    assert mirror.body("/api/v1/transactions?limit=1")["transactions"][0]["transaction_id"] != identity


def test_a_record_is_hidden_until_its_block_is_closed(mirror: MirrorUnderTest) -> None:
    mirror.ledger.add_record(contract_call(CALLS))
    path = f"/api/v1/transactions/{contract_call(CALLS).transaction_id}"
    before = mirror.get(path).status_code

    mirror.ledger.add_block(block(CALLS // CALLS_PER_BLOCK + 1))

    assert (before, mirror.get(path).status_code) == (404, 200)


def test_the_choice_of_replicas_repeats_with_the_seed() -> None:
    def choices() -> list[str]:
        faults = FaultBoard()
        mirror = MirrorUnderTest(sample_ledger(faults), faults)
        mirror.server.start()
        try:
            return [mirror.get(NEWEST_BLOCK).headers[REPLICA_HEADER] for _ in range(12)]
        finally:
            mirror.server.stop()

    first = choices()

    assert first == choices()
    assert set(first) == {"0", "1"}


def test_errors_name_when_to_come_back(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.error_rate", {"status": 429, "retry_after": 3}, count=1)

    refused = mirror.get(NEWEST_BLOCK)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
    assert refused.json() == {"_status": {"messages": [{"message": "Too Many Requests"}]}}
    assert mirror.get(NEWEST_BLOCK).status_code == 200


def test_latency_delays_the_answer(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.latency_ms", {"ms": 80}, count=1)
    start = time.monotonic()

    mirror.get(NEWEST_BLOCK)

    assert time.monotonic() - start >= 0.08


def test_a_dropped_reply_is_a_closed_connection(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.drop_reply", count=1)

    with pytest.raises(requests.ConnectionError):
        mirror.get(NEWEST_BLOCK)
    assert mirror.get(NEWEST_BLOCK).status_code == 200


def test_a_partial_result_is_206_and_tells_nothing_of_the_inside(mirror: MirrorUnderTest) -> None:
    whole = mirror.body(RESULT)
    mirror.faults.set("mirror.partial", count=1)

    answer = mirror.get(RESULT)

    assert answer.status_code == 206
    assert answer.json().keys() == whole.keys()
    assert (answer.json()["logs"], answer.json()["gas_used"], answer.json()["call_result"]) == (
        [],
        None,
        "0x",
    )
    assert mirror.body(RESULT) == whole


def test_a_ghost_log_appears_and_is_gone_at_the_next_look(mirror: MirrorUnderTest) -> None:
    path = f"{LOGS}?timestamp=gte:1795166802.500000007&order=asc"
    before = mirror.body(path)["logs"]
    mirror.faults.set("mirror.ghost", count=1)

    ghost = mirror.body(path)["logs"][len(before) :]

    assert [log["timestamp"] for log in ghost] == ["1795166802.500000008"]
    assert mirror.get(f"/api/v1/contracts/results/{ghost[0]['transaction_hash']}").status_code == 404
    assert mirror.body(path)["logs"] == before


def test_logs_may_come_late_though_newer_ones_are_there(mirror: MirrorUnderTest) -> None:
    mirror.ledger.add_record(contract_call(CALLS, memo=b"pd1:demo:batch:7"))
    mirror.ledger.add_block(block(CALLS // CALLS_PER_BLOCK + 1))
    path = f"{LOGS}?timestamp=gte:1795166802.500000007&order=asc"
    mirror.faults.set("mirror.ghost", {"mode": "missing", "memo": "batch:7"})
    late = mirror.body(path)["logs"]

    mirror.faults.clear("mirror.ghost")

    assert (len(late), len(mirror.body(path)["logs"])) == (10, 20)


def test_a_tail_comes_late_and_completes_with_time(mirror: MirrorUnderTest) -> None:
    path = f"{LOGS}?timestamp=gte:1795166801.500000007&order=asc&limit=100"
    whole = mirror.body(path)["logs"]
    mirror.faults.set("mirror.late_tail", {"seconds": 1})

    shown = mirror.body(path)["logs"]
    mirror.ledger.add_block(block(CALLS // CALLS_PER_BLOCK + 1))

    assert shown == whole[:10]
    assert mirror.body(path)["logs"] == whole


def test_a_tail_lacks_the_same_logs_at_every_look(mirror: MirrorUnderTest) -> None:
    path = f"{LOGS}?limit=100&order=asc&timestamp=gte:1795166800"
    whole = mirror.body(path)["logs"]
    mirror.faults.set("mirror.late_tail", {"seconds": 3600, "share": 0.5})

    first, second = (mirror.body(path)["logs"] for _ in range(2))

    assert first == second
    assert 0 < len(first) < len(whole)
    assert [log for log in whole if log in first] == first


@pytest.mark.parametrize("path", [LOGS, "/api/v1/transactions", "/api/v1/blocks"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_duplicate_pages_repeat_the_page_before_and_lose_nothing(
    mirror: MirrorUnderTest, path: str, order: str
) -> None:
    first = f"{path}?limit=10&order={order}"
    whole = [rows_of(page) for page in mirror.pages(first)]
    mirror.faults.set("mirror.duplicate_page", count=2)

    pages = [rows_of(page) for page in mirror.pages(first)]

    assert pages == [whole[0], whole[0], whole[0], *whole[1:]]


def test_a_duplicate_page_links_to_no_page_that_was_asked_for_before(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.duplicate_page", count=2)

    links = [page["links"]["next"] for page in mirror.pages(f"{LOGS}?limit=100")]

    assert len(links) == CALLS * LOGS_PER_CALL // 100 + 1 + 2
    assert len(set(links)) == len(links)


def test_a_duplicate_page_waits_for_its_own_list(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.duplicate_page", match="results/logs")

    numbers = [row["number"] for page in mirror.pages("/api/v1/blocks?limit=10") for row in rows_of(page)]

    assert numbers == list(range(CALLS // CALLS_PER_BLOCK, -1, -1))


def test_pages_are_cut_inside_a_timestamp_whatever_limit_is_asked_for(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.page_limit", {"rows": 7})

    pages = list(mirror.pages(f"{LOGS}?limit=100&order=asc&timestamp=gte:1795166753.000000007"))

    places = [(log["timestamp"], log["index"]) for page in pages for log in page["logs"]]
    assert {len(page["logs"]) for page in pages[:-1]} == {7}
    assert pages[0]["links"]["next"].endswith(
        "limit=100&order=asc&timestamp=gte:1795166753.000000007&index=gt:6"
    )
    assert len(places) == CALLS * LOGS_PER_CALL
    assert places == sorted(set(places))


def test_some_pages_are_cut_and_others_are_not(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.page_limit", {"rows": 95}, probability=0.5)

    pages = [rows_of(page) for page in mirror.pages(f"{LOGS}?limit=100")]

    assert {len(rows) for rows in pages[:-1]} == {95, 100}
    assert sum(map(len, pages)) == CALLS * LOGS_PER_CALL


def test_a_slow_page_takes_its_time_for_each_row(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.slow_page", {"ms_per_row": 2}, count=1)
    mirror.get(RESULT)
    start = time.monotonic()

    mirror.get(f"{LOGS}?limit=50")

    assert time.monotonic() - start >= 0.1
    assert mirror.faults.active() == []


def test_a_list_shows_a_partial_result_as_one_without_its_inside(mirror: MirrorUnderTest) -> None:
    """The official list answers 200 for such rows; only the single result says 206."""
    path = "/api/v1/contracts/0.0.1001/results?limit=2&order=asc"
    whole = mirror.body(path)
    mirror.faults.set("mirror.partial", count=1)

    first, second = mirror.body(path)["results"]

    assert (first["call_result"], first["gas_used"]) == ("0x", None)
    assert first == whole["results"][0] | {name: first[name] for name in PARTIAL_RESULT}
    assert second == whole["results"][1]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_ghost_transaction_stands_where_the_newest_one_would(mirror: MirrorUnderTest, order: str) -> None:
    path = f"/api/v1/transactions?account.id=0.0.1002&timestamp=gte:1795166800&order={order}"
    before = mirror.body(path)["transactions"]
    mirror.faults.set("mirror.ghost_transaction", count=1)

    shown = mirror.body(path)["transactions"]

    ghosts = [row for row in shown if row not in before]
    assert [row["consensus_timestamp"] for row in ghosts] == ["1795166802.500000008"]
    assert shown.index(ghosts[0]) == (0 if order == "desc" else len(before))
    assert mirror.get(f"/api/v1/transactions/{ghosts[0]['transaction_id']}").status_code == 404


def test_an_id_that_nobody_used_may_have_a_ghost_of_its_payer(mirror: MirrorUnderTest) -> None:
    path = "/api/v1/transactions/0.0.1002-1795166900-000000001"
    mirror.faults.set("mirror.ghost_transaction")

    (ghost,) = mirror.body(path)["transactions"]

    assert (ghost["result"], ghost["consensus_timestamp"]) == ("SUCCESS", "1795166910.000000001")
    assert mirror.get("/api/v1/transactions/0.0.77-1795166900-000000001").status_code == 404
    assert mirror.get(RESULT.replace("1795166752", "1795166900")).status_code == 404


def test_a_mirror_may_find_nothing_at_all(mirror: MirrorUnderTest) -> None:
    mirror.faults.set("mirror.not_found", count=2)

    lost = mirror.get(NEWEST_BLOCK)

    assert (lost.status_code, lost.json()) == (404, {"_status": {"messages": [{"message": "Not found"}]}})
    assert mirror.get(RESULT).status_code == 404
    assert mirror.get(RESULT).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/transactions?account.id=0.0.1002",
        "/api/v1/contracts/0.0.1001/results",
        LOGS,
    ],
)
def test_lists_are_read_page_by_page_up_to_where_the_replica_is(mirror: MirrorUnderTest, path: str) -> None:
    mirror.faults.set("mirror.lag_seconds", {"seconds": 60})
    close_next_block(mirror.ledger)
    separator = "&" if "?" in path else "?"
    pages = list(mirror.pages(f"{path}{separator}timestamp=gte:1795166753.000000007&limit=30&order=asc"))
    key = next(name for name in pages[0] if name != "links")
    rows = [row for page in pages for row in page[key]]

    assert len(rows) == (CALLS * LOGS_PER_CALL if key == "logs" else CALLS)
    assert rows == sorted(rows, key=lambda row: row.get("timestamp") or row["consensus_timestamp"])


def test_a_mirror_that_is_down_refuses_connections_and_comes_back_at_its_address(
    mirror: MirrorUnderTest,
) -> None:
    mirror.faults.set("mirror.down")

    with pytest.raises(requests.ConnectionError):
        mirror.get(NEWEST_BLOCK)
    mirror.faults.clear("mirror.down")
    assert mirror.get(NEWEST_BLOCK).status_code == 200


def test_a_mirror_started_while_down_knows_its_address() -> None:
    faults = FaultBoard()
    faults.set("mirror.down")
    mirror = MirrorUnderTest(sample_ledger(faults), faults)
    mirror.server.start()
    try:
        address = mirror.server.url
        faults.clear()
        assert mirror.server.url == address
        assert mirror.get(NEWEST_BLOCK).status_code == 200
    finally:
        mirror.server.stop()


def test_a_stopped_mirror_stays_stopped_when_a_fault_is_cleared(mirror: MirrorUnderTest) -> None:
    mirror.server.stop()

    mirror.faults.clear()

    with pytest.raises(requests.ConnectionError):
        mirror.get(NEWEST_BLOCK)
