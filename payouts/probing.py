"""How large a call to a payout contract may be: what is known, and which size to try next. Rules only.

Nobody says how many holders fit: on Hedera the gas and the child records of a call are limited, and what a
holder costs of either is up to the contract and the token. So sizes are tried. A size that works pays its
holders, one that does not costs a fee and pays nobody, so few failures matter more than few steps.
"""

from dataclasses import dataclass, replace

MOST_HOLDERS = 100
MOST_GAS = 15_000_000
START = 20
MOST_FAILURES = 2


@dataclass(frozen=True, slots=True)
class Bracket:
    """The largest size that went through, the smallest that did not, and how many calls were too large.

    ``gas_per_holder`` is what the largest good call used, divided by its holders. Some network versions report
    at least 80 % of the limit as used, so it may be too high, never too low.
    """

    good: int = 0
    bad: int | None = None
    failures: int = 0
    gas_per_holder: int | None = None

    def next_size(self) -> int:
        """The size to try now: half as much again per success, and smaller steps once something was too large."""
        if self.bad is None:
            step = max(START, _ceil(self.good * 3, 2))
        else:
            # Below START, half of what failed: the second failure must not come before a size of ten.
            careful = max(_quarter_more(self.good), min(START, self.bad // 2))
            step = min((self.good + self.bad) // 2, careful)
        return max(1, min(self._as_gas_allows(step), MOST_HOLDERS))

    def _as_gas_allows(self, step: int) -> int:
        """Not more than the gas measured so far lets expect. It may be too high, so it never ends the growth."""
        if self.gas_per_holder is None or step <= self.good:
            return step
        if self._leaves_gas():
            return min(step, max(MOST_GAS // self.gas_per_holder, self.good + 1))
        return min(step, _quarter_more(self.good))

    def _leaves_gas(self) -> bool:
        """Whether a tenth more holders than went through would fit by the gas they used."""
        return self.gas_per_holder is None or self.gas_per_holder * self.good * 11 <= MOST_GAS * 10

    @property
    def is_untried(self) -> bool:
        return not self.good and self.bad is None

    @property
    def is_closed(self) -> bool:
        """Whether ``good`` is the size to keep.

        It is when there is no room left for a step of a tenth, or after two failures. Then it may be short of
        the true ceiling by a fifth at most; where it may be shorter, below a ceiling of ten, the search goes on.
        """
        if self.good >= MOST_HOLDERS:
            return True
        if self.bad is None or not self.good:
            return False
        if (self.bad - self.good) * 10 <= self.bad or self.bad == self.good + 1:
            return True
        is_near = self.good * 5 >= (self.bad - 1) * 4
        return is_near and (self.failures >= MOST_FAILURES or not self._leaves_gas())

    def succeeded(self, holders: int, gas_used: int | None = None) -> "Bracket":
        """After a call that had room for all of its holders. Of two minds, the smaller size is believed."""
        if holders <= self.good or (self.bad is not None and 1 < self.bad <= holders):
            return self
        bad = None if self.bad is not None and self.bad <= holders else self.bad
        gas = _ceil(gas_used, holders) if gas_used else self.gas_per_holder
        return replace(self, good=holders, bad=bad, gas_per_holder=gas)

    def failed(self, holders: int) -> "Bracket":
        """After a call that was too large. What went through before and does not any more is forgotten."""
        if self.bad is not None and holders >= self.bad:
            return self
        if holders <= self.good:
            return Bracket(bad=holders, failures=1)
        return replace(self, bad=holders, failures=self.failures + 1)

    def fitted(self, holders: int) -> "Bracket":
        """After a call that had room for its first ``holders`` holders and for nobody else."""
        if self.bad is not None and self.bad <= holders:
            return self
        return replace(self, good=holders, bad=holders + 1, failures=self.failures + 1)


def _quarter_more(size: int) -> int:
    return max(size + 1, size * 5 // 4)


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
