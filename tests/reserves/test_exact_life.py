"""What Paydate's own contract tells of itself is followed as the deployed family is, its own words included."""

from typing import Any

import pytest

from chainsync.followed import interface_of, listener_of
from chainsync.models import ChainEvent
from chainsync.services.following import follow
from contracts import clock
from contracts.models import Contract
from reserves.models import PaymentAvailability
from reserves.services.books import comparison_of
from reserves.services.checking import check
from reserves.services.life import CHANGED_BY, HANDS_BY
from reserves.services.refreshing import refresh_book
from tests.stellar import investment
from tests.world import Pump, World

pytestmark = pytest.mark.django_db
WHOLE = 10**7


@pytest.fixture
def contract(world: World, pump: Pump) -> Contract:
    made = investment(world, version=2, goal=3_000 * WHOLE)
    Contract.objects.filter(pk=made.pk).update(interface_version="2")
    made.refresh_from_db()
    look(made)
    return made


def look(contract: Contract) -> list[str]:
    """Who asked for checks since the last look; all of them are answered."""
    before = set(PaymentAvailability.objects.values_list("pk", flat=True))
    follow(listener_of(contract).pk)
    assert not ChainEvent.objects.exclude(quarantine_reason="").exists()
    asked = PaymentAvailability.objects.exclude(pk__in=before).order_by("pk")
    words = list(asked.values_list("requested_by", flat=True))
    for ticket in PaymentAvailability.objects.open():
        check(ticket.pk)
    contract.refresh_from_db()
    return words


def call(world: World, contract: Contract, function: str, *arguments: Any) -> None:
    world.control.do_stellar_call(contract.address, function, list(arguments))


def test_its_events_have_processors(contract: Contract) -> None:
    assert interface_of(contract) == "investment/2"


def test_pause_and_goal_are_followed(world: World, contract: Contract) -> None:
    call(world, contract, "pause", contract.wallet.account)
    look(contract)
    assert contract.status == "PAUSED"
    call(world, contract, "unpause", contract.wallet.account)
    look(contract)
    assert contract.status == "ACTIVE"
    world.control.do_invest(contract.address, 3_000 * WHOLE)
    look(contract)
    assert contract.status_before_block or contract.status == "FUNDS_REACHED"


def test_money_that_moves_asks_for_one_check_and_blocks_or_releases(world: World, contract: Contract) -> None:
    world.control.do_invest(contract.address, 1_000 * WHOLE)
    assert look(contract) == [CHANGED_BY]
    assert contract.status == "BLOCKED"
    missing = int(contract.required_funds_units)
    assert missing == world.control.do_investment(contract.address)["required"]
    world.control.do_top_up_reserve(contract.address, missing)
    assert look(contract) == [CHANGED_BY]
    assert contract.status == "ACTIVE"
    assert look(contract) == []


def test_what_a_check_tells_itself_asks_for_no_other(world: World, contract: Contract) -> None:
    world.control.do_invest(contract.address, 1_000 * WHOLE)
    look(contract)
    call(world, contract, "check_reserve_balance")
    assert look(contract) == []
    assert ChainEvent.objects.filter(name="DEFICIT").count() == 1


def test_another_owner_is_noticed_by_a_check(world: World, contract: Contract) -> None:
    other = world.control.do_stellar_wallet("somebody else")["account"]
    until = world.control.do_stellar_status()["ledger"] + 1_000
    call(world, contract, "transfer_ownership", other, until)
    assert look(contract) == []
    call(world, contract, "accept_ownership")
    assert look(contract) == [HANDS_BY]


def test_its_book_is_exact_and_agrees_with_it(world: World, contract: Contract) -> None:
    world.control.do_invest(contract.address, 1_000 * WHOLE)
    look(contract)
    refresh_book(contract.pk)
    contract.refresh_from_db()
    assert contract.book.is_exact and not contract.book.problem
    comparison = comparison_of(contract, now=clock.now())
    assert comparison is not None
    assert comparison.contract_units == comparison.own_units == int(contract.required_funds_units)
    assert comparison.reasons == ()
