"""How much a mirror node is asked for at once: half after a failure or a slow answer, twice as much after fast ones."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

SLOW_SECONDS, FAST_SECONDS = 5.0, 1.0


class Pace:
    """``amount`` is what is asked for now; ``learned`` what to ask for next time, by the slowest answer of this time.

    The unit is the caller's: logs of a page, or seconds of a search.
    """

    def __init__(self, amount: int, *, least: int, most: int) -> None:
        self.amount = min(max(amount, least), most)
        self._least, self._most = least, most
        self._slowest = 0.0
        self._has_failed = False

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Around one answer. Whatever is raised counts as a failure."""
        begun = time.monotonic()
        try:
            yield
        except Exception:
            self._has_failed = True
            raise
        finally:
            self._slowest = max(self._slowest, time.monotonic() - begun)

    @property
    def learned(self) -> int:
        if self._has_failed or self._slowest >= SLOW_SECONDS:
            return max(self._least, self.amount // 2)
        return min(self._most, self.amount * 2) if self._slowest <= FAST_SECONDS else self.amount
