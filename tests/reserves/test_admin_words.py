"""What the page of a contract says about its reserve, for every state it can be in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.services.holds import PAYDATE
from reserves.admin.words import (
    Freshness,
    Limits,
    Standing,
    accepted,
    banner,
    freshness,
    length,
    short_life,
    under_way,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LIMITS = Limits(stale_minutes=15, good_checks=3, horizon_days=7, least_life_days=7)
COVERED = Standing(
    label="Solar 1",
    status="ACTIVE",
    is_investment=True,
    symbol="USDC",
    decimals=7,
    checked_at=NOW - timedelta(minutes=14),
    ledger=1_234,
)
SHORT = replace(COVERED, missing_units=12_500_000)
BLOCKED = replace(SHORT, status="BLOCKED", blocked_by=PAYDATE, blocked_at=NOW - timedelta(hours=2))
BY_PERSON = replace(BLOCKED, blocked_by="olivia", blocked_reason="look into it", missing_units=0)
FAILED = replace(COVERED, error="RPC_DOWN: nobody answers", error_at=NOW, failures=4)
STALE = replace(COVERED, checked_at=NOW - timedelta(minutes=15))
NEVER = replace(COVERED, checked_at=None, ledger=None)
HEDERA = replace(SHORT, is_investment=False, decimals=6, due_units=60_000_000)
ACCEPTED = replace(SHORT, accepted_units=12_500_000, accepted_by="ann", accepted_reason="known")
ALL = {
    "covered": COVERED,
    "short": SHORT,
    "blocked": BLOCKED,
    "blocked, one good check": replace(BLOCKED, missing_units=0, good_checks=1),
    "blocked, stale": replace(BLOCKED, checked_at=NOW - timedelta(days=1)),
    "blocked, good but failing": replace(BLOCKED, missing_units=0, error="X: y"),
    "by a person": BY_PERSON,
    "by a person, never checked": replace(BY_PERSON, checked_at=None, ledger=None),
    "failed": FAILED,
    "failed, never answered": replace(FAILED, checked_at=None, ledger=None),
    "failed and stale": replace(FAILED, checked_at=NOW - timedelta(days=3)),
    "stale": STALE,
    "never": NEVER,
    "hedera": HEDERA,
    "accepted": ACCEPTED,
    "draft": replace(COVERED, status="DRAFT"),
    "finished": replace(COVERED, status="FINISHED"),
}


def said(standing: Standing) -> str:
    shown = banner(standing, now=NOW, limits=LIMITS)
    return " ".join((shown.headline, *shown.lines))


def test_a_fresh_good_answer_says_that_there_is_capacity_and_as_of_when() -> None:
    shown = banner(COVERED, now=NOW, limits=LIMITS)
    assert (shown.tone, shown.headline) == ("success", "Solar 1 has capacity to serve payments")
    assert shown.lines == ("As of 2026-11-20 11:46:00 UTC, ledger 1234.",)


@pytest.mark.parametrize("name", [name for name in ALL if name != "covered"])
def test_nothing_else_says_that_there_is_capacity(name: str) -> None:
    shown = banner(ALL[name], now=NOW, limits=LIMITS)
    assert "capacity" not in said(ALL[name])
    assert shown.tone != "success"
    assert "-" not in shown.headline.replace("Check now", "")


def test_a_block_by_code_says_how_much_since_when_and_how_to_fix_it() -> None:
    shown = banner(BLOCKED, now=NOW, limits=LIMITS)
    assert (
        shown.headline == "Solar 1 requires adding 1.25 USDC to the reserve fund to ensure investor payments"
    )
    text = " ".join(shown.lines)
    assert "BLOCKED since 2026-11-20 10:00:00 UTC. As of 2026-11-20 11:46:00 UTC, ledger 1234." in text
    assert "add_company_transfer" in text
    assert "lifts by itself at the next good check" in text
    assert "accept the deficit" in text


def test_a_block_that_waits_for_good_checks_in_a_row_says_how_many() -> None:
    assert "Good checks in a row: 1 of 3." in said(replace(BLOCKED, missing_units=0, good_checks=1))


def test_a_persons_block_names_the_person_and_is_lifted_by_one() -> None:
    text = said(BY_PERSON)
    assert "Solar 1 is BLOCKED by olivia: look into it" in text
    assert "Only a person lifts this block" in text
    assert "The last answer: nothing missing, as of 2026-11-20 11:46:00 UTC, ledger 1234." in text


def test_a_short_payout_contract_says_what_is_due_and_that_its_runs_hold_themselves() -> None:
    shown = banner(HEDERA, now=NOW, limits=LIMITS)
    assert shown.headline == "Solar 1 is missing 12.50 USDC of 60.00 USDC due within 7 days"
    assert "block 1234" in shown.lines[0]
    assert "held by themselves" in shown.lines[1]


def test_a_shortfall_within_the_accepted_deficit_stays_a_shortfall() -> None:
    assert "requires adding 1.25 USDC" in said(ACCEPTED)
    assert "It is within the accepted deficit" in said(ACCEPTED)
    above = replace(ACCEPTED, accepted_units=12_499_999)
    assert "the next check that finds this blocks it" in said(above)
    over = replace(ACCEPTED, accepted_until=NOW)
    assert "the next check that finds this blocks it" in said(over)


def test_never_checked_stale_and_failed_say_so_and_what_was_known_before() -> None:
    assert "was never checked" in said(NEVER)
    assert "Checks are not running" in said(NEVER)
    assert "is stale" in said(STALE)
    assert "The last answer is 15 min old and no check has ended since." in said(STALE)
    assert "nothing missing, as of 2026-11-20 11:45:00 UTC, ledger 1234" in said(STALE)
    assert "FAILED" in said(FAILED)
    assert "RPC_DOWN: nobody answers; failed in a row: 4." in said(FAILED)
    assert "The last answer: nothing missing" in said(FAILED)
    assert "Nothing was known before." in said(ALL["failed, never answered"])


def test_a_check_that_waits_or_is_impossible_is_the_reason_why_nothing_newer_is_known() -> None:
    assert "see that a worker runs" in said(replace(STALE, asked_at=NOW))
    assert "set SOROBAN_RPC_URL" in said(replace(NEVER, unchecked_because="Off: set SOROBAN_RPC_URL."))


def test_drafts_and_finished_contracts_are_said_to_be_unchecked() -> None:
    assert said(ALL["draft"]) == "Solar 1 is a draft: its reserve is not checked yet."
    assert said(ALL["finished"]) == "Solar 1 is finished: nothing is owed, and its reserve is not checked."


@pytest.mark.parametrize(
    ("standing", "state"),
    [
        (COVERED, Freshness.FRESH),
        (STALE, Freshness.STALE),
        (FAILED, Freshness.FAILED),
        (NEVER, Freshness.NEVER),
        (BLOCKED, Freshness.FRESH),
        (ALL["draft"], Freshness.NOT_CHECKED),
    ],
)
def test_freshness(standing: Standing, state: Freshness) -> None:
    assert freshness(standing, now=NOW, limits=LIMITS) == state


@pytest.mark.parametrize(
    ("units", "decimals", "shown"),
    [
        (1, 7, "0.0000001 USDC"),
        (1, 18, "0.000000000000000001 USDC"),
        (2**63, 7, "922,337,203,685.4775808 USDC"),
        (2**64 + 5, 18, "18.446744073709551621 USDC"),
        (2**127 - 1, 7, "17,014,118,346,046,923,173,168,730,371,588.4105727 USDC"),
        (2**127 - 1, 18, "170,141,183,460,469,231,731.687303715884105727 USDC"),
    ],
)
def test_amounts_are_exact(units: int, decimals: int, shown: str) -> None:
    assert f"requires adding {shown} to" in said(replace(BLOCKED, missing_units=units, decimals=decimals))


def test_an_accepted_deficit_is_shown_while_it_is_in_force() -> None:
    assert accepted(ACCEPTED, now=NOW) == (
        "A deficit of up to 1.25 USDC is accepted until it is withdrawn, by ann: known"
    )
    until = replace(ACCEPTED, accepted_until=NOW + timedelta(hours=1))
    assert "is accepted until 2026-11-20 13:00:00 UTC, by ann" in accepted(until, now=NOW)
    assert accepted(until, now=NOW + timedelta(hours=1)) == ""
    assert accepted(COVERED, now=NOW) == ""


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (7 * 17_280, ""),
        (7 * 17_280 - 1, "lives for 6 more days"),
        (0, "lives for 0 more days"),
        (-1, "is archived"),
    ],
)
def test_a_contract_whose_state_is_about_to_be_archived_is_warned_of(left: int, words: str) -> None:
    warning = short_life(replace(COVERED, live_until_ledger=1_234 + left), limits=LIMITS)
    assert words in warning
    assert bool(words) == bool(warning)
    assert short_life(COVERED, limits=LIMITS) == ""


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_660, "1 h 1 min"),
        (172_799, "47 h 59 min"),
        (172_800, "2 days"),
    ],
)
def test_lengths_of_time(seconds: int, shown: str) -> None:
    assert length(timedelta(seconds=seconds)) == shown


def test_a_check_under_way_is_said() -> None:
    assert under_way(COVERED, now=NOW) == ""
    asked = replace(COVERED, asked_at=NOW - timedelta(seconds=3))
    assert under_way(asked, now=NOW) == "A check is under way, asked for 3 s ago."
