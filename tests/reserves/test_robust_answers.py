"""The chain's answer counts, whatever goes wrong beside it: evidence, our own calendar, notices, old tickets."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.models import Contract, Hold, Notice
from reserves.models import PaymentAvailability
from reserves.services import checking, signing, ticketing
from reserves.services.blocking import accept_deficit, apply_answer, block
from reserves.services.ticketing import forget_old, open_tickets
from tests.factories.contracts import InvestmentContractFactory
from tests.reserves.test_signed_checks import Desk
from tests.world import Pump, World


@pytest.fixture
def office(world: World, pump: Pump, settings: Settings) -> Iterator[Desk]:
    yield Desk(world, pump, settings)


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("broken")


def test_evidence_that_cannot_be_planned_undoes_nothing(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "plan_transaction", broken)
    office.answers(7)

    ticket = office.checked("on_change")
    assert (ticket.outcome, office.contract.status) == ("BLOCKED", "BLOCKED")
    assert ticket.note == "no signed check: unexpected error, see the log: RuntimeError: broken"


def test_a_calendar_that_fails_keeps_no_answer_from_counting(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "own_missing_units", broken)
    office.answers(7)

    ticket = office.checked("simulate")
    assert (ticket.outcome, ticket.own_units, office.contract.status) == ("BLOCKED", None, "BLOCKED")


def test_a_check_that_fails_after_its_answer_ends_after_its_attempts(
    office: Desk, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.RESERVE_CHECK_ATTEMPTS = 2
    monkeypatch.setattr(checking, "_add_note", broken)
    office.answers(7)
    ticket = office.ticket("on_change")
    for _ in range(3):
        PaymentAvailability.objects.update(next_attempt_at=clock.now(), lease_until=None)
        checking.check(ticket.pk)

    ticket.refresh_from_db()
    office.contract.refresh_from_db()
    assert (ticket.status, ticket.error_class, ticket.attempts) == ("FAILED", "UNEXPECTED", 2)
    assert (office.contract.status, office.contract.checked_at) == ("ACTIVE", None)


@pytest.mark.django_db
class TestAcceptedDeficits:
    def test_a_block_beyond_it_follows_the_amount_down_and_stays(self) -> None:
        contract = InvestmentContractFactory()
        accept_deficit(contract, units=600, until=None, reason="on its way", by="olivia")
        apply_answer(contract.pk, units=7_000_000, ledger=100)

        assert apply_answer(contract.pk, units=500, ledger=101) == "STILL_BLOCKED"
        contract.refresh_from_db()
        assert (contract.status, contract.required_funds_units) == ("BLOCKED", 500)
        assert "requires adding 0.00005 USDC" in contract.blocked_reason
        assert Hold.objects.open().get().reason == contract.blocked_reason
        assert apply_answer(contract.pk, units=0, ledger=102) == "RELEASED"
        assert apply_answer(contract.pk, units=600, ledger=103) == "ACCEPTED"

    def test_a_persons_block_within_it_is_not_called_accepted(self) -> None:
        contract = InvestmentContractFactory()
        accept_deficit(contract, units=600, until=None, reason="on its way", by="olivia")
        block(contract, reason="look into it", by="ann")

        assert apply_answer(contract.pk, units=500, ledger=101) == "STILL_BLOCKED"

    def test_one_that_has_run_out_blocks_at_the_next_answer_though_nothing_else_changed(self) -> None:
        contract = InvestmentContractFactory()
        until = clock.now() + timedelta(hours=1)
        accept_deficit(contract, units=600, until=until, reason="an hour", by="olivia")
        assert apply_answer(contract.pk, units=600, ledger=100) == "ACCEPTED"

        Contract.objects.update(accepted_deficit_until=clock.now())
        assert apply_answer(contract.pk, units=600, ledger=101) == "BLOCKED"


@pytest.mark.django_db
def test_no_notice_is_opened_about_a_contract_that_is_over(settings: Settings) -> None:
    settings.RESERVE_NOTICE_FAILURES = 1
    contract = InvestmentContractFactory()
    ticket = PaymentAvailability.objects.create(contract=contract, requested_by="tests")
    Contract.objects.update(status="FINISHED")

    checking._give_up(ticket, "EnforcedPause", "the contract refuses")
    assert not Notice.objects.exists()


@pytest.mark.django_db
def test_old_tickets_go_as_fast_as_new_ones_come(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hourly, and a thousand contracts make twelve thousand of them an hour."""
    settings.STELLAR_NETWORK, settings.SOROBAN_RPC_URL = "local", "http://127.0.0.1:1"
    monkeypatch.setattr(ticketing, "MOST_FORGOTTEN", 2)
    InvestmentContractFactory.create_batch(7)
    open_tickets()
    long_ago = clock.now() - timedelta(days=settings.RESERVE_KEEP_DAYS + 1)
    PaymentAvailability.objects.update(status="FAILED", error_class="X", requested_at=long_ago)

    assert forget_old() == 7
    assert not PaymentAvailability.objects.exists()
