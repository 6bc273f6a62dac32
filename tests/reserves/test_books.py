"""What a contract owes by its own chain state, beside its own answer; when it is over; and what is read when."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from pytest_django.fixtures import Settings

from config.beats import table
from contracts import clock
from contracts.models import AuditEvent, Contract, Hold
from reserves import tasks
from reserves.models import InvestmentBook, InvestmentEntry
from reserves.services import refreshing
from reserves.services.blocking import apply_answer, block, unblock
from reserves.services.bookkeeping import BadBook, keep_read
from reserves.services.books import (
    Comparison,
    Forecast,
    blocks_within,
    comparison_of,
    forecast_of,
    investments_of,
    own_missing_units,
)
from reserves.services.checking import check
from reserves.services.finishing import REASON, finish_if_over
from reserves.services.refreshing import refresh_book, refresh_books
from reserves.services.ticketing import open_tickets
from tests.factories.contracts import ContractFactory, InvestmentContractFactory
from tests.world import Pump, World

DAY = 86_400
MONTH = 30 * DAY
INVESTED = 1_000_0000000
DEPOSITED = 995_0000000
INTEREST = 4_9750000
INSTALMENT = (DEPOSITED + 12 * INTEREST) // 12


class Deal:
    """An investment contract on the devnet beside its row; 6 %, by default a coupon of 12 months."""

    def __init__(self, world: World, *, months: int = 12, kind: int = 2, block_days: int = 0) -> None:
        self.control = world.control
        self.world = world
        made = self.control.do_create_investment(
            goal=100_000_0000000,
            i_rate=600,
            return_months=months,
            return_type=kind,
            claim_block_days=block_days,
        )
        self.address = str(made["contract"])
        self.contract: Contract = InvestmentContractFactory(address=self.address, label="Solar")

    def invest(self) -> int:
        return int(self.control.do_invest(self.address, INVESTED)["token_id"])

    def pay(self, token_id: int) -> None:
        """Whatever the reserve has, it has enough for this."""
        self.control.do_top_up_reserve(self.address, 2_000_0000000)
        self.control.do_stellar_call(self.address, "process_investor_payment", [token_id])

    def reserve(self, units: int) -> None:
        self.control.do_set_investment_books(self.address, {"reserve": units})

    def wait(self, days: int) -> None:
        """A minute more, because ledgers that close at once let the chain's time run ahead of ours."""
        self.world.advance(days * DAY + 60)

    def reach_funds(self) -> None:
        self.control.do_set_investment_state(self.address, 3)

    def required(self) -> int:
        return int(self.control.do_investment(self.address)["required"])

    def compared(self) -> Comparison:
        """After reading it anew; the contract's answer as computed here is the chain's."""
        self.wait(0)
        refresh_book(self.contract.pk)
        self.contract.refresh_from_db()
        comparison = comparison_of(self.contract, now=clock.now())
        assert comparison is not None
        assert comparison.book.problem == ""
        assert comparison.contract_units == self.required()
        return comparison

    def checked(self) -> None:
        open_tickets([self.address])
        for pk in self.contract.checks.open().values_list("pk", flat=True):
            check(pk)
        self.contract.refresh_from_db()

    @property
    def book(self) -> InvestmentBook:
        return InvestmentBook.objects.get(contract=self.contract)


def numbers(comparison: Comparison) -> tuple[int, int]:
    return comparison.contract_units, comparison.own_units


@pytest.fixture
def coupon(world: World) -> Deal:
    return Deal(world)


@pytest.fixture
def over(world: World) -> Deal:
    """Two of two coupons were paid, 24 days ago, and the reserve is empty."""
    deal = Deal(world, months=2)
    token_id = deal.invest()
    deal.pay(token_id)
    deal.wait(30)
    deal.pay(token_id)
    deal.reserve(0)
    deal.wait(24)
    return deal


# -- both numbers


def test_a_first_coupon_is_due_at_once_and_not_foreseen_by_the_contract(coupon: Deal) -> None:
    coupon.invest()
    coupon.reserve(0)

    comparison = coupon.compared()

    assert numbers(comparison) == (0, INTEREST)
    assert comparison.difference_units == -INTEREST
    assert comparison.reasons == (
        "The contract asks for 4.975 USDC less: "
        "a first payment is not foreseen until 23 days after the investment (investments 1).",
    )
    assert (comparison.arrears_units, comparison.due_units) == (INTEREST, 0)
    assert (comparison.investments, comparison.finished, comparison.reserve_units) == (1, 0, 0)
    assert comparison.next_due_units == INTEREST
    assert comparison.next_due_at is not None
    assert timedelta(days=29) < comparison.next_due_at - clock.now() <= timedelta(days=30)


def test_both_agree_on_a_loan_in_time(world: World) -> None:
    loan = Deal(world, kind=1)
    loan.pay(loan.invest())
    loan.reserve(0)
    loan.wait(24)

    comparison = loan.compared()

    assert numbers(comparison) == (INSTALMENT, INSTALMENT)
    assert (comparison.reasons, comparison.difference_units) == ((), 0)
    assert (comparison.arrears_units, comparison.due_units) == (0, INSTALMENT)


def test_the_block_period_is_ignored_by_the_contract(world: World) -> None:
    blocked = Deal(world, block_days=180)
    blocked.invest()
    blocked.reserve(0)
    blocked.wait(24)

    comparison = blocked.compared()

    assert numbers(comparison) == (INTEREST, 0)
    (reason,) = comparison.reasons
    assert reason == (
        "The contract asks for 4.975 USDC more: "
        "the block period is ignored: payments are counted that are not due yet (investments 1)."
    )


def test_arrears_are_counted_once_by_the_contract(coupon: Deal) -> None:
    coupon.pay(coupon.invest())
    coupon.reserve(0)
    coupon.wait(91)

    comparison = coupon.compared()

    assert numbers(comparison) == (INTEREST, 3 * INTEREST)
    assert comparison.arrears_units == 3 * INTEREST
    assert "of several payments due to an investor only one is counted" in comparison.reasons[0]


def test_the_principal_of_a_last_coupon_is_invisible_to_the_contract(world: World) -> None:
    deal = Deal(world, months=2)
    deal.pay(deal.invest())
    deal.reserve(0)
    deal.wait(25)

    comparison = deal.compared()

    interest = DEPOSITED * 600 // 10_000 // 2
    assert numbers(comparison) == (interest, interest + DEPOSITED)
    assert comparison.reasons == (
        "The contract asks for 995.00 USDC less: "
        "the principal that comes with a coupon's last payment is not counted (investments 1).",
    )


def test_the_reserve_is_part_of_both_numbers(coupon: Deal) -> None:
    coupon.pay(coupon.invest())
    coupon.reserve(INTEREST - 5)
    coupon.wait(24)

    assert numbers(coupon.compared()) == (5, 5)
    coupon.reserve(INTEREST)
    assert numbers(coupon.compared()) == (0, 0)


def test_the_contracts_last_answer_stands_beside_both(coupon: Deal) -> None:
    coupon.pay(coupon.invest())
    coupon.reserve(0)
    assert coupon.compared().answered_units is None

    coupon.checked()
    coupon.wait(24)
    comparison = coupon.compared()

    assert (comparison.answered_units, comparison.contract_units) == (0, INTEREST)
    assert comparison.answered_ledger == coupon.contract.checked_at_ledger
    assert comparison.answered_at == coupon.contract.checked_at
    assert comparison.reasons == (
        f"The contract answered 0.00 USDC as of ledger {comparison.answered_ledger}; by the investments known "
        "here it would answer 4.975 USDC now. Time has passed since, or they have changed: check again.",
    )
    coupon.checked()
    assert coupon.compared().reasons == ()


def test_many_investments_are_named_in_short(coupon: Deal) -> None:
    for _ in range(12):
        coupon.invest()
    coupon.reserve(0)
    assert coupon.compared().reasons[0].endswith("(investments 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more).")


def test_nobody_invested_and_nothing_is_due(coupon: Deal) -> None:
    comparison = coupon.compared()
    assert numbers(comparison) == (0, 0)
    assert (comparison.next_due_at, comparison.next_due_units, comparison.investments) == (None, 0, 0)


def test_what_is_not_known_has_no_number(coupon: Deal) -> None:
    now = clock.now()
    assert comparison_of(coupon.contract, now=now) is None
    assert own_missing_units(coupon.contract, now=now) is None
    assert forecast_of(coupon.contract, now=now) == []
    assert investments_of(coupon.contract) == ()


def test_our_own_number_follows_the_horizon(coupon: Deal, settings: Settings) -> None:
    coupon.pay(coupon.invest())
    coupon.reserve(1)
    refresh_book(coupon.contract.pk)

    for days, units in ((7, 0), (31, INTEREST - 1), (61, 2 * INTEREST - 1)):
        settings.RESERVE_HORIZON_DAYS = days
        assert own_missing_units(coupon.contract, now=clock.now()) == units


def test_a_book_grows_stale(coupon: Deal, settings: Settings) -> None:
    assert not coupon.compared().is_stale
    coupon.world.advance(settings.RESERVE_STALE_MINUTES * 60 + 1)
    comparison = comparison_of(coupon.contract, now=clock.now())
    assert comparison is not None and comparison.is_stale


# -- the forecast


def test_a_forecast_by_hand(coupon: Deal) -> None:
    """Paid today: 4.975 each after 30, 60 and 90 days; the reserve has two of them less one unit."""
    coupon.pay(coupon.invest())
    coupon.reserve(2 * INTEREST - 1)
    refresh_book(coupon.contract.pk)
    (paid_at,) = InvestmentEntry.objects.values_list("last_transfer_ts", flat=True)
    now = clock.now()

    week, month, quarter, late = forecast_of(coupon.contract, now=now, days=(7, 31, 91, 0))

    second = clock.from_ns((paid_at + 2 * MONTH) * clock.NANOSECONDS)
    assert week == Forecast(7, 0, 0, 0, None)
    assert month == Forecast(31, INTEREST, 0, 0, None)
    assert quarter == Forecast(91, 3 * INTEREST, 0, INTEREST + 1, second)
    assert late == Forecast(0, 0, 0, 0, None)


def test_what_is_overdue_is_short_now(coupon: Deal) -> None:
    coupon.invest()
    coupon.reserve(INTEREST)
    coupon.wait(31)
    refresh_book(coupon.contract.pk)
    now = clock.now().replace(microsecond=0)

    assert forecast_of(coupon.contract, now=now, days=(0,)) == [Forecast(0, 0, 2 * INTEREST, INTEREST, now)]
    assert [one.days for one in forecast_of(coupon.contract, now=now)] == [7, 30, 90]


def test_the_end_of_a_coupon_is_in_the_forecast(world: World) -> None:
    deal = Deal(world, months=1)
    deal.invest()
    deal.reserve(0)
    refresh_book(deal.contract.pk)
    (one,) = forecast_of(deal.contract, now=clock.now(), days=(7,))
    assert one.missing_units == DEPOSITED + DEPOSITED * 600 // 10_000


# -- reading


def test_the_book_is_kept_as_it_was_read(coupon: Deal) -> None:
    coupon.invest()
    coupon.invest()
    refresh_book(coupon.contract.pk)

    book, info = coupon.book, coupon.control.do_investment(coupon.address)
    assert (book.source, book.problem, book.is_by_address) == ("CHAIN", "", False)
    assert (book.rate_basis_points, book.return_months, book.return_type, book.claim_block_days) == (
        600,
        12,
        2,
        0,
    )
    assert (book.goal_units, book.state, book.is_paused) == (100_000_0000000, 2, False)
    assert book.reserve_units == info["balances"]["reserve"]
    assert book.project_units == info["balances"]["project"]
    assert book.as_of_ledger == info["ledger"]
    assert [one.token_id for one in investments_of(coupon.contract)] == [1, 2]


def test_a_payment_changes_one_entry_and_leaves_the_others(coupon: Deal) -> None:
    first, second = coupon.invest(), coupon.invest()
    refresh_book(coupon.contract.pk)
    before = dict(InvestmentEntry.objects.values_list("token_id", "pk"))
    coupon.pay(second)

    refresh_book(coupon.contract.pk)

    assert dict(InvestmentEntry.objects.values_list("token_id", "pk")) == before
    assert dict(InvestmentEntry.objects.values_list("token_id", "payments_transferred")) == {
        first: 0,
        second: 1,
    }


# The devnet writes its whole map of claims for each investment, so many of them take it long.
@pytest.mark.parametrize("count", [101, pytest.param(300, marks=pytest.mark.long)])
def test_more_investments_than_one_question_may_name_agree_with_the_chain(world: World, count: int) -> None:
    deal = Deal(world)
    for _ in range(count):
        deal.control.do_invest(deal.address, 100_0000000)
    deal.reserve(0)
    deal.wait(24)

    comparison = deal.compared()

    assert comparison.investments == InvestmentEntry.objects.count() == count
    # The first coupon is overdue, the second one is due in six days.
    assert comparison.own_units == 2 * comparison.contract_units > 0
    assert len({one.holder for one in investments_of(deal.contract)}) == count


def test_an_older_answer_after_a_newer_one_changes_nothing(coupon: Deal) -> None:
    coupon.invest()
    coupon.control.do_close_ledger(3)
    older = refreshing.read_investments(coupon.address)
    coupon.invest()
    refresh_book(coupon.contract.pk)
    book = coupon.book

    assert not keep_read(coupon.contract, older)

    assert InvestmentEntry.objects.count() == 2
    assert coupon.book.as_of_ledger == book.as_of_ledger


def test_an_entry_that_vanished_is_removed(coupon: Deal) -> None:
    coupon.invest()
    coupon.invest()
    refresh_book(coupon.contract.pk)
    read = refreshing.read_investments(coupon.address)

    assert keep_read(coupon.contract, replace(read, investments=read.investments[1:]))
    assert list(InvestmentEntry.objects.values_list("token_id", flat=True)) == [2]


@pytest.mark.parametrize(
    ("fault", "words"), [("soroban.down", "does not answer"), ("soroban.garbage", "Soroban RPC")]
)
def test_a_node_in_trouble_is_a_problem_and_what_is_known_stays(coupon: Deal, fault: str, words: str) -> None:
    coupon.invest()
    refresh_book(coupon.contract.pk)
    before = coupon.book
    coupon.world.fault(fault)

    refresh_book(coupon.contract.pk)

    after = coupon.book
    assert words in after.problem
    assert (after.read_at, after.as_of_ledger) == (before.read_at, before.as_of_ledger)
    comparison = comparison_of(coupon.contract, now=clock.now())
    assert comparison is not None and comparison.book.problem == after.problem
    coupon.world.clear(fault)
    assert coupon.compared().book.problem == ""


def test_a_layout_that_is_not_known_says_what_is_missing_and_shows_no_number(world: World) -> None:
    token = world.control.do_create_stellar_token()["contract"]
    contract: Contract = InvestmentContractFactory(address=token)

    refresh_book(contract.pk)

    problem = InvestmentBook.objects.get(contract=contract).problem
    assert "missing, or no whole numbers: ClaimsMap. Import its investments instead" in problem
    assert comparison_of(contract, now=clock.now()) is None
    assert own_missing_units(contract, now=clock.now()) is None


def test_an_entry_that_breaks_a_rule_is_named_and_nothing_of_the_answer_is_kept(
    coupon: Deal, monkeypatch: pytest.MonkeyPatch
) -> None:
    coupon.invest()
    refresh_book(coupon.contract.pk)
    coupon.invest()
    read = refreshing.read_investments(coupon.address)

    def broken(contract: str) -> Any:
        first, second = read.investments
        return replace(read, investments=(first, replace(second, paid=7)))

    monkeypatch.setattr(refreshing, "read_investments", broken)
    refresh_book(coupon.contract.pk)

    assert coupon.book.problem == (
        "investment 2 as read: paid is 7: 0 payments make 0; read all fields in one answer of the chain"
    )
    assert InvestmentEntry.objects.count() == 1


def test_terms_that_no_contract_has_are_a_problem(coupon: Deal) -> None:
    read = refreshing.read_investments(coupon.address)
    with pytest.raises(BadBook, match="the terms as read: return_type is 7: give 1"):
        keep_read(coupon.contract, replace(read, return_type=7))
    with pytest.raises(BadBook, match="the terms as read: claim_block_days is"):
        keep_read(coupon.contract, replace(read, claim_block_days=2**40))


def test_many_faults_are_told_in_short() -> None:
    text = str(BadBook([f"investment {number} is bad" for number in range(25)]))
    assert text.endswith("investment 9 is bad; and 15 more")


def test_who_finds_somebody_reading_comes_back_later(coupon: Deal, pump: Pump) -> None:
    other = connections.create_connection("default")
    with closing(other), other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [refreshing.BOOK_LOCKS + coupon.contract.pk])
        refresh_book(coupon.contract.pk)
        assert not InvestmentBook.objects.exists()
    assert list(pump.rings) == [("reserves.refresh_book", coupon.contract.pk)]
    pump.drain()
    assert coupon.book.problem == ""


def test_all_contracts_that_are_checked_are_read_in_turn(world: World, pump: Pump) -> None:
    deals = [Deal(world) for _ in range(3)]
    deals[2].contract.status = "FINISHED"
    deals[2].contract.save(update_fields=["status"])
    ContractFactory()
    refresh_book(deals[0].contract.pk)

    tasks.refresh_books()

    assert [row for _, row in pump.rings] == [deals[1].contract.pk, deals[0].contract.pk]
    pump.drain()
    assert InvestmentBook.objects.filter(problem="").count() == 2


def test_without_a_node_nothing_is_read(coupon: Deal, pump: Pump, settings: Settings) -> None:
    settings.SOROBAN_RPC_URL = ""
    refresh_books()
    refresh_book(coupon.contract.pk)
    assert not pump.rings
    assert not InvestmentBook.objects.exists()


def test_the_table_of_beat_has_it() -> None:
    (entry,) = [one for one in table() if one.task == "reserves.refresh_books"]
    assert (entry.schedule, entry.queue) == ("every 300 seconds", "checks")


def test_a_contract_that_is_not_there_is_left_alone(world: World) -> None:
    tasks.refresh_book(0)
    assert not InvestmentBook.objects.exists()


# -- the end


def test_a_phantom_deficit_is_shown_with_its_cause(over: Deal) -> None:
    over.checked()
    assert (over.contract.status, over.contract.required_funds_units > 0) == ("BLOCKED", True)

    comparison = over.compared()

    assert comparison.contract_units == over.contract.required_funds_units
    assert (comparison.own_units, comparison.finished) == (0, 1)
    assert "finished investments are still counted (investments 1)" in comparison.reasons[0]
    assert over.contract.status == "BLOCKED"


def test_everybody_paid_and_no_more_investors_is_finished(over: Deal) -> None:
    over.checked()
    over.reach_funds()

    refresh_book(over.contract.pk)

    over.contract.refresh_from_db()
    assert (over.contract.status, over.contract.blocked_reason) == ("FINISHED", "")
    assert not Hold.objects.open().exists()
    moves = AuditEvent.objects.filter(noun="contract", what="status").order_by("pk")
    assert list(moves.values_list("source", "target", "reason"))[-2:] == [
        ("BLOCKED", "ACTIVE", REASON),
        ("ACTIVE", "FINISHED", REASON),
    ]
    assert open_tickets([over.address]) == []
    assert comparison_of(over.contract, now=clock.now()) is not None


def test_an_answer_that_comes_after_the_end_blocks_nothing(over: Deal) -> None:
    over.reach_funds()
    (late,) = open_tickets([over.address])
    refresh_book(over.contract.pk)

    check(late)

    over.contract.refresh_from_db()
    assert over.contract.status == "FINISHED"


def test_a_persons_block_stays_and_stops_it(over: Deal) -> None:
    block(over.contract, reason="the auditors ask", by="alice")
    over.reach_funds()

    refresh_book(over.contract.pk)

    over.contract.refresh_from_db()
    assert (over.contract.status, over.contract.blocked_by) == ("BLOCKED", "alice")
    unblock(over.contract, accepted_units=None, until=None, reason="answered", by="alice")
    assert finish_if_over(over.contract.pk)
    assert not finish_if_over(over.contract.pk)


def test_one_who_is_owed_something_keeps_it_open(world: World) -> None:
    deal = Deal(world, months=1)
    deal.pay(deal.invest())
    deal.invest()
    deal.reach_funds()
    refresh_book(deal.contract.pk)
    deal.contract.refresh_from_db()
    assert deal.contract.status == "ACTIVE"


def test_a_contract_nobody_invested_in_does_not_end(coupon: Deal) -> None:
    coupon.reach_funds()
    refresh_book(coupon.contract.pk)
    coupon.contract.refresh_from_db()
    assert coupon.contract.status == "ACTIVE"


@pytest.mark.parametrize("change", [{"problem": "gone"}, {"source": "IMPORT"}, {"state": 2}, {"state": None}])
def test_only_a_good_reading_of_the_chain_ends_a_contract(over: Deal, change: dict[str, Any]) -> None:
    refresh_book(over.contract.pk)
    InvestmentBook.objects.update(**{"state": 3} | change)
    assert not finish_if_over(over.contract.pk)
    InvestmentBook.objects.update(state=3, problem="", source="CHAIN")
    assert finish_if_over(over.contract.pk)


# -- how often


def test_blocks_are_counted_within_the_days(coupon: Deal) -> None:
    assert blocks_within(coupon.contract) == 0
    apply_answer(coupon.contract.pk, units=5, ledger=1)
    apply_answer(coupon.contract.pk, units=0, ledger=2)
    coupon.wait(60)
    apply_answer(coupon.contract.pk, units=5, ledger=3)
    coupon.wait(31)

    assert (blocks_within(coupon.contract), blocks_within(coupon.contract, days=92)) == (1, 2)
    assert blocks_within(InvestmentContractFactory()) == 0
