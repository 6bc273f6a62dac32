"""The stored events of one day beside the logs that the mirror node lists for it, both in the chain's order.

Neither side is ever held whole: logs come page by page, events in pages of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from chainsync.followed import Followed, interface_of
from chainsync.models import ChainEvent
from chainsync.processors import processor_of
from chainsync.services.reading import as_new, proved
from chainsync.services.storing import NewEvent, Place, event_of_log, store_events
from chainsync.sums import sums_of
from contracts import clock
from contracts.gateways.mirror import mirror

PAGE = 100
MOST_EXAMPLES = 5
DAY_NS = 86_400 * clock.NANOSECONDS


@dataclass(frozen=True, slots=True)
class Period:
    """A day, UTC, or the part of it that is compared; both consensus times are included."""

    day: date
    since: str
    until: str


def periods(since_ns: int, until_ns: int) -> Iterator[Period]:
    """The days between two moments, the later one excluded, in nanoseconds since the epoch."""
    while since_ns < until_ns:
        midnight_ns = since_ns - since_ns % DAY_NS + DAY_NS
        end_ns = min(midnight_ns, until_ns)
        day = clock.from_ns(since_ns).date()
        yield Period(day, clock.consensus_text(since_ns), clock.consensus_text(end_ns - 1))
        since_ns = end_ns


@dataclass(slots=True)
class Differing:
    """How many events differ in one way, and the first of them."""

    count: int = 0
    first: list[NewEvent] = field(default_factory=list)

    def add(self, event: NewEvent) -> None:
        self.count += 1
        if len(self.first) < MOST_EXAMPLES:
            self.first.append(event)


@dataclass(slots=True)
class Compared:
    """What a comparison of one period found; amounts in base units.

    ``stored`` are the events that were there before. ``ghosts`` were never proved: some are listed and stand in no
    transaction's result, others are not even listed any more. ``keys`` are those of which something was paid.
    """

    period: Period
    on_chain: int = 0
    stored: int = 0
    ghosts: int = 0
    paid_on_chain_units: int = 0
    paid_stored_units: int = 0
    missed: Differing = field(default_factory=Differing)
    not_on_chain: Differing = field(default_factory=Differing)
    other_bytes: Differing = field(default_factory=Differing)
    keys: set[str] = field(default_factory=set)


def compare(followed: Followed, period: Period) -> Compared:
    """Compares, and stores and applies what was missed, as the reader does. Raises GatewayError; what was added until
    then stays.
    """
    comparison = _Comparison(followed, period)
    for event, row in side_by_side(_listed(followed, period), _stored(followed, period)):
        comparison.take(event, row)
    comparison.add_missing()
    return comparison.found


class _Comparison:
    def __init__(self, followed: Followed, period: Period) -> None:
        self._interface = interface_of(followed)
        sums = sums_of(self._interface)
        self.found = Compared(period)
        self._followed = followed
        self._paid_units = sums.paid_units if sums else _nothing
        self._missing: list[NewEvent] = []

    def take(self, event: NewEvent | None, row: ChainEvent | None) -> None:
        self.found.on_chain += event is not None
        self.found.stored += row is not None
        if row is not None:
            self._take_stored(event, row)
        elif event is not None:
            self._missing.append(event)
            if len(self._missing) == PAGE:
                self.add_missing()

    def add_missing(self) -> None:
        """What a result proves is stored and counts; a ghost is stored as one, so that it is asked for again."""
        events = proved(self._missing)
        with transaction.atomic():
            store_events(self._followed, events)
        self._missing = []
        for event in events:
            if event.needs_proof:
                self.found.ghosts += 1
                continue
            self.found.missed.add(event)
            self.found.paid_stored_units += self._count_paid(event.key, event.args)
            self.found.paid_on_chain_units += self._paid_units(event.args)

    def _take_stored(self, event: NewEvent | None, row: ChainEvent) -> None:
        if self._is_ghost(row, is_listed=event is not None):
            self.found.ghosts += 1
            return
        self.found.paid_stored_units += self._count_paid(row.key, row.args)
        if event is None:
            self.found.not_on_chain.add(as_new(row))
            return
        self.found.paid_on_chain_units += self._paid_units(event.args)
        if not self._is_same(event, row):
            self.found.other_bytes.add(as_new(row))

    def _is_ghost(self, row: ChainEvent, *, is_listed: bool) -> bool:
        """Of what was never looked up in a result nothing but the list shows that it happened."""
        if is_listed:
            return bool(row.key) and not row.is_proved
        processor = processor_of(self._interface, row.name)
        return not row.is_proved or (processor is not None and not processor.needs_proof)

    def _count_paid(self, key: str, args: Mapping[str, Any]) -> int:
        units = self._paid_units(args)
        if key and units:
            self.found.keys.add(key)
        return units

    def _is_same(self, event: NewEvent, row: ChainEvent) -> bool:
        """Also that what was booked is what the bytes say; before it was booked its meaning may be learned yet."""
        is_booked_so = row.processed_at is None or self._paid_units(row.args) == self._paid_units(event.args)
        return is_booked_so and (list(event.topics), event.data) == (row.topics, bytes(row.data))


def _nothing(args: Mapping[str, Any]) -> int:
    return 0


def side_by_side(
    listed: Iterator[NewEvent], stored: Iterator[ChainEvent]
) -> Iterator[tuple[NewEvent | None, ChainEvent | None]]:
    """Each place in the chain's order with what is listed and what is stored there."""
    event, row = next(listed, None), next(stored, None)
    while event is not None or row is not None:
        if row is None or (event is not None and event.place < _place(row)):
            yield event, None
            event = next(listed, None)
        elif event is None or _place(row) < event.place:
            yield None, row
            row = next(stored, None)
        else:
            yield event, row
            event, row = next(listed, None), next(stored, None)


def _place(row: ChainEvent) -> Place:
    return row.consensus_at, row.log_index


def _listed(followed: Followed, period: Period) -> Iterator[NewEvent]:
    """A page that comes twice counts once."""
    last: Place = ("", -1)
    for entry in mirror().logs(followed.address, since=period.since, until=period.until):
        event = event_of_log(followed, entry)
        if event.place > last:
            last = event.place
            yield event


def _stored(followed: Followed, period: Period) -> Iterator[ChainEvent]:
    rows = ChainEvent.objects.of(followed.network, followed.address)
    of_day = rows.filter(consensus_at__gte=period.since, consensus_at__lte=period.until)
    last: Place = (period.since, -1)
    while page := list(_after(of_day, last)[:PAGE]):
        yield from page
        last = _place(page[-1])


def _after(rows: QuerySet[ChainEvent], place: Place) -> QuerySet[ChainEvent]:
    at, index = place
    later = Q(consensus_at__gt=at) | Q(consensus_at=at, log_index__gt=index)
    return rows.filter(later, consensus_at__gte=at).order_by("consensus_at", "log_index")
