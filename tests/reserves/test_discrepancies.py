"""The contract's own answer, flaws included, and the reasons that turn it into the calendar's to the last unit."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.integers import I128
from reserves.calendar import due_within
from reserves.discrepancies import (
    Cause,
    ClaimsBy,
    Reason,
    compare,
    contract_answer,
    explain,
    missing_units,
    own_answer,
)
from reserves.investments import ReturnType
from tests.reserves.investment_contract import DAY, MONTH, WEEK, ModelContract, contracts, terms_of

COUPON = 49_750_000
DEPOSITED = 9_950_000_000
horizons = st.one_of(st.just(WEEK), st.integers(0, 120 * DAY))
reserves = st.one_of(st.just(0), st.integers(-(10**9), 10**31), st.integers(I128.low, I128.high))
DEPLOYED = (ClaimsBy.TOKEN_ID, ClaimsBy.ADDRESS)
keyings = st.sampled_from(DEPLOYED)
TOO_HIGH = {Cause.FINISHED, Cause.BLOCK_IGNORED}
TOO_LOW = {Cause.NOT_FORESEEN, Cause.OVERWRITTEN, Cause.COUNTED_ONCE, Cause.PRINCIPAL}


def coupon(*, months: int = 12, block_days: int = 0, payments: int = 0) -> ModelContract:
    contract = ModelContract(terms_of(months=months, block_days=block_days))
    contract.invest(DEPOSITED)
    contract.wait(block_days * DAY)
    for _ in range(payments):
        contract.pay(0)
        contract.wait(MONTH)
    return contract


def reasons_of(contract: ModelContract, claims_by: ClaimsBy = ClaimsBy.TOKEN_ID) -> dict[Cause, int]:
    difference = compare(contract.investments, contract.now, 0, claims_by=claims_by)
    return {reason.cause: reason.units for reason in explain(difference)}


def answers(contract: ModelContract, reserve: int = 0) -> tuple[int, int]:
    """The contract's and the calendar's."""
    return (
        contract_answer(contract.investments, contract.now, reserve),
        own_answer(contract.investments, contract.now, reserve),
    )


def test_both_agree_on_one_instalment_in_time() -> None:
    contract = coupon(payments=1)
    contract.wait(-WEEK)

    assert answers(contract) == (COUPON, COUPON)
    assert answers(contract, reserve=COUPON - 1) == (1, 1)
    assert answers(contract, reserve=COUPON) == (0, 0)
    assert reasons_of(contract) == {}


def test_a_claim_is_next_from_the_very_second_seven_days_before() -> None:
    contract = coupon(payments=1)
    contract.wait(-WEEK - 1)
    assert answers(contract) == (0, 0)


def test_a_finished_investment_is_counted_from_day_23_for_ever() -> None:
    contract = coupon(months=1, payments=1)
    contract.wait(-WEEK - 1)
    assert answers(contract) == (0, 0)

    contract.wait(1 + 5_000 * DAY)

    units = contract.investments[0].regular_payment
    assert answers(contract) == (units, 0)
    assert reasons_of(contract) == {Cause.FINISHED: units}


def test_a_block_period_is_ignored_for_five_months() -> None:
    contract = coupon(block_days=180)
    for day, wanted in ((22, (0, 0)), (23, (COUPON, 0)), (172, (COUPON, 0)), (173, (COUPON, COUPON))):
        contract.now = contract.investments[0].invested_ts + day * DAY
        assert answers(contract) == wanted
    contract.wait(-DAY)
    assert reasons_of(contract) == {Cause.BLOCK_IGNORED: COUPON}


def test_a_first_instalment_is_not_foreseen_for_23_days() -> None:
    contract = coupon()
    contract.wait(23 * DAY - 1)
    assert answers(contract) == (0, COUPON)
    assert reasons_of(contract) == {Cause.NOT_FORESEEN: -COUPON}


def test_a_last_coupon_hides_the_principal() -> None:
    contract = coupon(payments=11)

    assert answers(contract) == (COUPON, COUPON + DEPOSITED)  # 4.975 instead of 999.975
    assert reasons_of(contract) == {Cause.PRINCIPAL: -DEPOSITED}


def test_arrears_are_counted_once() -> None:
    contract = coupon(payments=1)
    contract.wait(2 * MONTH)

    assert answers(contract) == (COUPON, 3 * COUPON)
    assert reasons_of(contract) == {Cause.COUNTED_ONCE: -2 * COUPON}


def test_a_second_investment_of_an_address_hides_the_first_in_the_older_version() -> None:
    contract = coupon(payments=1)
    contract.invest(DEPOSITED)

    assert reasons_of(contract, ClaimsBy.ADDRESS) == {
        Cause.OVERWRITTEN: -COUPON,
        Cause.NOT_FORESEEN: -COUPON,
    }
    assert reasons_of(contract) == {Cause.NOT_FORESEEN: -COUPON}


def test_a_payment_of_the_first_investment_hides_the_second_in_the_older_version() -> None:
    contract = coupon(payments=1)
    contract.wait(-DAY)
    contract.invest(DEPOSITED)
    contract.wait(DAY)
    contract.pay(0)
    contract.wait(MONTH - WEEK)

    older = contract_answer(contract.investments, contract.now, 0, claims_by=ClaimsBy.ADDRESS)

    assert older == contract.check(0, is_older=True) == COUPON
    assert reasons_of(contract, ClaimsBy.ADDRESS)[Cause.OVERWRITTEN] == -COUPON


def test_an_overwritten_claim_that_was_wrong_needs_no_reason() -> None:
    contract = coupon(months=1, payments=1)
    contract.invest(DEPOSITED)

    assert reasons_of(contract, ClaimsBy.ADDRESS).keys() == {Cause.NOT_FORESEEN, Cause.PRINCIPAL}


@pytest.mark.parametrize(("horizon", "units"), [(61 * DAY, -2 * COUPON), (WEEK, 0), (0, COUPON)])
def test_looking_further_or_less_far_than_the_contract_is_a_reason(horizon: int, units: int) -> None:
    contract = coupon(payments=1)
    difference = compare(contract.investments, contract.now - 1, 0, horizon_seconds=horizon)

    assert explain(difference) == ([Reason(Cause.HORIZON, units, (0,))] if units else [])


def test_what_a_shorter_look_leaves_out_is_not_said_to_be_counted_once() -> None:
    contract = coupon(payments=1)
    contract.wait(25 * DAY)  # one instalment is late, the next one is due in five days

    assert explain(compare(contract.investments, contract.now, 0, horizon_seconds=0)) == []
    assert reasons_of(contract) == {Cause.COUNTED_ONCE: -COUPON}


def test_the_reserve_takes_back_what_it_covers() -> None:
    contract = coupon(payments=11)
    difference = compare(contract.investments, contract.now, COUPON + 5)

    assert (difference.contract_units, difference.own_units) == (0, DEPOSITED - 5)
    assert explain(difference) == [
        Reason(Cause.PRINCIPAL, -DEPOSITED, (0,)),
        Reason(Cause.RESERVE, 5, ()),
    ]


def test_a_deficit_of_more_than_64_bits_is_exact() -> None:
    contract = ModelContract(terms_of(kind=ReturnType.REVERSE_LOAN, months=1))
    contract.invest(2**120)
    contract.wait(23 * DAY)

    assert contract_answer(contract.investments, contract.now, 1) == 2**120 + 2**120 * 600 // 10_000 - 1


def test_every_cause_has_words() -> None:
    assert all(cause.words for cause in Cause)


def test_a_contract_nobody_invested_in_lacks_nothing() -> None:
    assert compare([], 0, -5).units == 0
    assert contract_answer([], 0, -5) == own_answer([], 0, -5) == 0


def test_addresses_are_demanded_where_the_claims_are_kept_by_address() -> None:
    contract = ModelContract(terms_of())
    contract.invest(DEPOSITED, holder="")

    with pytest.raises(ValueError, match="holder of token_id 0 is empty"):
        contract_answer(contract.investments, contract.now, 0, claims_by=ClaimsBy.ADDRESS)


def test_a_reserve_no_contract_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="reserve_units is"):
        missing_units(1, 2**127)


@given(contract=contracts(), reserve=reserves)
def test_the_contracts_answer_is_computed_exactly(contract: ModelContract, reserve: int) -> None:
    for claims_by in DEPLOYED:
        answer = contract_answer(contract.investments, contract.now, reserve, claims_by=claims_by)
        assert answer == contract.check(reserve, is_older=claims_by is ClaimsBy.ADDRESS)


@given(contract=contracts(), reserve=reserves, horizon=horizons, claims_by=keyings)
def test_reasons_add_up_to_the_difference(
    contract: ModelContract, reserve: int, horizon: int, claims_by: ClaimsBy
) -> None:
    difference = compare(
        contract.investments, contract.now, reserve, horizon_seconds=horizon, claims_by=claims_by
    )

    reasons = explain(difference)
    assert sum(reason.units for reason in reasons) == difference.units
    assert difference.contract_units == contract_answer(
        contract.investments, contract.now, reserve, claims_by=claims_by
    )
    assert difference.own_units == own_answer(
        contract.investments, contract.now, reserve, horizon_seconds=horizon
    )
    assert len({reason.cause for reason in reasons}) == len(reasons)


@given(contract=contracts(), reserve=reserves, horizon=horizons, claims_by=keyings)
def test_findings_add_up_to_the_difference_of_needs_for_each_investment(
    contract: ModelContract, reserve: int, horizon: int, claims_by: ClaimsBy
) -> None:
    difference = compare(
        contract.investments, contract.now, reserve, horizon_seconds=horizon, claims_by=claims_by
    )

    total = sum(finding.units for finding in difference.findings)
    assert total == difference.contract_need_units - difference.own_need_units


@given(contract=contracts(), horizon=horizons, claims_by=keyings)
def test_a_cause_errs_in_its_own_direction(
    contract: ModelContract, horizon: int, claims_by: ClaimsBy
) -> None:
    difference = compare(contract.investments, contract.now, 0, horizon_seconds=horizon, claims_by=claims_by)
    for finding in difference.findings:
        assert finding.units != 0
        assert finding.cause not in TOO_LOW or finding.units < 0
        assert finding.cause not in TOO_HIGH or finding.units > 0


@given(contract=contracts())
def test_the_newest_version_overwrites_nothing_and_seven_days_are_no_reason(contract: ModelContract) -> None:
    causes = {one.cause for one in compare(contract.investments, contract.now, 0).findings}
    assert not causes & {Cause.OVERWRITTEN, Cause.HORIZON}


@given(contract=contracts(), claims_by=keyings)
def test_without_a_reason_both_count_the_same(contract: ModelContract, claims_by: ClaimsBy) -> None:
    difference = compare(contract.investments, contract.now, 0, claims_by=claims_by)
    assume(not explain(difference))

    assert difference.contract_units == due_within(contract.investments, contract.now, WEEK).units
