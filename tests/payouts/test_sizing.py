"""The search for the size of a call: its rules against every ceiling, and what is stored of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from contracts.models import AuditEvent, Contract
from payouts.models import Batch, BatchSizing, Distribution
from payouts.probing import MOST_GAS, MOST_HOLDERS, Bracket
from payouts.services import sizing
from tests.factories import BatchFactory, ContractFactory, TransactionFactory

CEILINGS = st.integers(1, 150)
FLOOR_OF_REPORTS = MOST_GAS * 8 // 10
Gas = Callable[[int], int | None]


def unreported(holders: int) -> None:
    return None


def costing(per_holder: int, base: int = 0) -> Gas:
    return lambda holders: base + per_holder * holders


def at_least_four_fifths(true: Gas) -> Gas:
    """As older network versions report it."""
    return lambda holders: max(true(holders) or 0, FLOOR_OF_REPORTS)


def always(reported: int) -> Gas:
    return lambda holders: reported


@dataclass
class Search:
    """Calls until the bracket is closed; a failure is a transaction that pays nobody."""

    ceiling: int
    gas: Gas = unreported
    bracket: Bracket = field(default_factory=Bracket)
    failures: int = 0
    sizes: list[int] = field(default_factory=list)

    def run(self) -> "Search":
        while not self.bracket.is_closed:
            size = self.bracket.next_size()
            before = self.bracket
            if size <= self.ceiling:
                self.bracket = before.succeeded(size, self.gas(size))
            else:
                self.failures += 1
                self.bracket = before.failed(size)
            assert self.bracket != before, f"no progress at {before}"
            self.sizes.append(size)
        return self

    @property
    def best(self) -> int:
        return min(self.ceiling, MOST_HOLDERS)


REPORTS = st.one_of(
    st.just(unreported),
    st.integers(1, MOST_GAS).map(always),
    st.integers(1, 100_000).map(lambda each: at_least_four_fifths(costing(each))),
)


@given(ceiling=CEILINGS, gas=REPORTS)
def test_a_hard_cap_is_learned_with_two_failures_at_most_whatever_the_gas_reports_say(
    ceiling: int, gas: Gas
) -> None:
    search = Search(ceiling, gas).run()

    assert search.bracket.good <= ceiling
    assert search.bracket.good * 5 >= search.best * 4
    assert search.failures <= (2 if ceiling >= 10 else 4)


@given(ceiling=CEILINGS, base_share=st.integers(0, 90), is_floored=st.booleans())
def test_a_cap_by_gas_is_learned_with_two_failures_at_most(
    ceiling: int, base_share: int, is_floored: bool
) -> None:
    base = MOST_GAS * base_share // 100
    true = costing((MOST_GAS - base) // ceiling, base)
    search = Search(ceiling, at_least_four_fifths(true) if is_floored else true).run()

    assert search.bracket.good <= ceiling
    assert search.bracket.good * 5 >= search.best * 4
    assert search.failures <= (2 if ceiling >= 10 else 4)


@given(each=st.integers(150_001, 714_285))
def test_what_gas_shows_is_not_found_out_by_failures(each: int) -> None:
    """From 20 to 99 holders by gas: one failure tells that the reports are true, a second is not needed."""
    search = Search(MOST_GAS // each, costing(each)).run()

    assert search.bracket.good * 11 >= search.ceiling * 10
    assert search.failures <= 1


@given(good=st.integers(2, 100), ceiling=CEILINGS)
def test_a_ceiling_that_shrinks_is_learned_again(good: int, ceiling: int) -> None:
    before = Bracket(good=good, bad=good + 1 if good < 100 else None, failures=2, gas_per_holder=50_000)
    if ceiling >= good:
        assert before.succeeded(good) == before
        return
    search = Search(ceiling, bracket=before.failed(good)).run()

    assert search.bracket.good <= ceiling
    assert search.bracket.good * 5 >= search.best * 4
    assert search.failures <= (2 if ceiling >= 10 else 4), "besides the one that showed it"


@given(calls=st.lists(st.tuples(st.integers(1, 100), st.sampled_from(["good", "bad", "partial"]))))
def test_any_order_of_results_leaves_a_bracket_that_can_be_stored(calls: list[tuple[int, str]]) -> None:
    bracket = Bracket()
    for holders, result in calls:
        if result == "good":
            bracket = bracket.succeeded(holders, 1_000 * holders)
        elif result == "bad":
            bracket = bracket.failed(holders)
        else:
            bracket = bracket.fitted(holders)
        assert bracket.bad is None or bracket.bad > bracket.good
        assert 1 <= bracket.next_size() <= MOST_HOLDERS
        if bracket.bad is not None and bracket.bad > 1:
            assert bracket.next_size() < bracket.bad


@pytest.mark.parametrize(
    ("ceiling", "sizes", "learned"),
    [
        (100, [20, 30, 45, 68, 100], 100),
        (25, [20, 30, 25, 27], 25),
        (24, [20, 30, 25], 20),
        (14, [20, 10, 12, 15], 12),
    ],
)
def test_the_steps_of_a_search_without_gas_reports(ceiling: int, sizes: list[int], learned: int) -> None:
    search = Search(ceiling).run()
    assert (search.sizes, search.bracket.good) == (sizes, learned)


def test_gas_guides_the_search_to_fourteen() -> None:
    search = Search(14, costing(1_000_000, base=1_000_000)).run()
    assert search.sizes == [20, 10, 12, 13, 16]
    assert search.bracket.good == 13


# --- what is stored ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_new_contract_is_searched_with_one_call_in_flight_and_all_the_gas() -> None:
    contract = BatchFactory().distribution.asset.payout_contract
    assert sizing.most_in_flight(contract) == 1
    assert sizing.size_for_next(contract) == 20
    assert sizing.gas_for(contract, holders=20) == MOST_GAS


@pytest.mark.django_db
def test_batches_that_are_known_to_go_through_need_not_wait_for_a_search_they_cannot_help() -> None:
    """As after an operator had the size learned anew in the middle of a run that was planned in small batches."""
    contract = (small := BatchFactory(total=25)).distribution.asset.payout_contract
    BatchSizing.objects.create(contract=contract, largest_good=25, gas_per_holder=100_000)
    assert sizing.most_in_flight(contract) is None
    assert sizing.gas_for(contract, holders=25) == 300_000 + 25 * 150_000

    large = BatchFactory(distribution=small.distribution, total=26)
    assert sizing.most_in_flight(contract) == 1
    assert sizing.gas_for(contract, holders=26) == MOST_GAS
    Distribution.objects.update(status="HELD", status_before_hold="PROCESSING")
    assert sizing.most_in_flight(contract) is None
    Distribution.objects.update(status="PROCESSING")
    Batch.objects.filter(pk=large.pk).update(status="PROCESSING")
    assert sizing.most_in_flight(contract) is None


@pytest.mark.django_db
def test_a_size_that_is_known_needs_no_search_and_no_question(
    django_assert_num_queries: DjangoAssertNumQueries, settings: Settings
) -> None:
    contract = ContractFactory(learned_batch_size=25)
    with django_assert_num_queries(0):
        assert sizing.most_in_flight(contract) is None
        assert sizing.size_for_next(contract) == 25
        sizing.note_success(contract, holders=25, gas_used=3_000_000)
    settings.BATCH_SIZE = 10
    assert sizing.size_for_next(contract) == 10


@pytest.mark.django_db
def test_successes_up_to_the_ceiling_are_learned_and_survive_a_restart() -> None:
    pk = ContractFactory().pk
    sizes = []
    while (contract := Contract.objects.get(pk=pk)).learned_batch_size is None:
        sizes.append(sizing.size_for_next(contract))
        sizing.note_success(contract, holders=sizes[-1], gas_used=90_000 * sizes[-1])

    assert sizes == [20, 30, 45, 68, 100]
    assert contract.learned_batch_size == 100
    assert sizing.gas_for(contract, holders=100) == 300_000 + 100 * 90_000 * 3 // 2
    (event,) = AuditEvent.objects.filter(noun="contract", what="batch size")
    assert (event.source, event.target, event.reason) == ("not learned", "100", "100 holders went through")


@pytest.mark.django_db
def test_a_setting_below_the_ceiling_is_enough_and_a_raised_one_is_searched_on(settings: Settings) -> None:
    settings.BATCH_SIZE = 5
    contract = BatchFactory(total=6).distribution.asset.payout_contract
    sizing.note_success(contract, holders=5, gas_used=500_000)
    assert sizing.most_in_flight(contract) is None

    settings.BATCH_SIZE = 100
    assert sizing.most_in_flight(contract) == 1
    assert sizing.size_for_next(contract) == 20


@pytest.mark.django_db
def test_a_small_call_is_not_starved_of_what_every_call_costs() -> None:
    contract = ContractFactory(learned_batch_size=20)
    BatchSizing.objects.create(contract=contract, largest_good=20, smallest_bad=22, gas_per_holder=400_000)
    full, small = sizing.gas_for(contract, holders=20), sizing.gas_for(contract, holders=1)
    assert full == 300_000 + 20 * 600_000
    assert small == 300_000 + 10 * 600_000


@pytest.mark.django_db
def test_the_tail_of_a_batch_that_was_too_small_to_learn_from_changes_nothing() -> None:
    contract = ContractFactory()
    sizing.note_success(contract, holders=30, gas_used=3_000_000)
    sizing.note_success(contract, holders=3, gas_used=2_000_000)
    row = BatchSizing.objects.get()
    assert (row.largest_good, row.gas_per_holder) == (30, 100_000)


@pytest.mark.django_db
def test_a_stale_instance_learns_on_top_of_what_others_have_stored() -> None:
    contract = ContractFactory()
    stale = Contract.objects.get()
    assert sizing.size_for_next(stale) == 20
    sizing.note_success(contract, holders=45, gas_used=None)
    sizing.note_success(stale, holders=20, gas_used=None)
    assert BatchSizing.objects.get().largest_good == 45
    assert sizing.size_for_next(stale) == 68


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "error_class", "is_size"),
    [
        ("FAILED", "INSUFFICIENT_GAS", True),
        ("FAILED", "MAX_CHILD_RECORDS_EXCEEDED", True),
        ("FAILED", "TRANSACTION_OVERSIZE", True),
        ("FAILED", "CONSENSUS_GAS_EXHAUSTED", False),
        ("FAILED", "CONTRACT_REVERT_EXECUTED", False),
        ("EXPIRED", "EXPIRED", False),
    ],
)
def test_only_what_a_smaller_call_would_mend_is_a_matter_of_size(
    status: str, error_class: str, is_size: bool
) -> None:
    call = TransactionFactory(status=status, error_class=error_class)
    assert sizing.is_too_large(call) is is_size


@pytest.mark.django_db
def test_learning_anew_forgets_everything_and_says_who_and_why() -> None:
    contract = ContractFactory(learned_batch_size=25)
    BatchSizing.objects.create(contract=contract, largest_good=25, smallest_bad=27, failures=2)

    sizing.learn_anew(contract, by="alice", reason="the contract was upgraded")

    contract.refresh_from_db()
    assert contract.learned_batch_size is None
    row = BatchSizing.objects.get()
    assert row.bracket == Bracket()
    (event,) = AuditEvent.objects.filter(noun="contract")
    assert (event.by, event.source, event.target, event.reason) == (
        "alice",
        "25",
        "not learned",
        "the contract was upgraded",
    )


@pytest.mark.django_db
def test_a_bracket_is_never_stored_upside_down() -> None:
    with pytest.raises(IntegrityError, match="sizing_good_below_bad"), transaction.atomic():
        BatchSizing.objects.create(contract=ContractFactory(), largest_good=30, smallest_bad=30)
