"""Signed calls that end late, or not while anybody waits: their check ends, and what they say still counts."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.models import ContractTransaction
from contracts.services.steps import fail
from contracts.services.wallets import start_wallet, stop_wallet
from reserves.models import PaymentAvailability
from reserves.services.checking import check
from reserves.services.ticketing import forget_old
from tests.patience import PATIENCE
from tests.reserves.test_signed_checks import Desk
from tests.threads import together, until_somebody_waits
from tests.world import Pump, World

Status = ContractTransaction.Status
QUESTION = "a question is open"


@pytest.fixture
def office(world: World, pump: Pump, settings: Settings) -> Iterator[Desk]:
    world.net.dfns.forget_requests()
    yield Desk(world, pump, settings)


def identified(office: Desk) -> tuple[PaymentAvailability, ContractTransaction]:
    """A check whose call custody was asked to sign, without an answer."""
    office.checked("submit")  # the wallet is verified
    office.world.fault("custody.error_rate", status=503)
    ticket = office.ticket("submit")
    office.pump.run(lambda: ContractTransaction.objects.open().exclude(sequence=None).exists())
    office.world.clear("custody.error_rate")
    return ticket, office.call(ticket)


def test_a_call_that_a_stopped_wallet_keeps_ends_its_check_and_holds_up_no_other(office: Desk) -> None:
    ticket, row = identified(office)
    stop_wallet(office.contract.wallet, QUESTION, by="olivia")

    ended = office.ended(ticket)
    assert (ended.status, ended.error_class) == ("FAILED", "WALLET_STOPPED")
    assert ended.error_text == f"the wallet is stopped: {QUESTION}"
    row.refresh_from_db()
    assert row.is_open, "it has an identity: only the chain can end it"

    office.answers(7)
    assert office.checked("on_change").outcome == "BLOCKED"


def test_a_call_that_was_sent_is_waited_for_while_it_may_come(office: Desk) -> None:
    """A stopped wallet sends nothing, and what it has sent is still found."""
    office.answers(3)
    ticket = office.ticket("submit")
    with office.pump.without("contracts.resolve_transaction"):
        office.pump.run(lambda: ContractTransaction.objects.filter(status=Status.SUBMITTED).exists())
    stop_wallet(office.contract.wallet, QUESTION, by="olivia")

    assert (office.ended(ticket).status, ticket.required_funds_units) == ("PROCESSED", 3)


def test_a_call_that_was_lost_under_a_stopped_wallet_is_not_waited_for_beyond_its_time(office: Desk) -> None:
    office.world.fault("soroban.lose")
    ticket = office.ticket("submit")
    office.pump.run(lambda: ContractTransaction.objects.filter(status=Status.SUBMITTED).exists())
    stop_wallet(office.contract.wallet, QUESTION, by="olivia")
    office.world.advance(130)

    assert (office.ended(ticket).status, ticket.error_class) == ("FAILED", "WALLET_STOPPED")


def test_a_deficit_that_comes_after_the_check_was_given_up_blocks_and_its_ticket_is_kept(
    office: Desk, settings: Settings
) -> None:
    ticket, row = identified(office)
    stop_wallet(office.contract.wallet, QUESTION, by="olivia")
    office.ended(ticket)
    office.answers(4)
    start_wallet(office.contract.wallet, reason="answered", by="olivia")
    office.settled()

    row.refresh_from_db()
    ticket.refresh_from_db()
    assert (row.status, ticket.status, office.contract.status) == (Status.SUCCEEDED, "FAILED", "BLOCKED")
    assert (ticket.outcome, ticket.signed_units, ticket.note) == ("BLOCKED", 4, "")
    long_ago = clock.now() - timedelta(days=settings.RESERVE_KEEP_DAYS + 1)
    PaymentAvailability.objects.update(requested_at=long_ago)
    forget_old()
    assert PaymentAvailability.objects.get() == ticket


def test_a_call_that_fails_while_its_check_is_given_up_waits_for_nobody(office: Desk) -> None:
    ticket = office.ticket("submit")
    with office.pump.without("contracts.sign_transaction"):
        office.pump.drain()
    stop_wallet(office.contract.wallet, QUESTION, by="olivia")
    row, is_locked = office.call(ticket), threading.Event()

    def fails() -> None:
        with transaction.atomic():
            locked = ContractTransaction.objects.select_for_update().get(pk=row.pk)
            is_locked.set()
            until_somebody_waits()
            assert fail(locked, "OwnerNotSet", "the contract refuses")

    def gives_up() -> None:
        assert is_locked.wait(PATIENCE)
        check(ticket.pk)

    assert together(fails, gives_up) == []
    row.refresh_from_db()
    ticket.refresh_from_db()
    assert (row.error_class, ticket.status, ticket.error_class) == ("OwnerNotSet", "FAILED", "WALLET_STOPPED")
