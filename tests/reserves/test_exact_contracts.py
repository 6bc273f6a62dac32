"""Paydate's own contract: the last instalment brings the rest, and its check counts what our calendar counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reserves.calendar import due_within, remaining_units, schedule
from reserves.discrepancies import Cause, ClaimsBy, compare, explain
from reserves.investments import DAY_SECONDS, PERIOD_SECONDS, Investment, ReturnType, Status, Terms

FIRST_DUE = 20_000 * DAY_SECONDS
WEEK = 7 * DAY_SECONDS


def terms(kind: ReturnType = ReturnType.REVERSE_LOAN, *, rate: int = 500, months: int = 12) -> Terms:
    return Terms(
        rate_basis_points=rate, return_months=months, return_type=kind, claim_block_seconds=0, pays_rest=True
    )


def paid(made: Terms, deposited: int, count: int, token_id: int = 1) -> Investment:
    """After so many payments, whose times are those at which they were due."""
    interest, regular = made.interest_units(deposited), made.instalment_units(deposited)
    total, is_over = deposited + interest, count == made.return_months
    started = Status.CASH_FLOWING if count else Status.CLAIMABLE
    return Investment(
        terms=made,
        token_id=token_id,
        deposited=deposited,
        accumulated_interests=interest,
        total=total,
        claimable_ts=FIRST_DUE,
        last_transfer_ts=FIRST_DUE + (count - 1) * PERIOD_SECONDS if count else 0,
        status=Status.FINISHED if is_over else started,
        regular_payment=regular,
        paid=total if is_over else count * regular,
        payments_transferred=count,
    )


@pytest.mark.parametrize("kind", ReturnType)
def test_all_that_was_promised_is_paid(kind: ReturnType) -> None:
    made = paid(terms(kind), 9_958_333_334, 0)
    parts = list(schedule(made))
    assert sum(part.units for part in parts) == made.total == remaining_units(made)
    # What the contract itself paid in its last instalment, in its own tests.
    assert parts[-1].units == {ReturnType.REVERSE_LOAN: 871_354_174, ReturnType.COUPON: 9_999_826_395}[kind]
    assert [part.due_ts for part in parts[:2]] == [FIRST_DUE, FIRST_DUE + PERIOD_SECONDS]


def test_a_finished_one_has_paid_its_total() -> None:
    made = paid(terms(), 9_958_333_334, 12)
    assert remaining_units(made) == 0
    with pytest.raises(ValueError, match="paid is"):
        Investment(**{name: getattr(made, name) for name in made.__slots__} | {"paid": made.total - 8})


@given(
    kind=st.sampled_from(ReturnType),
    months=st.integers(1, 15),
    deposits=st.lists(st.tuples(st.integers(1, 10**13), st.integers(0, 15)), min_size=1, max_size=5),
    days=st.integers(-40, 500),
    reserve=st.integers(0, 10**12),
    horizon_days=st.integers(0, 90),
)
def test_contract_and_calendar_differ_by_the_horizon_only(
    kind: ReturnType, months: int, deposits: list[tuple[int, int]], days: int, reserve: int, horizon_days: int
) -> None:
    made = terms(kind, months=months)
    investments = [
        paid(made, deposited, min(count, months), token_id)
        for token_id, (deposited, count) in enumerate(deposits, start=1)
    ]
    now, by = FIRST_DUE + days * DAY_SECONDS, ClaimsBy.SCHEDULE
    same = compare(investments, now, reserve, claims_by=by)
    assert same.contract_units == same.own_units
    assert same.own_need_units == due_within(investments, now, WEEK).units
    assert explain(same) == []
    other = compare(investments, now, reserve, horizon_seconds=horizon_days * DAY_SECONDS, claims_by=by)
    assert {reason.cause for reason in explain(other)} <= {Cause.HORIZON, Cause.RESERVE}
    assert sum(reason.units for reason in explain(other)) == other.units
