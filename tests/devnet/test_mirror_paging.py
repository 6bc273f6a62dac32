"""Walking through lists: by links.next nothing is lost or doubled; by time alone logs are lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from devnet.faults import FaultBoard
from tests.devnet.mirror_client import LOGS, MirrorUnderTest
from tests.devnet.mirror_ledger import CALLS, LOGS_PER_CALL, sample_ledger

Place = tuple[str, int]


@pytest.fixture(scope="module")
def mirror() -> Iterator[MirrorUnderTest]:
    faults = FaultBoard()
    under_test = MirrorUnderTest(sample_ledger(faults), faults)
    under_test.server.start()
    yield under_test
    under_test.server.stop()


def places(page: Any) -> list[Place]:
    return [(log["timestamp"], log["index"]) for log in page["logs"]]


@pytest.mark.parametrize("limit", [7, 95, 100])
def test_following_next_loses_and_doubles_nothing(mirror: MirrorUnderTest, limit: int) -> None:
    pages = mirror.pages(f"{LOGS}?timestamp=gt:1795166753.000000006&limit={limit}&order=asc")

    seen = [place for page in pages for place in places(page)]

    assert len(seen) == CALLS * LOGS_PER_CALL
    assert seen == sorted(set(seen))


def test_following_next_backwards_loses_and_doubles_nothing(mirror: MirrorUnderTest) -> None:
    seen = [place for page in mirror.pages(f"{LOGS}?limit=95") for place in places(page)]

    assert len(seen) == CALLS * LOGS_PER_CALL
    assert seen == sorted(set(seen), reverse=True)


def test_going_on_by_time_alone_loses_logs(mirror: MirrorUnderTest) -> None:
    seen: list[Place] = []
    after = "1795166753.000000006"
    while page := places(mirror.body(f"{LOGS}?timestamp=gt:{after}&limit=95&order=asc")):
        seen += page
        after = page[-1][0]

    assert CALLS * LOGS_PER_CALL - len(set(seen)) == 50


def test_a_full_last_page_is_followed_by_an_empty_one(mirror: MirrorUnderTest) -> None:
    pages = list(mirror.pages(f"{LOGS}?timestamp=gt:1795166753.000000006&limit=100&order=asc"))

    assert [len(page["logs"]) for page in pages] == [100] * 10 + [0]


def test_the_other_bound_stays_in_the_link(mirror: MirrorUnderTest) -> None:
    bounds = "timestamp=gte:1795166760&timestamp=lte:1795166762.500000007"

    pages = list(mirror.pages(f"{LOGS}?{bounds}&limit=20&order=asc"))

    assert "timestamp=lte:1795166762.500000007" in pages[0]["links"]["next"]
    assert sum(len(page["logs"]) for page in pages) == 6 * LOGS_PER_CALL


def test_paging_inside_one_timestamp_moves_the_index_only(mirror: MirrorUnderTest) -> None:
    page = mirror.body(f"{LOGS}?timestamp=1795166753.000000007&limit=4&order=asc")

    assert page["links"]["next"] == f"{LOGS}?timestamp=1795166753.000000007&limit=4&order=asc&index=gt:3"
    assert places(mirror.body(page["links"]["next"]))[0] == ("1795166753.000000007", 4)


def test_index_bounds_belong_to_their_own_end_of_the_range(mirror: MirrorUnderTest) -> None:
    ends = "timestamp=gte:1795166753.000000007&timestamp=lte:1795166754.000000007"

    page = mirror.body(f"{LOGS}?{ends}&index=gte:8&index=lte:1&order=asc&limit=100")

    assert [place[1] for place in places(page)] == [8, 9, *range(10), 0, 1]


def test_transactions_of_the_payer_walk_to_the_end(mirror: MirrorUnderTest) -> None:
    pages = mirror.pages("/api/v1/transactions?account.id=0.0.1002&limit=40&order=asc")

    names = [row["name"] for page in pages for row in page["transactions"]]

    assert names == ["CRYPTOTRANSFER"] + ["CONTRACTCALL"] * CALLS


def test_contract_results_walk_to_the_end(mirror: MirrorUnderTest) -> None:
    pages = mirror.pages("/api/v1/contracts/0.0.1001/results?limit=30")

    times = [row["timestamp"] for page in pages for row in page["results"]]

    assert len(times) == CALLS
    assert times == sorted(set(times), reverse=True)


def test_blocks_walk_to_the_end(mirror: MirrorUnderTest) -> None:
    numbers = [row["number"] for page in mirror.pages("/api/v1/blocks?limit=10") for row in page["blocks"]]

    assert numbers == list(range(25, -1, -1))


def test_a_link_that_could_only_be_empty_is_not_given(mirror: MirrorUnderTest) -> None:
    page = mirror.body("/api/v1/blocks?block.number=gte:25&limit=1")

    assert page["links"]["next"] is None
