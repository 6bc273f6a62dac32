"""Amounts as people read them: exact, never rounded."""


def format_units(units: int, *, decimals: int, symbol: str = "") -> str:
    """1250500000 with 6 decimals is ``1,250.50``: exact, with at least two decimals where the token has them."""
    sign, digits = ("-" if units < 0 else ""), str(abs(units)).rjust(decimals + 1, "0")
    whole, fraction = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    shown = fraction.rstrip("0").ljust(min(2, decimals), "0")
    text = f"{sign}{int(whole):,}" + (f".{shown}" if shown else "")
    return f"{text} {symbol}".strip()
