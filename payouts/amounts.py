"""Amounts as people write them, and the one function that divides a pool."""

from contracts.amounts import EXACT, BadAmount, counted, format_units, parse_decimal, parse_units

__all__ = [
    "BadAmount",
    "counted",
    "format_units",
    "parse_percentage",
    "parse_units",
    "percentage_of",
    "share_units",
]

HUNDREDTHS_PER_WHOLE = 10_000


def parse_percentage(text: str) -> int:
    """``"12.5"`` is 1250 hundredths of a percent. Raises BadAmount."""
    value = parse_decimal(text.removesuffix("%"), example="12.5")
    if value > 100:
        raise BadAmount(f"{text} is above 100 percent; give a percentage above 0 and up to 100")
    scaled = value.scaleb(2, EXACT)
    if scaled != scaled.to_integral_value():
        raise BadAmount(f"{text} has too many decimals; a percentage has at most 2")
    return int(scaled)


def share_units(*, pool_units: int, balance_units: int, supply_units: int) -> int:
    """One holder's share, rounded down as the payout contract does; what is cut off is dust of the pool."""
    return pool_units * balance_units // supply_units


def percentage_of(units: int, hundredths_of_percent: int) -> int:
    """The part of ``units``, rounded down."""
    return units * hundredths_of_percent // HUNDREDTHS_PER_WHOLE
