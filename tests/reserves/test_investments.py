"""What was read wrongly is refused with the field's name and the fix, before anything is computed from it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from reserves.investments import Investment, ReturnType, Status
from tests.reserves.investment_contract import DAY, MONTH, T0, ModelContract, contracts, terms_of


def made(*, payments: int = 0, months: int = 12) -> Investment:
    """995 deposited at 6 %, with 7 decimals."""
    contract = ModelContract(terms_of(months=months, block_days=30))
    contract.invest(9_950_000_000)
    for _ in range(payments):
        contract.wait(MONTH)
        contract.pay(0)
    return contract.investments[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate_basis_points": 0}, "rate_basis_points is 0: it is above 0"),
        ({"rate_basis_points": 2**32}, "rate_basis_points is 4294967296: u32 goes from"),
        ({"return_months": 0}, "return_months is 0: it is above 0"),
        ({"return_months": 12.0}, "return_months is 12.0: give a whole number"),
        ({"return_type": 3}, "return_type is 3: give 1"),
        ({"claim_block_seconds": 180}, "claim_block_seconds is 180: .* give claim_block_days x 86400"),
        ({"claim_block_seconds": -DAY}, "claim_block_seconds is -86400: u64"),
    ],
)
def test_terms_no_contract_has_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(terms_of(), **change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token_id": -1}, "token_id is -1: u32"),
        ({"deposited": 995.0}, "deposited is 995.0: give a whole number, an int of type i128"),
        ({"deposited": -1}, "deposited is -1: it is never negative"),
        ({"deposited": 2**127}, "deposited is .*: i128 goes from"),
        (
            {"accumulated_interests": 1},
            "accumulated_interests is 1: the terms give 597000000; read terms and",
        ),
        ({"total": 1}, "total is 1: the terms give 10547000000"),
        ({"regular_payment": 1}, "regular_payment is 1: the terms give 49750000"),
        ({"payments_transferred": 13}, "payments_transferred is 13: the terms allow 12"),
        ({"payments_transferred": 2}, "paid is 49750000: 2 payments make 99500000"),
        ({"status": 3}, "status is 3: the chain knows 1, 2, 4 and 5"),
        ({"status": Status.FINISHED}, "status is .*: 1 of 12 payments were made"),
        ({"last_transfer_ts": 0}, "last_transfer_ts is 0: it is 0 before the first payment"),
        ({"last_transfer_ts": T0}, f"last_transfer_ts is {T0}: .* never before claimable_ts"),
        ({"claimable_ts": 30}, "claimable_ts is 30: .* give both in seconds"),
        ({"claimable_ts": 2**64}, "claimable_ts is .*: u64"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(made(payments=1), **change)


def test_a_payment_time_without_a_payment_is_refused() -> None:
    with pytest.raises(ValueError, match="last_transfer_ts"):
        replace(made(), last_transfer_ts=T0 + MONTH)


def test_a_finished_coupon_has_paid_its_principal() -> None:
    one = made(payments=2, months=2)

    assert one.is_finished
    with pytest.raises(ValueError, match="paid is"):
        replace(one, paid=one.paid - one.deposited)


def test_the_principal_of_a_reverse_loan_is_in_its_instalments() -> None:
    terms = terms_of(kind=ReturnType.REVERSE_LOAN)

    assert (terms.interest_units(995), terms.instalment_units(995)) == (59, 87)


@given(contract=contracts())
def test_whatever_the_contract_does_can_be_read(contract: ModelContract) -> None:
    for one in contract.investments:
        assert one.instalments_left + one.payments_transferred == contract.terms.return_months
        assert one.is_finished == (one.status == Status.FINISHED)
        assert one.invested_ts >= T0
