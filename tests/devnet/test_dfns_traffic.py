"""The rate limit of custody and what the devnet tells about its traffic."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from contracts.gateways.errors import Throttled
from devnet.dfns.traffic import Seen, Traffic, most_within
from tests.devnet.custody_office import Office, office
from tests.patience import PATIENCE

SEEN = Seen("GET", "/wallets", "")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


def test_the_request_above_the_limit_is_refused_and_told_when_to_come_back(desk: Office) -> None:
    desk.faults.set("custody.rate_limit", {"requests": 3, "seconds": 30})
    desk.sign(external_id="batch:1")

    with pytest.raises(Throttled) as caught:
        desk.sign(external_id="batch:2")

    assert caught.value.retry_after == 30
    traffic = desk.server.traffic()
    assert (traffic["requests"], traffic["refused"], traffic["most_in_a_minute"]) == (4, 1, 4)


def test_requests_pass_again_when_the_window_has_moved_on(desk: Office) -> None:
    desk.faults.set("custody.rate_limit", {"requests": 3, "seconds": 0.05})

    first = desk.sign(external_id="batch:1")
    sleep(0.06)
    second = desk.sign(external_id="batch:2")

    assert (first.status, second.status) == ("SIGNED", "SIGNED")
    assert desk.server.traffic()["refused"] == 0


def test_whoever_asks_on_while_refused_stays_out() -> None:
    traffic = Traffic()
    limit = {"requests": 2, "seconds": 60}

    waits = [traffic.admit(SEEN, limit) for _ in range(5)]

    assert [wait is None for wait in waits] == [True, True, False, False, False]
    assert all(wait is not None and 59 < wait <= 60 for wait in waits[2:])


def test_forgetting_what_was_seen_does_not_open_the_window() -> None:
    traffic = Traffic()
    limit = {"requests": 1, "seconds": 60}
    traffic.admit(SEEN, limit)

    traffic.forget()

    assert traffic.statistics()["requests"] == 0
    assert traffic.admit(SEEN, limit) is not None


@given(st.lists(st.integers(0, 300), max_size=40))
def test_the_most_in_a_window_is_that_of_the_fullest(moments: list[int]) -> None:
    times = sorted(float(moment) for moment in moments)
    windows = [[moment for moment in times if end - 60 <= moment <= end] for end in times]

    assert most_within(times, 60.0) == max((len(window) for window in windows), default=0)


def test_hundreds_of_slow_answers_wait_side_by_side(desk: Office) -> None:
    desk.faults.set("network.latency_ms", {"ms": 300})
    desk.faults.set("custody.latency_ms", {"ms": 100})
    begin = monotonic()

    with ThreadPoolExecutor(200) as pool:
        statuses = list(
            pool.map(
                lambda _: requests.get(f"{desk.server.url}/wallets", timeout=PATIENCE).status_code, range(200)
            )
        )

    assert statuses == [401] * 200
    assert 0.4 <= monotonic() - begin < 200 * 0.4 / 3
