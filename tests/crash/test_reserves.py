"""Reserve checks by real processes: kill -9 at every arrow, five runs at once, and the story of a shortfall."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

import reserves.tasks  # noqa: F401 - registers every fault point
from contracts import faults
from tests.crash.reserves import CALL_POINTS
from tests.crash.stacks import alone, running

PHASES = ("checks", "failing", "signed", "overlapping", "story")
GIVEN = {
    "RESERVE_BLOCKED_SECONDS": "5",
    "BLOCKCHAIN_POLLING_INTERVAL": "2000",
    "BATCH_SIZE": "20",
    "TRANSACTION_VALID_SECONDS": "40",
    # The tests ask for checks themselves.
    "PAYMENT_AVAILABILITY_CRON": "0 0 0 29 2 *",
}
OWNERS = 16
# The settings of a stack promise one wallet; here each contract has an owner of its own.
REGISTER = (
    "from django.conf import settings; settings.DFNS_STELLAR_WALLET_ID = '';"
    "from devnet.client import DevnetClient;"
    "from django.core.management import call_command;"
    f"wallets = [DevnetClient.of().stellar_wallet(f'owner {{n}}') for n in range({OWNERS})];"
    "[call_command('add_wallet', one['wallet_id'], account=one['account'], label='owner') for one in wallets]"
)
CHECK_POINTS = [name for name, point in faults.REGISTRY.items() if point.scenario == "reserve"]
IS_ALONE = True


@pytest.fixture(scope="module")
def report() -> list[dict[str, Any]]:
    home: Path = settings.TEST_HOME / "reserves"
    with alone(), running(home, GIVEN) as site:
        site.register(REGISTER)
        runs: list[dict[str, Any]] = site.drive("reserves", *PHASES)["runs"]
    return runs


def runs_of(report: list[dict[str, Any]], scenario: str) -> list[dict[str, Any]]:
    runs = [run for run in report if run["scenario"] == scenario]
    assert runs, f"no run of {scenario}"
    return runs


def assert_sound(run: dict[str, Any]) -> None:
    """No ticket beside another, none left open, and what the source's sequence used is what the book knows."""
    assert run["was_hit"], run
    assert run["open_tickets"] == 0 == run["tickets_side_by_side"], run
    assert run["executed_on_chain"] == run["calls_on_chain"], run


@pytest.mark.parametrize("point", ["", *CHECK_POINTS])
def test_a_process_killed_there_is_followed_by_one_that_blocks_and_releases(
    report: list[dict[str, Any]], point: str
) -> None:
    (run,) = [run for run in runs_of(report, "reserve") if run["point"] == point]
    assert_sound(run)
    assert (run["status"], run["required"]) == ("ACTIVE", 0), run
    assert run["missing_while_blocked"] == 2**64 + 5, run
    outcomes = [ticket.split(":")[1] for ticket in run["tickets"]]
    assert (outcomes.count("BLOCKED"), outcomes.count("RELEASED")) == (1, 1), run
    assert run["calls"] == ["SUCCEEDED:", "SUCCEEDED:"], run


@pytest.mark.parametrize("point", CALL_POINTS)
def test_a_signed_check_is_executed_once_wherever_its_process_dies(
    report: list[dict[str, Any]], point: str
) -> None:
    runs = [run for run in runs_of(report, "signed") if run["point"] == point]
    for run in runs:
        assert (run["status"], run["required"]) == ("BLOCKED", 7), run
        signed = [ticket for ticket in run["tickets"] if ticket == "PROCESSED:BLOCKED:"]
        assert len(signed) == 1, run
        assert run["executed_on_chain"] == run["calls_on_chain"], run
    assert_sound(runs[-1])


def test_a_check_that_failed_is_followed_by_another(report: list[dict[str, Any]]) -> None:
    for run in runs_of(report, "reserve_failed"):
        assert_sound(run)
        assert run["tickets"][0] == "FAILED:-:OwnerNotSet", run
        assert run["tickets"][-1].startswith("PROCESSED"), run


def test_five_runs_at_once_make_one_ticket_each(report: list[dict[str, Any]]) -> None:
    runs = runs_of(report, "overlapping")
    for run in runs:
        assert_sound(run)
    assert runs[0]["made_by_run"][1:] == [0] * 4, runs
    assert all(run["by_a_run"] <= 1 for run in runs), runs
    assert sum(runs[0]["made_by_run"]) == sum(run["by_a_run"] for run in runs)


def test_every_fault_point_of_the_checks_was_hit(report: list[dict[str, Any]]) -> None:
    names = {name for name, point in faults.REGISTRY.items() if point.scenario.startswith("reserve")}
    assert names <= {run["point"] for run in report if run["was_hit"]}


def test_the_story_from_the_shortfall_to_the_payout(report: list[dict[str, Any]]) -> None:
    (short,) = runs_of(report, "story short")
    (healthy,) = runs_of(report, "story healthy")
    assert_sound(short)
    assert_sound(healthy)
    assert healthy["tickets"][0] == "PROCESSED:-:" and healthy["notices"] == []
    # 871,354,166 is due within seven days, 500,000,000 were in the reserve.
    assert short["missing"] == 371_354_166
    assert short["held_words"] == (
        "story short requires adding 37.1354166 USDC to the reserve fund to ensure investor payments"
    )
    assert short["signed_while_held"] == 0
    assert short["seconds_from_top_up_to_release"] < 30, short
    assert (short["status"], short["required"]) == ("ACTIVE", 0)
    assert short["notices"] == ["BLOCKED sent=True resolved=True"]
    payout = short["payout"]
    assert payout["status"] == "COMPLETED" and payout["each_has_exactly_his_share"], payout
    assert payout["chain_equals_database"], payout
