"""Amounts as people write them, and the one function that divides a pool."""

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation

from contracts.amounts import format_units

__all__ = [
    "BadAmount",
    "counted",
    "format_units",
    "parse_percentage",
    "parse_units",
    "percentage_of",
    "share_units",
]

# The default context rounds to 28 digits without a word; a uint256 has 78.
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
HUNDREDTHS_PER_WHOLE = 10_000


class BadAmount(ValueError):
    """The text is not an amount that can be paid; the message says what would be."""


def parse_units(text: str, *, decimals: int, symbol: str) -> int:
    """``"1250.50"`` with 6 decimals is 1250500000 base units. Raises BadAmount, never rounds."""
    value = _parse(text, example=f"1250.50 {symbol}")
    scaled = value.scaleb(decimals, EXACT)
    if scaled != scaled.to_integral_value():
        raise BadAmount(
            f"{text} has too many decimals: {symbol} has {decimals}; use at most {decimals} decimals"
        )
    if scaled.adjusted() >= 77:
        raise BadAmount(f"{text} is larger than any token amount can be")
    return int(scaled)


def parse_percentage(text: str) -> int:
    """``"12.5"`` is 1250 hundredths of a percent. Raises BadAmount."""
    value = _parse(text.removesuffix("%"), example="12.5")
    if value > 100:
        raise BadAmount(f"{text} is above 100 percent; give a percentage above 0 and up to 100")
    scaled = value.scaleb(2, EXACT)
    if scaled != scaled.to_integral_value():
        raise BadAmount(f"{text} has too many decimals; a percentage has at most 2")
    return int(scaled)


def _parse(text: str, *, example: str) -> Decimal:
    try:
        value = Decimal(text.strip().replace("_", ""))
    except InvalidOperation as error:
        raise BadAmount(f"{text!r} is not a number; write it as in {example}") from error
    if not value.is_finite() or value <= 0:
        raise BadAmount(f"the amount is {text}; give one above 0")
    return value


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 holder``, ``2,500 holders``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def share_units(*, pool_units: int, balance_units: int, supply_units: int) -> int:
    """One holder's share, rounded down as the payout contract does; what is cut off is dust of the pool."""
    return pool_units * balance_units // supply_units


def percentage_of(units: int, hundredths_of_percent: int) -> int:
    """The part of ``units``, rounded down."""
    return units * hundredths_of_percent // HUNDREDTHS_PER_WHOLE
