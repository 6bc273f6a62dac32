"""Ledger numbers and close times. Idle ledgers are counted, not stored, so that a day of them costs nothing."""

from bisect import bisect_left
from collections.abc import Callable

from devnet.records import NS
from devnet.soroban.store import Anchor, Store

LEDGER_SECONDS = 5
LEDGER_NS = LEDGER_SECONDS * NS
RETENTION = 120_960
FIRST_LEDGER = 1_000


class Timeline:
    """Follows the devnet's clock; `skew_ns` moves what the ledgers say about the time, never their pace."""

    def __init__(self, store: Store, now_ns: Callable[[], int], skew_ns: Callable[[], int]) -> None:
        self._store = store
        self._now_ns = now_ns
        self._skew_ns = skew_ns
        self._anchors = store.anchors()
        if not self._anchors:
            now = now_ns()
            self.note(Anchor(FIRST_LEDGER, now, (now + skew_ns()) // NS))

    @property
    def latest(self) -> Anchor:
        return self._anchors[-1]

    @property
    def oldest(self) -> int:
        return max(self._anchors[0].sequence, self.latest.sequence - RETENTION + 1)

    def due(self) -> int:
        """How many ledgers should have closed since the latest."""
        return max(0, (self._now_ns() - self.latest.due_ns) // LEDGER_NS)

    def seconds_now(self) -> int:
        """What the network's clock says, in unix seconds."""
        return (self._now_ns() + self._skew_ns()) // NS

    def next(self) -> Anchor:
        """The ledger that is due next."""
        return self.after(1)

    def after(self, count: int) -> Anchor:
        return self._anchor(self.latest.sequence + count, self.latest.due_ns + count * LEDGER_NS)

    def at_once(self) -> Anchor:
        """A ledger that closes now, before it is due."""
        return self._anchor(self.latest.sequence + 1, max(self._now_ns(), self.latest.due_ns))

    def note(self, anchor: Anchor) -> None:
        self._store.put_anchor(anchor)
        self._anchors.append(anchor)

    def closed(self, sequence: int) -> int:
        """Close time in unix seconds; of a ledger that was only counted, from the next known one."""
        place = bisect_left(self._anchors, sequence, key=lambda anchor: anchor.sequence)
        after = self._anchors[min(place, len(self._anchors) - 1)]
        guess = after.closed - max(0, after.sequence - sequence) * LEDGER_SECONDS
        return max(guess, self._anchors[place - 1].closed) if place else guess

    def _anchor(self, sequence: int, due_ns: int) -> Anchor:
        # As on the public network: no two ledgers close in the same second.
        closed = max(self.latest.closed + 1, (due_ns + self._skew_ns()) // NS)
        return Anchor(sequence, due_ns, closed)
