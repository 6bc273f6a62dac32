"""kill -9 at every fault point, lost replies, an emptied Redis, two of everything: each holder is paid once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

import contracts.tasks  # noqa: F401
import payouts.tasks  # noqa: F401 - registers every fault point
from contracts import faults
from devnet.services.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
SECONDS_AFTER_RESTART = 15
PHASES = ("payout", "revert", "lost", "approval", "shortfall", "replies", "throttled", "emptied")
TWO_OF_EACH = {"worker": 2, "signer": 2, "beat": 2}
SHORT = {
    "BATCH_SIZE": "5",
    "PLAN_PAGE_SIZE": "5",
    "EXPIRY_MARGIN_SECONDS": "2",
    "LOOK_SPACING_SECONDS": "1",
    "RESEND_SECONDS": "3",
    "LOG_LEVEL": "INFO",
}


def environment(home: Path) -> dict[str, str]:
    """Of the stack and of the program that drives it; nothing of the test run's own settings leaks in."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PAYDATE_", "DATABASE_", "REDIS_"))
    }
    return {**kept, **SHORT, "PAYDATE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "config.development"}


def drive(home: Path, *phases: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.matrix", *phases],
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


@contextmanager
def running_stack(home: Path, copies: dict[str, int] | None = None) -> Iterator[Stack]:
    """A stack in a folder that the user of PostgreSQL may enter, which pytest's own folders are not."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name not in environment(home)]:
            patch.delenv(name)
        for name, value in environment(home).items():
            patch.setenv(name, value)
        stack = Stack(home)
        try:
            stack.up(copies)
            register_wallet(home)
            yield stack
        finally:
            stack.down()


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """The whole matrix on one stack, and the same stack started again with two of each process."""
    home: Path = settings.TEST_HOME / "stack"
    with running_stack(home) as stack:
        report = drive(home, *PHASES)
        stack.down()
        stack.up(TWO_OF_EACH)
        report["runs"] += drive(home, "crowd")["runs"]
    return report


def register_wallet(home: Path) -> None:
    script = (
        "from devnet.client import DevnetClient;"
        "wallet = DevnetClient.of().wallet(); DevnetClient.of().close_block();"
        "from django.core.management import call_command;"
        "call_command('add_wallet', wallet['wallet_id'], account=wallet['account'], label='payer')"
    )
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", script]
    signer = environment(home) | {"PAYDATE_PROCESS": "signer"}
    subprocess.run(command, cwd=ROOT, env=signer, check=True)


def runs_of(report: dict[str, Any], scenario: str) -> list[dict[str, Any]]:
    runs = [run for run in report["runs"] if run["scenario"] == scenario]
    assert runs, f"no run of {scenario}"
    return runs


def assert_paid_once(run: dict[str, Any]) -> None:
    assert run["status"] == "COMPLETED", run
    assert run["chain_equals_database"], run
    assert run["chain_equals_plan"], run
    assert run["successful_payouts"] == run["batches"] > 1, run


def test_every_fault_point_of_the_registry_was_hit(report: dict[str, Any]) -> None:
    assert {point["name"] for point in report["registry"]} == set(faults.REGISTRY)
    assert set(report["hits"]) == set(faults.REGISTRY)


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
    with running_stack(home, TWO_OF_EACH):
        report = drive(home, *PHASES)
    for run in report["runs"]:
        assert run["chain_equals_database"], run
        if run["scenario"] != "revert":
            assert_paid_once(run)
