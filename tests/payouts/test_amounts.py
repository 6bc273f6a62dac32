"""Amounts are exact: what is read is what was written, and what is divided adds up again."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.fields import UnitsField
from payouts.amounts import BadAmount, format_units, parse_percentage, parse_units, percentage_of, share_units

UINT256 = 2**256 - 1
decimals_of_tokens = st.integers(0, 30)
positive_units = st.integers(1, 10**77 - 1)


@given(units=positive_units, decimals=decimals_of_tokens)
def test_what_is_written_is_read_back_to_the_last_unit(units: int, decimals: int) -> None:
    text = format_units(units, decimals=decimals, symbol="USDC").removesuffix(" USDC").replace(",", "")

    assert parse_units(text, decimals=decimals, symbol="USDC") == units


@given(units=positive_units, decimals=st.integers(0, 30))
def test_no_digit_is_rounded_away_however_long_the_number(units: int, decimals: int) -> None:
    text = f"{units}.{'0' * decimals}1"

    with pytest.raises(BadAmount, match="too many decimals"):
        parse_units(text, decimals=decimals, symbol="USDC")


@given(units=positive_units, decimals=decimals_of_tokens)
def test_amounts_are_read_as_fractions_would_be(units: int, decimals: int) -> None:
    text = f"{units}e{-decimals // 2}"
    exact = Fraction(units) * 10 ** (decimals + -decimals // 2)
    if exact >= 10**77:
        with pytest.raises(BadAmount, match="larger than any"):
            parse_units(text, decimals=decimals, symbol="X")
    else:
        assert parse_units(text, decimals=decimals, symbol="X") == exact


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "give one above 0"),
        ("0.000000", "give one above 0"),
        ("-5", "give one above 0"),
        ("NaN", "give one above 0"),
        ("sNaN", "give one above 0"),
        ("Infinity", "give one above 0"),
        ("ten", "is not a number; write it as in 1250.50 USDC"),
        ("1,000", "is not a number"),
        ("", "is not a number"),
        ("0.0000001", "use at most 6 decimals"),
        ("1e-999999", "too many decimals"),
        ("1e999999", "larger than any token amount"),
        ("1" * 78, "larger than any token amount"),
    ],
)
def test_an_amount_that_cannot_be_paid_is_refused_with_the_fix(text: str, words: str) -> None:
    with pytest.raises(BadAmount, match=words):
        parse_units(text, decimals=6, symbol="USDC")


@pytest.mark.parametrize(
    ("text", "hundredths"), [("12.5", 1250), ("100", 10_000), ("0.01", 1), ("12.5%", 1250)]
)
def test_a_percentage_is_hundredths_of_a_percent(text: str, hundredths: int) -> None:
    assert parse_percentage(text) == hundredths


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("100.01", "above 100 percent"),
        ("0", "above 0"),
        ("-1", "above 0"),
        ("0.001", "at most 2"),
        ("99." + "9" * 40, "at most 2"),
        ("half", "not a number"),
    ],
)
def test_a_percentage_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadAmount, match=words):
        parse_percentage(text)


@given(pool=st.integers(0, UINT256), balances=st.lists(st.integers(0, UINT256), min_size=1, max_size=50))
def test_shares_and_dust_are_the_pool_and_no_share_exceeds_its_part(pool: int, balances: list[int]) -> None:
    supply = max(1, sum(balances))
    shares = [share_units(pool_units=pool, balance_units=one, supply_units=supply) for one in balances]

    dust = pool - sum(shares)
    assert dust >= 0
    if sum(balances):
        assert dust < len(balances)
    for share, balance in zip(shares, balances, strict=True):
        assert share <= Fraction(pool * balance, supply) < share + 1


@given(units=st.integers(0, UINT256), hundredths=st.integers(1, 10_000))
def test_a_percentage_is_rounded_down_and_never_more_than_the_whole(units: int, hundredths: int) -> None:
    part = percentage_of(units, hundredths)

    assert part <= Fraction(units * hundredths, 10_000) < part + 1
    assert part <= units


@pytest.mark.parametrize(
    ("units", "decimals", "shown"),
    [
        (1_250_500_000, 6, "1,250.50 USDC"),
        (1, 6, "0.000001 USDC"),
        (-1_500_000, 6, "-1.50 USDC"),
        (0, 6, "0.00 USDC"),
        (1_234, 0, "1,234 USDC"),
        (15, 1, "1.5 USDC"),
        (UINT256, 18, f"{UINT256 // 10**18:,}.{UINT256 % 10**18} USDC"),
    ],
)
def test_amounts_are_shown_exactly(units: int, decimals: int, shown: str) -> None:
    assert format_units(units, decimals=decimals, symbol="USDC") == shown


def test_a_float_never_enters_a_money_column() -> None:
    with pytest.raises(TypeError, match="a float never enters"):
        UnitsField().get_prep_value(1.0)
