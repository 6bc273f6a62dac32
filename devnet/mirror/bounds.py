"""Timestamp and index rules: what ranges each address allows, and which rows pass them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from devnet.mirror.errors import Refusal
from devnet.mirror.query import Filter, Query
from devnet.mirror.text import NS

MAX_TOPIC_RANGE_NS = 7 * 24 * 3600 * NS
_LOWER = ("gt", "gte")
_UPPER = ("lt", "lte")
_STRICT_WORDS = "operators not permitted for timestamp param"


@dataclass(slots=True)
class Bound:
    """At most one eq, one lower and one upper filter of a column that takes part in paging."""

    key: str
    filters: list[tuple[Filter, int]] = field(default_factory=list)

    def add(self, item: Filter, at: int) -> None:
        if item.operator == "ne":
            raise Refusal(f"Not equal (ne) operator is not supported for {self.key}")
        kind, words = self._kind(item.operator)
        if any(other.operator in kind for other, _ in self.filters):
            raise Refusal(f"Only one {words} operator is allowed for {self.key}")
        self.filters.append((item, at))

    def operator(self, kind: Sequence[str]) -> str | None:
        return next((item.operator for item, _ in self.filters if item.operator in kind), None)

    @property
    def equal(self) -> bool:
        return self.operator(("eq",)) is not None

    @property
    def ranged(self) -> bool:
        return self.operator(_LOWER + _UPPER) is not None

    def value(self, kind: Sequence[str]) -> int | None:
        return next((at for item, at in self.filters if item.operator in kind), None)

    def keeps(self, value: int) -> bool:
        return all(item.keeps(value, at=at) for item, at in self.filters)

    @staticmethod
    def _kind(operator: str) -> tuple[Sequence[str], str]:
        if operator == "eq":
            return ("eq",), "equal (eq)"
        return (_LOWER, "gt/gte") if operator in _LOWER else (_UPPER, "lt/lte")


class LogBounds:
    """Bounds of a log page: an index bound belongs to the timestamp at its own end of the range."""

    def __init__(self, query: Query) -> None:
        self.time = Bound("timestamp")
        self.index = Bound("index")
        for item, at in _merged(query.times()):
            self.time.add(item, at)
        for item in query.all("index"):
            self.index.add(item, int(item.value))
        self._check()

    def keeps(self, ns: int, index: int) -> bool:
        if not self.time.keeps(ns):
            return False
        if self.time.equal:
            return self.index.keeps(index)
        return all(self._keeps_end(item, at, ns, index) for item, at in self.index.filters)

    def _keeps_end(self, item: Filter, at: int, ns: int, index: int) -> bool:
        end = self.time.value(_LOWER if item.operator in _LOWER else _UPPER)
        return ns != end or item.keeps(index, at=at)

    def _check(self) -> None:
        if self.index.equal and not self.time.equal:
            raise Refusal("timestamp must have eq operator")
        for bound in (self.time, self.index):
            if bound.equal and bound.ranged:
                raise Refusal(f"Can't support both range and equal for {bound.key}")
        if self.index.filters and not self.time.filters:
            raise Refusal("index without a timestamp parameter filter")
        self._check_end(_LOWER)
        self._check_end(_UPPER)

    def _check_end(self, kind: Sequence[str]) -> None:
        inclusive = kind[1]
        if self.index.operator(kind) and not self.time.equal and self.time.operator(kind) != inclusive:
            raise Refusal(f"timestamp must have {inclusive} or eq operator")


def _merged(times: list[tuple[Filter, int]]) -> list[tuple[Filter, int]]:
    """`gte:T` with `lte:T` is `eq:T`, so that an index filter may stand beside it."""
    if len(times) != 2 or times[0][1] != times[1][1]:
        return times
    if {item.operator for item, _ in times} != {"gte", "lte"}:
        return times
    first, at = times[0]
    return [(Filter(first.key, "eq", first.value), at)]


def check_topic_range(query: Query) -> None:
    """Topics are searched only in a closed range of at most seven days, or at one timestamp."""
    if not any(query.all(f"topic{place}") for place in range(4)):
        return
    try:
        span = TimeRange(_merged(query.times()), closed=True)
        if not span.equal and not 0 < span.length <= MAX_TOPIC_RANGE_NS:
            raise Refusal("Timestamp range by the lower and upper bounds must be positive and within 7d")
    except Refusal as refusal:
        raise Refusal(f"Cannot search topics without a valid timestamp range: {refusal}") from refusal


class TimeRange:
    """The timestamp filters of a list that is paged by time alone.

    `closed` demands both bounds or eq, and refuses ne; without `strict` any combination is taken as it is.
    """

    def __init__(
        self, times: Sequence[tuple[Filter, int]], *, closed: bool = False, strict: bool = True
    ) -> None:
        self._times = times
        self.equal = {at for item, at in times if item.operator == "eq"}
        self.unequal = {at for item, at in times if item.operator == "ne"}
        self._lower = [at + (item.operator == "gt") for item, at in times if item.operator in _LOWER]
        self._upper = [at - (item.operator == "lt") for item, at in times if item.operator in _UPPER]
        if strict:
            self._check(closed)

    @property
    def since(self) -> int | None:
        return max(self._lower, default=None) if not self.equal else min(self.equal)

    @property
    def until(self) -> int | None:
        return min(self._upper, default=None) if not self.equal else max(self.equal)

    @property
    def length(self) -> int:
        return (self.until or 0) - (self.since or 0) + 1

    def keeps(self, ns: int) -> bool:
        if self.equal and ns not in self.equal:
            return False
        return all(item.keeps(ns, at=at) for item, at in self._times if item.operator != "eq")

    def _check(self, closed: bool) -> None:
        if closed and not self._times:
            raise Refusal("No timestamp range or eq operator provided")
        if closed and self.unequal:
            raise Refusal("Not equals operator not supported for timestamp param")
        if len(self._lower) > 1:
            raise Refusal(f"Multiple gt or gte {_STRICT_WORDS}")
        if len(self._upper) > 1:
            raise Refusal(f"Multiple lt or lte {_STRICT_WORDS}")
        if self.equal and len(self._times) > len(self.equal):
            raise Refusal("Cannot combine eq with ne, gt, gte, lt, or lte for timestamp param")
        if closed and not self.equal and not (self._lower and self._upper):
            raise Refusal("Timestamp range must have gt (or gte) and lt (or lte), or eq operator")
