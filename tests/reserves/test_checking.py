"""One check from ticket to contract, over the local Soroban RPC, whatever the network does meanwhile."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.models import Contract
from reserves.models import PaymentAvailability
from reserves.services.checking import check
from reserves.services.ticketing import open_tickets
from tests.factories.contracts import InvestmentContractFactory
from tests.world import World

Status = PaymentAvailability.Status


@pytest.fixture
def contract(world: World) -> Contract:
    return investment(world)


def investment(world: World) -> Contract:
    made: Contract = InvestmentContractFactory(address=world.control.do_create_investment()["contract"])
    return made


def checked(contract: Contract) -> PaymentAvailability:
    """The contract's ticket after one visit."""
    if not PaymentAvailability.objects.open().filter(contract=contract).exists():
        open_tickets([contract.address])
    ticket = PaymentAvailability.objects.filter(contract=contract).latest("pk")
    check(ticket.pk)
    ticket.refresh_from_db()
    contract.refresh_from_db()
    return ticket


def test_a_covered_reserve(world: World, contract: Contract) -> None:
    ticket = checked(contract)

    assert (ticket.status, ticket.required_funds_units, ticket.outcome) == ("PROCESSED", 0, "")
    assert ticket.ledger == contract.checked_at_ledger == world.control.do_stellar_status()["ledger"]
    assert (contract.status, contract.required_funds_units) == ("ACTIVE", 0)
    assert (ticket.attempts, ticket.lease_owner, ticket.error_class) == (1, "", "")


def test_blocked_and_released_by_the_contract_s_own_arithmetic(world: World, contract: Contract) -> None:
    """An investor's first instalment comes due, the reserve is taken away, and the owner tops it up."""
    world.control.do_invest(contract.address, 1_000_0000000)
    world.control.do_set_investment_books(contract.address, {"reserve": 0})
    world.advance(24 * 24 * 3600)
    missing = world.control.do_investment(contract.address)["required"]
    assert missing > 0

    ticket = checked(contract)
    assert (ticket.status, ticket.outcome, ticket.required_funds_units) == ("PROCESSED", "BLOCKED", missing)
    assert (contract.status, contract.required_funds_units) == ("BLOCKED", missing)

    world.control.do_top_up_reserve(contract.address, missing - 1)
    assert (checked(contract).outcome, contract.required_funds_units) == ("STILL_BLOCKED", 1)
    world.control.do_top_up_reserve(contract.address, 1)
    assert (checked(contract).outcome, contract.status) == ("RELEASED", "ACTIVE")


def test_the_largest_amount_is_stored_exactly(world: World, contract: Contract) -> None:
    world.control.do_set_reserve_answer(contract.address, 2**127 - 1)
    assert checked(contract).required_funds_units == contract.required_funds_units == 2**127 - 1


TROUBLES: list[tuple[str, dict[str, Any], str]] = [
    ("soroban.down", {}, "Unavailable"),
    ("soroban.error_rate", {"status": 503}, "Unavailable"),
    ("soroban.error_rate", {"status": 429, "retry_after": 3}, "Throttled"),
    ("soroban.garbage", {"mode": "html"}, "Unavailable"),
    ("soroban.latency_ms", {"ms": 1_500}, "Unavailable"),
]


@pytest.mark.parametrize(("fault", "params", "name"), TROUBLES)
def test_a_node_in_trouble_delays_a_check_and_leaves_the_contract_alone(
    world: World, contract: Contract, settings: Settings, fault: str, params: dict[str, Any], name: str
) -> None:
    settings.SOROBAN_TIMEOUT_SECONDS = 1
    world.fault(fault, **params)
    before = clock.now()

    ticket = checked(contract)

    assert (ticket.status, ticket.attempts, ticket.error_class) == ("PENDING", 1, name)
    assert ticket.error_text and ticket.next_attempt_at > before
    assert (contract.status, contract.checked_at) == ("ACTIVE", None)
    world.clear(fault)
    assert (checked(contract).status, contract.checked_at is not None) == ("PROCESSED", True)


def test_after_its_attempts_it_is_failed_and_the_next_tick_makes_another(
    world: World, contract: Contract, settings: Settings
) -> None:
    settings.RESERVE_CHECK_ATTEMPTS = 2
    other = investment(world)
    world.fault("soroban.error_rate", status=503)
    checked(contract)

    ticket = checked(contract)
    assert (ticket.status, ticket.attempts, ticket.error_class) == ("FAILED", 2, "Unavailable")
    assert "503" in ticket.error_text
    world.clear("soroban.error_rate")
    assert len(open_tickets()) == 2
    assert (checked(contract).status, checked(other).status) == ("PROCESSED", "PROCESSED")


@pytest.mark.parametrize(
    ("fault", "params", "name"),
    [
        ("soroban.trap", {"phase": "simulate", "code": 2100}, "OwnerNotSet"),
        ("soroban.trap", {"phase": "simulate", "code": 4711}, "Contract#4711"),
    ],
)
def test_a_refusal_of_the_contract_is_final_and_has_its_name(
    world: World, contract: Contract, fault: str, params: dict[str, Any], name: str
) -> None:
    world.fault(fault, **params)
    ticket = checked(contract)
    assert (ticket.status, ticket.error_class) == ("FAILED", name)
    assert ticket.error_text


def test_a_negative_answer_fails_the_check_and_keeps_the_block(world: World, contract: Contract) -> None:
    world.control.do_set_reserve_answer(contract.address, 7)
    checked(contract)
    world.control.do_set_reserve_answer(contract.address, -7)
    world.control.do_close_ledger()

    ticket = checked(contract)

    assert (ticket.status, ticket.error_class) == ("FAILED", "NEGATIVE")
    assert (contract.status, contract.required_funds_units) == ("BLOCKED", 7)


def test_archived_state_is_noted(world: World, contract: Contract) -> None:
    world.fault("soroban.archived")
    ticket = checked(contract)
    assert (ticket.status, "archived" in ticket.note) == ("PROCESSED", True)


def test_a_slow_old_answer_after_a_fast_new_one_changes_nothing(world: World, contract: Contract) -> None:
    world.control.do_set_reserve_answer(contract.address, 0)
    world.control.do_close_ledger(3)
    checked(contract)
    world.control.do_set_reserve_answer(contract.address, 9)
    world.fault("soroban.lag", ledgers=5)

    ticket = checked(contract)

    assert (ticket.status, ticket.outcome) == ("PROCESSED", "OUTDATED")
    assert contract.status == "ACTIVE"


def test_a_ticket_that_has_ended_is_not_asked_about_again(world: World, contract: Contract) -> None:
    ticket = checked(contract)
    world.fault("soroban.down")
    check(ticket.pk)
    check(0)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.attempts) == ("PROCESSED", 1)
