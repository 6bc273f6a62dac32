"""What answers about a reserve do to a contract, in any order, and what only a person may undo."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st
from pytest_django import Settings

from contracts import clock
from contracts.models import AuditEvent, Contract, Hold
from reserves.models import PaymentAvailability
from reserves.services.blocking import NotDone, accept_deficit, apply_answer, block, unblock
from tests.factories.contracts import InvestmentContractFactory

pytestmark = pytest.mark.django_db
Outcome = PaymentAvailability.Outcome


@pytest.fixture
def contract() -> Contract:
    made: Contract = InvestmentContractFactory(status="FUNDS_REACHED")
    return made


def answer(contract: Contract, units: int, ledger: int) -> str:
    outcome = apply_answer(contract.pk, units=units, ledger=ledger)
    contract.refresh_from_db()
    return outcome


def open_holds(contract: Contract) -> list[Hold]:
    return list(Hold.objects.open().filter(scope="CONTRACT", object_uid=contract.uid))


def test_a_shortfall_blocks_at_once_and_says_how_much_is_missing(contract: Contract) -> None:
    assert answer(contract, 12_500_000, 100) == Outcome.BLOCKED

    assert (contract.status, contract.status_before_block) == ("BLOCKED", "FUNDS_REACHED")
    assert (contract.required_funds_units, contract.checked_at_ledger) == (12_500_000, 100)
    assert contract.blocked_at is not None and contract.checked_at is not None
    assert contract.blocked_reason == (
        "Investment requires adding 1.25 USDC to the reserve fund to ensure investor payments"
    )
    (hold,) = open_holds(contract)
    assert (hold.cause, hold.reason) == ("BLOCKED", contract.blocked_reason)


def test_the_money_releases_it_to_what_it_was(contract: Contract) -> None:
    answer(contract, 1, 100)

    assert answer(contract, 0, 101) == Outcome.RELEASED

    assert (contract.status, contract.status_before_block, contract.blocked_at) == ("FUNDS_REACHED", "", None)
    assert (contract.required_funds_units, contract.blocked_reason, open_holds(contract)) == (0, "", [])
    moves = AuditEvent.objects.filter(noun="contract", what="status").order_by("pk")
    assert [(move.source, move.target) for move in moves] == [
        ("FUNDS_REACHED", "BLOCKED"),
        ("BLOCKED", "FUNDS_REACHED"),
    ]


@pytest.mark.parametrize("ledger", [99, 100])
def test_an_answer_that_is_not_newer_changes_nothing(contract: Contract, ledger: int) -> None:
    answer(contract, 0, 100)
    before = contract.checked_at

    assert answer(contract, 5, ledger) == Outcome.OUTDATED
    assert (contract.status, contract.required_funds_units, contract.checked_at) == (
        "FUNDS_REACHED",
        0,
        before,
    )


def test_the_missing_amount_follows_the_chain_while_it_is_blocked(contract: Contract) -> None:
    answer(contract, 20_000_000, 100)

    assert answer(contract, 5_000_000, 101) == Outcome.STILL_BLOCKED
    assert "requires adding 0.50 USDC" in contract.blocked_reason
    (hold,) = open_holds(contract)
    assert hold.reason == contract.blocked_reason


def test_several_good_checks_in_a_row_where_the_setting_wants_them(
    contract: Contract, settings: Settings
) -> None:
    settings.RESERVE_GOOD_CHECKS = 2
    answer(contract, 5, 100)

    assert answer(contract, 0, 101) == Outcome.STILL_BLOCKED
    answer(contract, 5, 102)
    assert answer(contract, 0, 103) == Outcome.STILL_BLOCKED
    assert answer(contract, 0, 104) == Outcome.RELEASED


@pytest.mark.parametrize("status", ["DRAFT", "FINISHED"])
def test_what_is_not_at_work_is_not_blocked(status: str) -> None:
    contract = InvestmentContractFactory(status=status)

    assert answer(contract, 5, 100) == Outcome.NOTHING
    assert (contract.status, contract.required_funds_units) == (status, 5)


class TestByPeople:
    def test_code_never_releases_what_a_person_has_blocked(self, contract: Contract) -> None:
        block(contract, reason="the auditor asked for it", by="olivia")

        assert answer(contract, 5, 100) == Outcome.STILL_BLOCKED
        assert answer(contract, 0, 101) == Outcome.STILL_BLOCKED
        assert (contract.status, contract.blocked_by) == ("BLOCKED", "olivia")
        assert contract.blocked_reason == "the auditor asked for it"
        (hold,) = open_holds(contract)
        assert (hold.placed_by, hold.needs_operator) == ("olivia", True)

    def test_a_persons_block_takes_over_from_code(self, contract: Contract) -> None:
        answer(contract, 5, 100)
        block(contract, reason="look into it", by="olivia")

        assert answer(contract, 0, 101) == Outcome.STILL_BLOCKED
        assert contract.status_before_block == "FUNDS_REACHED"
        with pytest.raises(NotDone, match="is BLOCKED already, by olivia: look into it"):
            block(contract, reason="me too", by="ann")

    def test_unblocking_a_short_contract_needs_the_deficit_accepted(self, contract: Contract) -> None:
        answer(contract, 500, 100)
        wanted: dict[str, Any] = {"until": None, "reason": "the money is on its way", "by": "olivia"}
        for too_little in (None, 499):
            with pytest.raises(NotDone, match="accept a deficit of at least that, or add the money"):
                unblock(contract, accepted_units=too_little, **wanted)
        assert Contract.objects.get().status == "BLOCKED"

        unblock(contract, accepted_units=600, **wanted)

        assert answer(contract, 600, 101) == Outcome.ACCEPTED
        assert contract.status == "FUNDS_REACHED"
        assert answer(contract, 601, 102) == Outcome.BLOCKED
        event = AuditEvent.objects.get(what="accept deficit")
        assert (event.by, event.target, event.reason) == ("olivia", "600 units", "the money is on its way")

    def test_an_accepted_deficit_ends(self, contract: Contract) -> None:
        until = clock.now() + timedelta(days=1)
        accept_deficit(contract, units=600, until=until, reason="a day", by="olivia")
        assert answer(contract, 500, 100) == Outcome.ACCEPTED

        Contract.objects.update(accepted_deficit_until=clock.now())
        assert answer(contract, 500, 101) == Outcome.BLOCKED

    def test_a_person_releases_a_persons_block(self, contract: Contract) -> None:
        block(contract, reason="look into it", by="olivia")
        unblock(contract, accepted_units=None, until=None, reason="looked", by="ann")

        contract.refresh_from_db()
        assert (contract.status, open_holds(contract)) == ("FUNDS_REACHED", [])

    def test_what_makes_no_sense_is_refused(self, contract: Contract) -> None:
        with pytest.raises(NotDone, match="is FUNDS_REACHED, not BLOCKED"):
            unblock(contract, accepted_units=None, until=None, reason="why not", by="ann")
        with pytest.raises(NotDone, match="a block needs a reason"):
            block(contract, reason=" ", by="ann")
        with pytest.raises(NotDone, match="1 unit or more"):
            accept_deficit(contract, units=0, until=None, reason="r", by="ann")
        with pytest.raises(NotDone, match="lies in the future"):
            accept_deficit(contract, units=1, until=clock.now(), reason="r", by="ann")


@run_with(deadline=None)
@given(order=st.permutations([(0, 101), (7, 102), (0, 103), (9, 104), (3, 105), (0, 106)]))
def test_after_any_order_of_arrival_the_newest_ledger_has_the_last_word(order: list[tuple[int, int]]) -> None:
    contract = InvestmentContractFactory()
    for units, ledger in order:
        answer(contract, units, ledger)

    assert (contract.status, contract.required_funds_units, contract.checked_at_ledger) == ("ACTIVE", 0, 106)
    assert open_holds(contract) == []
