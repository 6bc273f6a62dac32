"""The whole story of a reserve with the real Soroban host, each check signed by custody, kill -9 included."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from devnet.hosted.process import PROGRAM
from devnet.stellar import HOST, choose
from tests.crash.reserves import CALL_POINTS
from tests.crash.stacks import alone, running
from tests.crash.test_reserves import GIVEN, REGISTER

pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(), reason="the real Soroban host is not built: make soroban-host (needs cargo)"
)
PHASES = ("killed", "story")
IS_ALONE = True


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    home: Path = settings.TEST_HOME / "real-host"
    choose(home / "devnet", HOST)
    with alone(), running(home, GIVEN | {"RESERVE_CHECK_MODE": "submit"}) as site:
        site.register(REGISTER)
        found: dict[str, Any] = site.drive("host", *PHASES)
    return found


def assert_sound(run: dict[str, Any]) -> None:
    """No ticket beside another, none left open, and what the owner's sequence used is what the book knows."""
    assert run["open_tickets"] == 0 == run["tickets_side_by_side"], run
    assert run["executed_on_chain"] == run["calls_on_chain"], run


def test_the_contracts_are_of_our_own_code(report: dict[str, Any]) -> None:
    assert set(report["versions"]) == {"2"}
    # Those of the story were put there by Paydate.
    assert report["deployed"] == ["COMPLETED", "COMPLETED"]


@pytest.mark.parametrize("point", CALL_POINTS)
def test_a_signed_check_survives_the_death_of_its_process(report: dict[str, Any], point: str) -> None:
    runs = [run for run in report["runs"] if (run["scenario"], run["point"]) == ("killed", point)]
    assert any(run["was_hit"] for run in runs), runs
    for run in runs:
        assert_sound(run)
        assert (run["status"], run["required"]) == ("ACTIVE", 0), run
        assert run["missing_while_blocked"] == run["missing_on_chain"] > 0, run
        assert not [call for call in run["calls"] if not call.startswith("SUCCEEDED")], run


def test_the_story_from_the_shortfall_to_the_payout(report: dict[str, Any]) -> None:
    (short,) = [run for run in report["runs"] if run["scenario"] == "story short"]
    (healthy,) = [run for run in report["runs"] if run["scenario"] == "story healthy"]
    for run in (short, healthy):
        assert_sound(run)
        assert run["host_came_back"], run
        assert run["calls"] and set(run["calls"]) == {"SUCCEEDED:"}, run
    assert healthy["notices"] == [] and healthy["status"] == "ACTIVE"
    # 871,354,166 is due within seven days, 500,000,000 were in the reserve.
    assert short["missing"] == 371_354_166
    assert short["held_words"] == (
        "story short requires adding 37.1354166 USDC to the reserve fund to ensure investor payments"
    )
    assert short["signed_while_held"] == 0
    assert (short["status"], short["required"]) == ("ACTIVE", 0)
    assert short["notices"] == ["BLOCKED sent=True resolved=True"]
    payout = short["payout"]
    assert payout["status"] == "COMPLETED" and payout["each_has_exactly_his_share"], payout
    assert payout["chain_equals_database"], payout
