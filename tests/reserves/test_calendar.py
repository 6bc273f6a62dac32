"""The calendar of obligations against a model of the contract: what is due is what the contract would pay."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reserves.calendar import (
    Due,
    Instalment,
    due_by,
    due_within,
    first_due_ts,
    forecast,
    remaining_units,
    schedule,
    units_of_next,
)
from reserves.investments import ReturnType
from tests.reserves.investment_contract import (
    DAY,
    MONTH,
    T0,
    WEEK,
    ModelContract,
    contracts,
    terms_of,
    waits,
)

DEPOSITED = 9_950_000_000  # 995 with 7 decimals: 1,000 at 6 % less commission
COUPON = 49_750_000  # 4.975
horizons = st.integers(0, 400 * DAY)


def only_one(*, months: int = 12, block_days: int = 0) -> ModelContract:
    contract = ModelContract(terms_of(months=months, block_days=block_days))
    contract.invest(DEPOSITED)
    return contract


def test_a_coupon_ends_with_its_principal() -> None:
    contract = only_one(months=12)
    (one,) = contract.investments

    instalments = list(schedule(one))

    assert [each.units for each in instalments] == [COUPON] * 11 + [9_999_750_000]  # 999.975
    assert instalments[0] == Instalment(number=1, due_ts=T0, units=COUPON)
    assert instalments[-1] == Instalment(number=12, due_ts=T0 + 11 * MONTH, units=COUPON + DEPOSITED)


def test_a_reverse_loan_pays_principal_and_interest_in_equal_parts_and_keeps_the_rest() -> None:
    contract = ModelContract(terms_of(rate=1_000, months=7, kind=ReturnType.REVERSE_LOAN))
    contract.invest(1_000)
    (one,) = contract.investments

    assert {each.units for each in schedule(one)} == {157}
    assert remaining_units(one) == 1_099  # of 1,100


def test_nothing_is_due_before_the_block_period_ends() -> None:
    contract = only_one(block_days=180)
    end = T0 + 180 * DAY

    assert due_within(contract.investments, end - WEEK - 1, WEEK).lines == ()
    (line,) = due_within(contract.investments, end - WEEK, WEEK).lines
    assert line == Due(
        token_id=0,
        first_due_ts=end,
        arrears_count=0,
        arrears_units=0,
        upcoming_count=1,
        upcoming_units=COUPON,
    )
    assert due_within(contract.investments, end, WEEK).arrears_units == COUPON


def test_without_a_block_period_the_first_instalment_is_due_at_once() -> None:
    contract = only_one()

    assert due_within(contract.investments, T0, 0).arrears_units == COUPON


def test_days_are_counted_from_the_actual_payment() -> None:
    contract = only_one()
    contract.wait(12 * DAY)
    contract.pay(0)
    (one,) = contract.investments

    assert first_due_ts(one) == T0 + 12 * DAY + MONTH
    assert due_by(one, T0 + 12 * DAY + MONTH - 1) == 0
    assert due_by(one, T0 + 12 * DAY + MONTH) == 1


def test_an_investor_three_months_late_is_owed_three() -> None:
    contract = only_one()
    contract.pay(0)
    contract.wait(3 * MONTH)

    due = due_within(contract.investments, contract.now, WEEK)

    assert (due.arrears_units, due.upcoming_units) == (3 * COUPON, 0)
    assert contract.claim(0) == 3 * COUPON


def test_arrears_end_with_the_term() -> None:
    contract = only_one(months=2)
    contract.wait(50 * MONTH)

    (line,) = due_within(contract.investments, contract.now, WEEK).lines

    assert (line.arrears_count, line.arrears_units) == (2, 9_950_000_000 + 2 * 298_500_000)
    assert line.upcoming_count == 0


def test_a_finished_investment_is_owed_nothing_for_ever() -> None:
    contract = only_one(months=1)
    contract.pay(0)
    (one,) = contract.investments

    assert (first_due_ts(one), remaining_units(one), list(schedule(one))) == (None, 0, [])
    assert due_within(contract.investments, contract.now + 500 * DAY, 500 * DAY).lines == ()


def test_a_forecast_answers_by_days_each_with_the_arrears() -> None:
    contract = only_one()
    contract.wait(1)

    shown = {
        days: (due.arrears_units, due.upcoming_units)
        for days, due in forecast(contract.investments, contract.now).items()
    }

    assert shown == {7: (COUPON, 0), 30: (COUPON, COUPON), 90: (COUPON, 3 * COUPON)}


def test_an_investment_given_twice_is_refused() -> None:
    contract = only_one()

    with pytest.raises(ValueError, match="token_id 0 comes twice"):
        due_within(contract.investments * 2, T0, WEEK)


def test_investments_of_two_contracts_are_refused() -> None:
    other = only_one(months=3)
    other.invest(5)

    with pytest.raises(ValueError, match="terms of token_id 1 differ"):
        due_within([only_one().investments[0], other.investments[1]], T0, WEEK)


@pytest.mark.parametrize(("now", "horizon", "field"), [(-1, WEEK, "now"), (T0, -1, "horizon_seconds")])
def test_a_time_before_all_time_is_refused(now: int, horizon: int, field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} is -1: u64"):
        due_within([], now, horizon)


def test_more_instalments_than_are_left_have_no_amount() -> None:
    with pytest.raises(ValueError, match="count is 13: 12 instalments are left"):
        units_of_next(only_one().investments[0], 13)


def test_a_term_of_any_length_costs_no_loop() -> None:
    contract = ModelContract(terms_of(months=2**32 - 1, kind=ReturnType.REVERSE_LOAN))
    contract.invest(10**30)

    (line,) = due_within(contract.investments, T0 + 10**18, WEEK).lines

    assert line.arrears_count == 2**32 - 1


@given(contract=contracts())
def test_arrears_are_what_a_claim_takes(contract: ModelContract) -> None:
    due = {line.token_id: line for line in due_within(contract.investments, contract.now, 0).lines}
    for one in list(contract.investments):
        owed = due[one.token_id].arrears_units if one.token_id in due else 0
        assert contract.claim(one.token_id) == owed


@given(contract=contracts())
def test_a_payment_is_accepted_exactly_when_there_are_arrears(contract: ModelContract) -> None:
    for one in list(contract.investments):
        arrears = due_by(one, contract.now)
        contract.pay(one.token_id)
        was_paid = contract.investments[one.token_id].payments_transferred > one.payments_transferred
        assert was_paid == (arrears > 0)


@given(contract=contracts(), horizon=horizons, moves=st.lists(st.tuples(waits, st.booleans()), max_size=8))
def test_nobody_can_take_more_by_a_time_than_is_due_by_it(
    contract: ModelContract, horizon: int, moves: list[tuple[int, bool]]
) -> None:
    until = contract.now + horizon
    due = due_within(contract.investments, contract.now, horizon)
    taken = {one.token_id: 0 for one in contract.investments}
    for wait, is_claim in moves:
        contract.wait(min(wait, until - contract.now))
        for token_id in taken:
            taken[token_id] += contract.claim(token_id) if is_claim else contract.pay(token_id)

    owed = {line.token_id: line.units for line in due.lines}
    assert all(units <= owed.get(token_id, 0) for token_id, units in taken.items())


@given(contract=contracts(), horizon=horizons)
def test_who_waits_until_a_time_can_take_all_that_is_due_by_it(contract: ModelContract, horizon: int) -> None:
    due = due_within(contract.investments, contract.now, horizon)
    later = deepcopy(contract)
    later.wait(horizon)

    assert sum(later.claim(one.token_id) for one in contract.investments) == due.units


@given(contract=contracts(), horizon=horizons)
def test_sums_are_the_schedule_cut_at_now_and_at_the_horizon(contract: ModelContract, horizon: int) -> None:
    now = contract.now
    due = due_within(contract.investments, now, horizon)

    plan = [each for one in contract.investments for each in schedule(one)]
    assert due.arrears_units == sum(each.units for each in plan if each.due_ts <= now)
    assert due.upcoming_units == sum(each.units for each in plan if now < each.due_ts <= now + horizon)
    assert due.units == sum(line.units for line in due.lines)


@given(contract=contracts())
def test_paying_by_the_schedule_pays_all_that_remains(contract: ModelContract) -> None:
    for one in list(contract.investments):
        paid = 0
        while (due_ts := first_due_ts(contract.investments[one.token_id])) is not None:
            contract.wait(max(0, due_ts - contract.now))
            paid += contract.pay(one.token_id)
        assert paid == remaining_units(one) == sum(each.units for each in schedule(one))


@given(contract=contracts())
def test_a_longer_look_sees_at_least_as_much(contract: ModelContract) -> None:
    week, month, quarter = forecast(contract.investments, contract.now).values()

    assert week.units <= month.units <= quarter.units
    assert week.arrears_units == month.arrears_units == quarter.arrears_units
