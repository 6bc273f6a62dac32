"""kill -9 at every fault point, lost replies, an emptied Redis, two of everything: each holder is paid once."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

import contracts.tasks  # noqa: F401
import payouts.tasks  # noqa: F401 - registers every fault point
from contracts import faults
from tests.crash.stacks import alone, running

SECONDS_AFTER_RESTART = 15
PHASES = (
    "payout",
    "retry",
    "revert",
    "oversized",
    "lost",
    "approval",
    "shortfall",
    "replies",
    "throttled",
    "emptied",
)
TWO_OF_EACH = {"worker": 2, "signer": 2, "beat": 2}
# Automatic retries come when they are rung for.
SMALL = {"BATCH_SIZE": "5", "PLAN_PAGE_SIZE": "5", "RETRY_FAILED_BATCHES_CRON": "0 0 0 29 2 *"}
IS_ALONE = True


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """The whole matrix on one stack, and the same stack started again with two of each process."""
    home: Path = settings.TEST_HOME / "stack"
    with alone(), running(home, SMALL) as site:
        report: dict[str, Any] = site.drive("matrix", *PHASES)
        site.down()
        site.up(TWO_OF_EACH)
        report["runs"] += site.drive("matrix", "crowd")["runs"]
    return report


def runs_of(report: dict[str, Any], scenario: str) -> list[dict[str, Any]]:
    runs = [run for run in report["runs"] if run["scenario"] == scenario]
    assert runs, f"no run of {scenario}"
    return runs


def assert_paid_once(run: dict[str, Any]) -> None:
    assert run["status"] == "COMPLETED", run
    assert run["chain_equals_database"], run
    assert run["each_has_exactly_his_share"], run
    assert run["plan_equals_shares"], run
    assert run["successful_payouts"] == run["batches"] > 1, run


def test_every_fault_point_of_the_registry_was_hit(report: dict[str, Any]) -> None:
    """Those of reserve checks are hit in test_reserves.py."""
    points = {name for name, point in faults.REGISTRY.items() if not point.scenario.startswith("reserve")}
    assert {point["name"] for point in report["registry"]} >= points
    assert set(report["hits"]) == points


@pytest.mark.parametrize("point", [name for name, one in faults.REGISTRY.items() if one.scenario == "payout"])
def test_a_process_killed_there_is_followed_by_one_that_pays_each_holder_once(
    report: dict[str, Any], point: str
) -> None:
    runs = [run for run in runs_of(report, "payout") if run["point"] == point]
    for run in runs:
        assert_paid_once(run)
    assert runs[-1]["was_hit"]
    assert runs[-1]["seconds_after_restart"] <= SECONDS_AFTER_RESTART, runs[-1]


def test_a_call_that_fails_on_chain_pays_nobody_and_says_why(report: dict[str, Any]) -> None:
    for run in runs_of(report, "revert"):
        assert run["status"] == "FAILED", run
        assert run["paid_on_chain"] == 0
        assert any(call.endswith(":FAILED") for call in run["calls"])


def test_a_call_that_is_too_large_is_cut_and_its_holders_are_paid_once(report: dict[str, Any]) -> None:
    for run in runs_of(report, "oversized"):
        assert_paid_once(run)
        assert run["batches_cut"]


def test_a_retry_pays_exactly_who_was_left_out(report: dict[str, Any]) -> None:
    for run in runs_of(report, "retry"):
        assert 0 < run["paid_before_the_retry"] < run["paid_on_chain"], run
        assert run["each_has_exactly_his_share"], run
        assert run["chain_equals_database"], run


def test_a_transaction_that_never_reached_consensus_is_replaced_after_the_proof(
    report: dict[str, Any],
) -> None:
    for run in runs_of(report, "lost"):
        assert_paid_once(run)
        assert any(call.endswith(":EXPIRED") for call in run["calls"])


def test_an_approval_in_time_is_collected_by_the_next_signer(report: dict[str, Any]) -> None:
    for run in runs_of(report, "approval"):
        assert run["held_for_approval"]
        assert_paid_once(run)


def test_a_run_short_of_money_names_the_shortfall_and_runs_after_the_top_up(report: dict[str, Any]) -> None:
    for run in runs_of(report, "shortfall"):
        assert "missing 0.000001" in run["held_words"], run
        assert_paid_once(run)


@pytest.mark.parametrize("scenario", ["lost replies", "throttled", "redis emptied", "two of each"])
def test_trouble_around_the_processes_pays_each_holder_once(report: dict[str, Any], scenario: str) -> None:
    for run in runs_of(report, scenario):
        assert_paid_once(run)


@pytest.mark.long
def test_the_whole_matrix_with_two_of_each_process_pays_each_holder_once() -> None:
    home: Path = settings.TEST_HOME / "pair"
    with running(home, SMALL, TWO_OF_EACH) as site:
        report = site.drive("matrix", *PHASES)
    for run in report["runs"]:
        assert run["chain_equals_database"], run
        if run["scenario"] != "revert":
            assert_paid_once(run)
