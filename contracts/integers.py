"""Soroban's integers: the ranges of its wire types, and an i128 as its two words. Exact, no floats.

``amounts.format_units`` shows any of them with the token's decimals, negative ones included.
"""

from dataclasses import dataclass

WORD = 2**64


@dataclass(frozen=True, slots=True)
class IntegerType:
    """A whole number from ``low`` to ``high``, both included."""

    name: str
    low: int
    high: int

    def check(self, value: int, *, field: str) -> int:
        """Returns the value. Raises ValueError naming the field if it is no int of this range."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{field} is {value!r}: give a whole number, an int of type {self.name}")
        if not self.low <= value <= self.high:
            raise ValueError(f"{field} is {value}: {self.name} goes from {self.low} to {self.high}")
        return value


U32 = IntegerType("u32", 0, 2**32 - 1)
U64 = IntegerType("u64", 0, WORD - 1)
I64 = IntegerType("i64", -(2**63), 2**63 - 1)
I128 = IntegerType("i128", -(2**127), 2**127 - 1)


def i128_from_parts(hi: int, lo: int) -> int:
    """The number whose signed high word is ``hi`` and unsigned low word ``lo``. Raises ValueError."""
    return I64.check(hi, field="hi") * WORD + U64.check(lo, field="lo")


def i128_to_parts(value: int) -> tuple[int, int]:
    """(hi, lo), the signed high and the unsigned low word. Raises ValueError outside of i128."""
    return divmod(I128.check(value, field="value"), WORD)
