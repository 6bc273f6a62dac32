"""A stack whose processes are killed at random from outside, and whose mirror node lies: each holder is paid once."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.crash.stacks import Site, running

SETTINGS = {"BATCH_SIZE": "50", "PLAN_PAGE_SIZE": "100", "TRANSACTION_VALID_SECONDS": "60"}
KILLS, MANY_KILLS = 20, 200
ENDS_SECONDS = 180
LIES = (
    "a replica behind",
    "404 to everything",
    "404 to every id",
    "reset connections",
    "partial tail",
    "a ghost log",
    "a ghost transaction",
)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    home: Path = settings.TEST_HOME / "fire"
    with running(home, SETTINGS) as site:
        yield site


@pytest.fixture(scope="module")
def lies(site: Site) -> list[dict[str, Any]]:
    report: list[dict[str, Any]] = site.drive("lies")
    return report


@pytest.mark.parametrize("lie", LIES)
def test_while_the_mirror_lies_nothing_is_shown_without_proof_and_then_each_holder_is_paid_once(
    lies: list[dict[str, Any]], lie: str
) -> None:
    runs = [run for run in lies if run["scenario"] == lie]
    assert len(runs) == 2
    for run in runs:
        assert run["shown_without_proof"] == []
        assert_paid_once(run)


def assert_paid_once(run: dict[str, Any]) -> None:
    assert run["status"] == "COMPLETED", run
    assert run["each_has_exactly_his_share"], run
    assert run["chain_equals_database"], run


def kill(site: Site, count: int) -> None:
    """The seed is printed first, so that a failure can be repeated: `python -m tests.crash.kills SEED COUNT`."""
    seed = random.randrange(2**32)
    print(f"{count} kills with seed {seed}")
    report = site.drive("kills", str(seed), str(count))
    print(f"killed {report['killed']}, ended {report['seconds_after_the_last_kill']} s after the last one")
    assert sum(report["killed"].values()) == count
    assert {"web", "worker", "signer", "beat", "postgres", "redis"} == set(report["killed"])
    assert report["seconds_after_the_last_kill"] < ENDS_SECONDS
    assert len(report["runs"]) > 1
    for run in report["runs"]:
        assert_paid_once(run)


def test_twenty_random_kills_pay_each_of_a_thousand_holders_once(site: Site) -> None:
    kill(site, KILLS)


@pytest.mark.long
def test_two_hundred_random_kills_pay_each_of_a_thousand_holders_once(site: Site) -> None:
    kill(site, MANY_KILLS)
