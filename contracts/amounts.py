"""Amounts as people read and write them: exact, never rounded."""

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation

# The default context rounds to 28 digits without a word; a uint256 has 78.
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


class BadAmount(ValueError):
    """The text is not an amount that can be meant; the message says what would be."""


def format_units(units: int, *, decimals: int, symbol: str = "") -> str:
    """1250500000 with 6 decimals is ``1,250.50``: exact, with at least two decimals where the token has them."""
    sign, digits = ("-" if units < 0 else ""), str(abs(units)).rjust(decimals + 1, "0")
    whole, fraction = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    shown = fraction.rstrip("0").ljust(min(2, decimals), "0")
    text = f"{sign}{int(whole):,}" + (f".{shown}" if shown else "")
    return f"{text} {symbol}".strip()


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 holder``, ``2,500 holders``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def parse_units(text: str, *, decimals: int, symbol: str) -> int:
    """``"1250.50"`` with 6 decimals is 1250500000 base units. Raises BadAmount, never rounds."""
    value = parse_decimal(text, example=f"1250.50 {symbol}")
    scaled = value.scaleb(decimals, EXACT)
    if scaled != scaled.to_integral_value():
        raise BadAmount(
            f"{text} has too many decimals: {symbol} has {decimals}; use at most {decimals} decimals"
        )
    if scaled.adjusted() >= 77:
        raise BadAmount(f"{text} is larger than any token amount can be")
    return int(scaled)


def parse_decimal(text: str, *, example: str) -> Decimal:
    """A number above 0, exactly as written. Raises BadAmount."""
    try:
        value = Decimal(text.strip().replace("_", ""))
    except InvalidOperation as error:
        raise BadAmount(f"{text!r} is not a number; write it as in {example}") from error
    if not value.is_finite() or value <= 0:
        raise BadAmount(f"the amount is {text}; give one above 0")
    return value
