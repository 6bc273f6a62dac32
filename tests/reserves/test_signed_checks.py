"""Checks that leave a hash: the signed call as the check itself, and as the evidence of what a simulation changed."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from contracts.models import Contract, ContractTransaction, Wallet
from contracts.services.holds import lift_hold, place_hold
from contracts.services.wallets import start_wallet, stop_wallet
from reserves.models import PaymentAvailability
from reserves.services.ticketing import ask_again, open_tickets
from tests.stellar import investment, stellar_wallet
from tests.world import Pump, World

Status = PaymentAvailability.Status
Calls = ContractTransaction.Status


class Desk:
    """One investment contract whose wallet is in custody, and everything that rings answered."""

    def __init__(self, world: World, pump: Pump, settings: Settings) -> None:
        self.world, self.pump, self.settings = world, pump, settings
        self.contract: Contract = investment(world)

    def answers(self, units: int | None) -> None:
        self.world.control.do_set_reserve_answer(self.contract.address, units)
        self.world.control.do_close_ledger()

    def ticket(self, mode: str) -> PaymentAvailability:
        self.settings.RESERVE_CHECK_MODE = mode
        (pk,) = open_tickets([self.contract.address], by="tests")
        return PaymentAvailability.objects.get(pk=pk)

    def ended(self, ticket: PaymentAvailability) -> PaymentAvailability:
        def has_ended() -> bool:
            ticket.refresh_from_db()
            return ticket.status != Status.PENDING

        self.pump.run(has_ended)
        self.contract.refresh_from_db()
        return ticket

    def checked(self, mode: str) -> PaymentAvailability:
        return self.ended(self.ticket(mode))

    def settled(self) -> None:
        self.pump.run(lambda: not ContractTransaction.objects.open().exists())
        self.contract.refresh_from_db()

    def call(self, ticket: PaymentAvailability) -> ContractTransaction:
        return ContractTransaction.objects.of(ticket.subject).get()


@pytest.fixture
def desk(world: World, pump: Pump, settings: Settings) -> Iterator[Desk]:
    world.net.dfns.forget_requests()
    yield Desk(world, pump, settings)


def test_a_submitted_check_leaves_a_hash_its_ledger_and_its_answer(desk: Desk) -> None:
    desk.answers(2**63)
    ticket = desk.checked("submit")

    row = desk.call(ticket)
    assert (row.status, row.transaction_id) == (Calls.SUCCEEDED, row.hash)
    assert (ticket.status, ticket.transaction, ticket.outcome) == ("PROCESSED", row, "BLOCKED")
    assert ticket.required_funds_units == ticket.signed_units == 2**63
    assert ticket.ledger == ticket.signed_ledger == row.ledger == desk.contract.checked_at_ledger
    assert desk.contract.status == "BLOCKED"
    assert ticket.started_at <= ticket.checked_at == ticket.ended_at


def test_a_submitted_check_releases_what_is_covered_again(desk: Desk) -> None:
    desk.answers(5)
    desk.checked("submit")
    desk.answers(0)
    assert (desk.checked("submit").outcome, desk.contract.status) == ("RELEASED", "ACTIVE")


def test_on_change_signs_only_what_changes_the_state(desk: Desk) -> None:
    desk.answers(0)
    assert desk.checked("on_change").transaction is None
    desk.answers(7)
    blocked = desk.checked("on_change")
    desk.settled()
    blocked.refresh_from_db()
    assert (blocked.outcome, blocked.required_funds_units, blocked.signed_units) == ("BLOCKED", 7, 7)
    assert blocked.signed_ledger > blocked.ledger and blocked.note == ""
    assert desk.call(blocked).status == Calls.SUCCEEDED
    desk.answers(8)
    assert desk.checked("on_change").transaction is None
    desk.answers(0)
    released = desk.checked("on_change")
    desk.settled()
    assert (released.outcome, desk.contract.status) == ("RELEASED", "ACTIVE")
    assert ContractTransaction.objects.filter(purpose="check").count() == 2


def test_the_simulated_answer_decides_at_once_whatever_custody_does(desk: Desk) -> None:
    desk.world.fault("custody.error_rate", status=503)
    desk.answers(7)
    ticket = desk.checked("on_change")
    assert (ticket.status, desk.contract.status) == ("PROCESSED", "BLOCKED")
    desk.answers(0)
    desk.checked("on_change")
    assert desk.contract.status == "ACTIVE"


def test_a_signed_deficit_at_a_newer_ledger_blocks_a_released_contract_again(desk: Desk) -> None:
    desk.answers(7)
    desk.checked("on_change")
    desk.settled()
    desk.answers(0)
    with desk.pump.without("contracts.sign_transaction"):
        released = desk.checked("on_change")
    assert desk.contract.status == "ACTIVE"
    desk.answers(3)
    desk.settled()

    released.refresh_from_db()
    assert (released.outcome, released.signed_units) == ("RELEASED", 3)
    assert (desk.contract.status, desk.contract.required_funds_units) == ("BLOCKED", 3)
    assert released.note == (
        f"the signed check at ledger {released.signed_ledger} says 3 units are missing, "
        f"the simulated one at ledger {released.ledger} said 0"
    )


def test_a_signed_zero_never_releases(desk: Desk) -> None:
    desk.answers(7)
    with desk.pump.without("contracts.sign_transaction"):
        blocked = desk.checked("on_change")
    desk.answers(0)
    desk.settled()

    blocked.refresh_from_db()
    assert (blocked.signed_units, desk.contract.status) == (0, "BLOCKED")
    assert "says 0 units are missing" in blocked.note


def test_an_older_signed_deficit_changes_nothing(desk: Desk) -> None:
    desk.answers(7)
    desk.checked("on_change")
    with desk.pump.without("contracts.resolve_transaction"):
        desk.pump.run(lambda: ContractTransaction.objects.filter(status=Calls.SUBMITTED).exists())
    desk.answers(0)
    desk.world.control.do_close_ledger(3)
    with desk.pump.without("contracts.resolve_transaction", "contracts.sign_transaction"):
        assert desk.checked("on_change").outcome == "RELEASED"
    desk.settled()
    assert desk.contract.status == "ACTIVE"


def test_a_negative_signed_answer_is_an_error_and_not_no_deficit(desk: Desk) -> None:
    desk.answers(-1)
    ticket = desk.checked("submit")
    assert (ticket.status, ticket.error_class, desk.contract.checked_at) == ("FAILED", "NEGATIVE", None)
    assert desk.call(ticket).status == Calls.SUCCEEDED


TROUBLES = [
    ("soroban.bad_seq", 1),
    ("soroban.try_again_later", 1),
    ("soroban.duplicate", 1),
    ("soroban.drop_reply", 1),
    ("soroban.lose", 1),
]


@pytest.mark.parametrize(("fault", "count"), TROUBLES)
def test_trouble_on_the_way_is_overcome_and_nothing_is_executed_twice(
    desk: Desk, fault: str, count: int
) -> None:
    desk.answers(4)
    desk.world.fault(fault, count=count)
    ticket = desk.checked("submit")
    assert (ticket.status, ticket.required_funds_units) == ("PROCESSED", 4)
    calls = ContractTransaction.objects.of(ticket.subject)
    assert calls.filter(status=Calls.SUCCEEDED).count() == 1
    used = desk.world.control.do_stellar_account(desk.contract.wallet.account)["sequence"]
    assert used == calls.last().sequence


def test_a_contract_that_traps_in_its_ledger_fails_the_check_by_name(desk: Desk) -> None:
    desk.world.fault("soroban.trap", phase="execute", code=2100)
    ticket = desk.checked("submit")
    assert (ticket.status, ticket.error_class) == ("FAILED", "OwnerNotSet")
    assert "Error(Contract, #2100)" in ticket.error_text


def test_an_owner_that_is_another_account_fails_it_before_a_signature(desk: Desk) -> None:
    stranger = stellar_wallet(desk.world, "stranger")
    Contract.objects.filter(pk=desk.contract.pk).update(wallet=stranger)
    ticket = desk.checked("submit")
    assert (ticket.status, ticket.error_class) == ("FAILED", "FOREIGN_AUTH")
    assert desk.world.signatures_asked() == 0


def test_archived_state_fails_a_signed_check_and_says_what_to_do(desk: Desk) -> None:
    desk.world.fault("soroban.archived")
    ticket = desk.checked("submit")
    assert (ticket.status, ticket.error_class) == ("FAILED", "RESTORE_NEEDED")
    assert "restore its footprint" in ticket.error_text


def test_a_sequence_that_is_wrong_for_ever_fails_the_ticket_after_its_attempts(
    desk: Desk, settings: Settings
) -> None:
    settings.RESERVE_CHECK_ATTEMPTS = 3
    desk.world.fault("soroban.bad_seq")
    ticket = desk.checked("submit")
    assert (ticket.status, ticket.error_class, ticket.attempts) == ("FAILED", "txBAD_SEQ", 3)
    assert ContractTransaction.objects.of(ticket.subject).count() == 3


def test_while_custody_waits_for_a_person_the_ticket_says_so_and_then_goes_on(desk: Desk) -> None:
    desk.world.fault("custody.approval", mode="pending")
    desk.answers(6)
    ticket = desk.ticket("submit")
    desk.pump.run(lambda: PaymentAvailability.objects.filter(error_class="CUSTODY_PENDING").exists())
    ticket.refresh_from_db()
    assert (ticket.status, ticket.error_text) == (
        "PENDING",
        f"custody waits for approval of {desk.call(ticket)}; approve it there",
    )
    desk.world.clear("custody.approval")
    desk.world.control.do_approve()

    ended = desk.ended(ticket)
    assert (ended.status, ended.required_funds_units, ended.error_class) == ("PROCESSED", 6, "")
    assert desk.world.signatures_asked() == 1


def test_an_approval_too_late_fails_the_ticket_and_asks_nobody_again(desk: Desk) -> None:
    desk.world.fault("custody.approval", mode="pending")
    ticket = desk.ticket("submit")
    desk.pump.run(lambda: PaymentAvailability.objects.filter(error_class="CUSTODY_PENDING").exists())
    desk.world.advance(140)
    desk.world.control.do_approve()

    ended = desk.ended(ticket)
    assert (ended.status, ended.error_class) == ("FAILED", "CUSTODY_PENDING")
    wallet = Wallet.objects.get(pk=desk.contract.wallet_id)
    assert "start the wallet to ask again" in wallet.stopped_reason
    desk.world.clear("custody.approval")
    next_one = desk.checked("submit")
    assert (next_one.status, next_one.error_class) == ("FAILED", "HELD")
    assert desk.world.signatures_asked() == 1
    start_wallet(wallet, reason="approved by hand", by="olivia")
    assert desk.checked("submit").status == "PROCESSED"


def test_under_a_stopped_wallet_the_state_still_changes_without_evidence(desk: Desk) -> None:
    stop_wallet(desk.contract.wallet, "a question is open", by="olivia")
    desk.answers(7)
    ticket = desk.checked("on_change")
    assert (ticket.outcome, desk.contract.status) == ("BLOCKED", "BLOCKED")
    assert ticket.note == "no signed check: the wallet is stopped: a question is open"


def test_a_wallet_stopped_in_between_ends_the_ticket_and_the_call_nobody_waits_for(desk: Desk) -> None:
    ticket = desk.ticket("submit")
    with desk.pump.without("contracts.sign_transaction"):
        desk.pump.drain()
    stop_wallet(desk.contract.wallet, "a question is open", by="olivia")

    ended = desk.ended(ticket)
    assert (ended.status, ended.error_class) == ("FAILED", "WALLET_STOPPED")
    assert (desk.call(ticket).status, desk.call(ticket).error_class) == ("EXPIRED", "ABANDONED")


def test_the_emergency_stop_signs_no_checks_and_a_contracts_own_hold_does_not_stop_them(desk: Desk) -> None:
    place_hold(
        scope="CONTRACT", object_uid=desk.contract.uid, cause="OPERATOR", reason="of payouts", by="olivia"
    )
    assert desk.checked("submit").status == "PROCESSED"
    stop = place_hold(scope="GLOBAL", cause="OPERATOR", reason="everything stops", by="olivia")
    desk.settings.RESERVE_CHECK_ATTEMPTS = 2
    ticket = desk.checked("submit")
    assert (ticket.status, ticket.error_class, ticket.error_text) == (
        "FAILED",
        "HELD",
        "held: everything stops",
    )
    lift_hold(stop, reason="over", by="olivia")
    assert desk.checked("submit").status == "PROCESSED"


def test_a_change_during_a_check_is_followed_by_another_check(desk: Desk) -> None:
    ticket = desk.ticket("simulate")
    desk.answers(9)
    ask_again(desk.contract, by="a top-up")
    ask_again(desk.contract, by="a top-up")
    desk.ended(ticket)
    desk.pump.run(lambda: not PaymentAvailability.objects.open().exists())
    assert PaymentAvailability.objects.filter(contract=desk.contract).count() == 2
    ask_again(desk.contract, by="a top-up")
    assert PaymentAvailability.objects.open().get().requested_by == "a top-up"


def test_several_contracts_of_one_wallet_are_checked_one_a_ledger_and_one_that_fails_stops_none(
    desk: Desk,
) -> None:
    others = [investment(desk.world, desk.contract.wallet) for _ in range(3)]
    desk.world.fault("soroban.trap", phase="simulate", code=1000, match=others[1].address)
    desk.settings.RESERVE_CHECK_MODE = "submit"
    open_tickets()
    desk.pump.run(lambda: not PaymentAvailability.objects.open().exists())

    ended = {ticket.contract_id: ticket for ticket in PaymentAvailability.objects.all()}
    assert ended[others[1].pk].error_class == "EnforcedPause"
    good = [ended[contract.pk] for contract in (desk.contract, others[0], others[2])]
    assert [ticket.status for ticket in good] == ["PROCESSED"] * 3
    assert len({ticket.ledger for ticket in good}) == 3
