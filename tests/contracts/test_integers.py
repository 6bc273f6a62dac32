"""Integers of Soroban keep every bit, and one that is out of range is refused by name."""

import struct
from fractions import Fraction
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.amounts import format_units
from contracts.integers import I64, I128, U32, U64, IntegerType, i128_from_parts, i128_to_parts

i128s = st.integers(I128.low, I128.high)
KNOWN = {
    0: (0, 0),
    1: (0, 1),
    -1: (-1, 2**64 - 1),
    2**63: (0, 2**63),
    -(2**63): (-1, 2**63),
    2**64 + 5: (1, 5),
    -(2**64) - 5: (-2, 2**64 - 5),
    2**127 - 1: (2**63 - 1, 2**64 - 1),
    -(2**127): (-(2**63), 0),
}


@pytest.mark.parametrize(("value", "parts"), KNOWN.items())
def test_the_words_of_an_i128(value: int, parts: tuple[int, int]) -> None:
    assert i128_to_parts(value) == parts
    assert i128_from_parts(*parts) == value


@given(value=i128s)
def test_an_i128_comes_back_from_its_words_and_they_are_its_bytes(value: int) -> None:
    hi, lo = i128_to_parts(value)

    assert i128_from_parts(hi, lo) == value
    assert struct.pack(">qQ", hi, lo) == value.to_bytes(16, "big", signed=True)


@given(hi=st.integers(I64.low, I64.high), lo=st.integers(0, U64.high))
def test_words_come_back_from_their_i128(hi: int, lo: int) -> None:
    assert i128_to_parts(i128_from_parts(hi, lo)) == (hi, lo)


@given(value=i128s, decimals=st.integers(0, 18))
@example(value=-(2**127), decimals=18)
@example(value=2**127 - 1, decimals=7)
@example(value=2**64 + 5, decimals=0)
@example(value=-1, decimals=18)
def test_an_i128_is_shown_to_the_last_unit(value: int, decimals: int) -> None:
    shown = format_units(value, decimals=decimals)

    assert Fraction(shown.replace(",", "")) == Fraction(value, 10**decimals)


@pytest.mark.parametrize("kind", [U32, U64, I64, I128])
def test_a_range_ends_where_the_type_ends(kind: IntegerType) -> None:
    assert kind.check(kind.low, field="x") == kind.low
    assert kind.check(kind.high, field="x") == kind.high
    for outside in (kind.low - 1, kind.high + 1):
        with pytest.raises(ValueError, match=rf"x is {outside}: {kind.name} goes from"):
            kind.check(outside, field="x")


@pytest.mark.parametrize("value", [1.0, True, "1", None])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"paid is .*: give a whole number, an int of type i128"):
        I128.check(cast(int, value), field="paid")


@pytest.mark.parametrize(
    ("hi", "lo", "words"),
    [
        (2**63, 0, "hi is"),
        (-(2**63) - 1, 0, "hi is"),
        (0, 2**64, "lo is"),
        (0, -1, "lo is -1: u64 goes from 0"),
    ],
)
def test_words_that_are_none_are_refused(hi: int, lo: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        i128_from_parts(hi, lo)


@pytest.mark.parametrize("value", [2**127, -(2**127) - 1])
def test_a_number_beyond_128_bits_has_no_words(value: int) -> None:
    with pytest.raises(ValueError, match="i128 goes from"):
        i128_to_parts(value)
