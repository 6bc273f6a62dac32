"""What custody was asked: the last requests, when they came, and the rate limit over them."""

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

REMEMBERED_REQUESTS = 5_000
REMEMBERED_TIMES = 200_000
WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    method: str
    path: str
    external_id: str


class Traffic:
    """Thread-safe. Times are those of `time.monotonic`, which all processes of one machine share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: deque[Seen] = deque(maxlen=REMEMBERED_REQUESTS)
        self._times: deque[float] = deque(maxlen=REMEMBERED_TIMES)
        self._recent: deque[float] = deque()
        self._refused = 0

    def admit(self, seen: Seen, limit: Mapping[str, Any] | None) -> float | None:
        """Notes a request; None when the limit lets it pass, else the seconds until one would pass again.

        The window slides and every request counts, a refused one too: whoever asks on is kept out for longer.
        """
        with self._lock:
            now = time.monotonic()
            self._seen.append(seen)
            self._times.append(now)
            return None if limit is None else self._check(now, limit)

    def requests(self) -> list[dict[str, str]]:
        with self._lock:
            return [asdict(seen) for seen in self._seen]

    def statistics(self) -> dict[str, Any]:
        """How many requests came and were refused, when, and the most in any sliding minute."""
        with self._lock:
            times, refused = list(self._times), self._refused
        return {
            "requests": len(times),
            "refused": refused,
            "most_in_a_minute": most_within(times, WINDOW_SECONDS),
            "times": times,
        }

    def forget(self) -> None:
        """What was seen, not the window: a limit cannot be talked out of what it counted."""
        with self._lock:
            self._seen.clear()
            self._times.clear()
            self._refused = 0

    def _check(self, now: float, limit: Mapping[str, Any]) -> float | None:
        allowed = int(limit["requests"])
        seconds = float(limit.get("seconds", WINDOW_SECONDS))
        while self._recent and self._recent[0] <= now - seconds:
            self._recent.popleft()
        self._recent.append(now)
        if len(self._recent) <= allowed:
            return None
        self._refused += 1
        return self._recent[len(self._recent) - allowed] + seconds - now if allowed else seconds


def most_within(times: list[float], seconds: float) -> int:
    """The most of these ascending times that lie within so many seconds, both ends included."""
    return max(
        (place - bisect_left(times, end - seconds, hi=place) + 1 for place, end in enumerate(times)),
        default=0,
    )
