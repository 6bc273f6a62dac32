"""The one place that knows what time it is.

Development settings name a callable in ``CLOCK_OFFSET`` that gives the devnet's common offset, so that
``manage.py devnet advance 300`` moves Paydate and the local chain together.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

NANOSECONDS = 1_000_000_000


@cache
def _offset(path: str) -> Callable[[], int]:
    return import_string(path)  # type: ignore[no-any-return]


def now_ns() -> int:
    """Nanoseconds since the epoch, UTC, as an integer: a float would lose the last digits."""
    path = settings.CLOCK_OFFSET
    return time.time_ns() + (_offset(path)() if path else 0)


def now() -> datetime:
    """The present moment, aware, UTC."""
    return from_ns(now_ns())


def from_ns(nanoseconds: int) -> datetime:
    """An aware datetime, rounded down to microseconds; the exact value stays with the integer."""
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=rest // 1000)


def consensus_text(nanoseconds: int) -> str:
    """``seconds.nanoseconds`` as the mirror node writes it, always nine digits after the point."""
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    return f"{seconds}.{rest:09d}"


def consensus_ns(text: str) -> int:
    """The integer nanoseconds of a consensus time ``seconds.nanoseconds``."""
    seconds, _, rest = text.partition(".")
    return int(seconds) * NANOSECONDS + int(rest.ljust(9, "0"))
