"""Reading a contract's logs, page by page from the listener's cursor: what is visible is stored and applied at once.

A mirror node that lags gives a shorter list, and an incomplete list looks like a complete one. So a reading
counts only when it shows the log it was asked to reach; the cursor stays a minute behind the chain; and what a
list shows is applied only after it was found in its transaction's own result.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import islice

import structlog
from django.db import transaction
from django.db.models import Max

from chainsync.followed import Followed, interface_of, listener_of
from chainsync.models import MOST_ROWS, ChainEvent, EventListener
from chainsync.processors import earliest
from chainsync.services.pacing import Pace
from chainsync.services.storing import NewEvent, Place, event_of_log, known_places, prove, store_events
from contracts import clock
from contracts.gateways.errors import GatewayError, Unavailable
from contracts.gateways.mirror import Log, mirror
from contracts.gateways.parallel import ask_all
from contracts.models import Asset, Contract
from contracts.services.sweeping import single_flight

log = structlog.get_logger(__name__)
Kind = EventListener.Kind
READ_LOCK = 0x5041_5946 << 32  # the listener's number is added
LEAST_PAUSE = timedelta(seconds=2)
# While a distribution is settled, its own readings are looks enough. With a tick every two seconds the next look comes
# at the second one: what happens shows up within four seconds and the time of the look itself.
FRESH = timedelta(seconds=2.5)
# A mirror node has completed lists minutes later: what lies before the cursor is read once more now and then.
RESCAN_EVERY = timedelta(minutes=1)
RESCAN_NS = 10 * 60 * clock.NANOSECONDS
UNSETTLED_NS = 60 * clock.NANOSECONDS
BEFORE_REGISTRATION = timedelta(minutes=10)
MOST_DOUBTS = 25
LEAST_ROWS = 10
NOT_PROVED = "a list of logs shows it, its transaction's result does not"


@dataclass(frozen=True, slots=True)
class Reading:
    """``is_finished`` says that nothing was left to read; ``gap`` says in words what is lost."""

    is_finished: bool
    gap: str = ""


def read_hedera(followed: Followed, listener: EventListener) -> Reading:
    """A look that nobody in particular asked for, by the caller who reads alone. Raises GatewayError.

    One of the last seconds, whoever asked for it, counts as this one.
    """
    if listener.read_at is None or clock.now() - listener.read_at >= FRESH:
        _read(followed, listener)
    return Reading(is_finished=True)


def read_events(contract: Contract, *, through: str, has_log: bool = True) -> None:
    """Stores and applies the contract's events up to the consensus time ``through``, and what is visible after it.

    ``has_log`` says that the contract is known to have a log at ``through``; then only an answer that shows it
    counts. Without one there is nothing better than the mirror node's newest block, which another replica than
    the one that listed the logs may have told. Readings are shared: one at a time for each contract, at most one
    in two seconds, none when an earlier one reached far enough. Raises Unavailable when ``through`` was not
    reached, or any other GatewayError.
    """
    _ensure(contract, lambda listener: _reaches(listener, through, has_log), words=f"up to {through}")


def read_visible(contract: Contract) -> None:
    """Stores and applies whatever the mirror node shows by now; a reading of the last two seconds counts as one.

    It must at least show what is known already, or Unavailable is raised: it came from a replica that lags.
    """
    _ensure(contract, _is_recent, words="that are known already")


def _ensure(contract: Contract, is_enough: Callable[[EventListener], bool], *, words: str) -> None:
    listener = listener_of(contract)
    if is_enough(listener):
        return
    if _was_just_asked(listener):
        raise Unavailable(f"the logs of {contract.address} were read a moment ago, but not {words}")
    with single_flight(READ_LOCK + listener.pk) as is_mine:
        if not is_mine:
            raise Unavailable(f"the logs of {contract.address} are being read")
        listener.refresh_from_db()
        if not is_enough(listener):
            _read(contract, listener)
            note(listener, asked_at=listener.read_at)
    if not is_enough(listener):
        raise Unavailable(f"the mirror node does not show the logs of {contract.address} {words}")


def _is_recent(listener: EventListener) -> bool:
    return listener.read_at is not None and clock.now() - listener.read_at < LEAST_PAUSE


def _was_just_asked(listener: EventListener) -> bool:
    """Looks that nobody asked for do not keep anybody from asking."""
    return listener.asked_at is not None and clock.now() - listener.asked_at < LEAST_PAUSE


def _reaches(listener: EventListener, through: str, has_log: bool) -> bool:
    reached = listener.reached_at if has_log else max(listener.reached_at, listener.read_until)
    return reached >= through


def _read(followed: Followed, listener: EventListener) -> None:
    is_rescan = listener.rescanned_at is None or clock.now() - listener.rescanned_at >= RESCAN_EVERY
    since = _start(followed, listener, back_ns=RESCAN_NS if is_rescan else 0)
    # The cursor may stand on a log that means nothing to us: what is older than it need not be shown again.
    # Where logs are taken without a proof, one that never was would be waited for in vain.
    known = _newest_known(followed, since=since) if listener.kind == Kind.CONTRACT else ""
    passed = listener.cursor_at
    try:
        chain_ns = end_of_chain(listener)
        if is_rescan:
            check_network(followed)
        settle_doubts(followed)
        reached = _read_pages(
            followed,
            listener,
            since=since,
            until=clock.consensus_text(chain_ns - UNSETTLED_NS),
        )
    except GatewayError as error:
        note(listener, last_error=str(error))
        raise
    note(
        listener,
        reached_at=max(listener.reached_at, reached),
        read_until=max(listener.read_until, clock.consensus_text(chain_ns)),
        read_at=clock.now() if max(reached, passed) >= known else listener.read_at,
        lag_seconds=(clock.now_ns() - chain_ns) // clock.NANOSECONDS,
        rescanned_at=clock.now() if is_rescan else listener.rescanned_at,
        last_error="",
    )


def end_of_chain(listener: EventListener) -> int:
    """Consensus time, in nanoseconds, of the mirror node's newest block.

    Raises Unavailable when it lies before the cursor: from there on nothing would ever be found.
    """
    chain_ns = mirror().newest_consensus_ns()
    if listener.cursor_at and clock.consensus_ns(listener.cursor_at) > chain_ns:
        raise Unavailable(
            f"the mirror node ends at {clock.consensus_text(chain_ns)}, and events were read up to "
            f"{listener.cursor_at}: it lags, or HEDERA_MIRROR_URL is another network's; when that is right, "
            f"manage.py rewind_cursor {listener.address} --to an earlier time puts the cursor back"
        )
    return chain_ns


def check_network(followed: Followed) -> None:
    """Asks for the contract itself: of one that it does not have, a mirror node lists no events and no error.

    Raises Unavailable.
    """
    if not isinstance(followed, Contract | Asset):
        return
    found = mirror().contract(followed.address)
    network = f"HEDERA_MIRROR_URL is not that of {followed.network}"
    if found is None:
        raise Unavailable(f"the mirror node has no contract at {followed.address}: {network}")
    if followed.evm_address and found.evm_address != followed.evm_address:
        raise Unavailable(f"the mirror node has another contract at {followed.address}: {network}")


def _newest_known(followed: Followed, *, since: str) -> str:
    """Of those that a reading from there on has to show."""
    rows = ChainEvent.objects.of(followed.network, followed.address).filter(is_proved=True)
    return rows.filter(consensus_at__gte=since).aggregate(at=Max("consensus_at"))["at"] or ""


def note(listener: EventListener, **columns: object) -> None:
    EventListener.objects.filter(pk=listener.pk).update(**columns)
    for name, value in columns.items():
        setattr(listener, name, value)


def _read_pages(followed: Followed, listener: EventListener, *, since: str, until: str) -> str:
    """Each page is one transaction with what it means, and the cursor. Gives the time of the newest proved log."""
    pace = Pace(listener.page_rows, least=LEAST_ROWS, most=MOST_ROWS)
    try:
        logs = mirror().logs(followed.address, since=since, rows=pace.amount)
        reached = ""
        while page := next_page(logs, pace):
            passed = _places_before(page, until)
            reached = max(reached, take(followed, page, then=partial(move_cursor, listener, passed)))
        return reached
    finally:
        if pace.learned != listener.page_rows:
            note(listener, page_rows=pace.learned)


def next_page(logs: Iterator[Log], pace: Pace) -> list[Log]:
    with pace.measured():
        return list(islice(logs, pace.amount))


def take(followed: Followed, page: Sequence[Log], *, then: Callable[[], object]) -> str:
    """Stores the logs and what they mean, and does ``then``, in one transaction. Gives the newest proved one's time."""
    known = known_places(followed, [_place(entry) for entry in page])
    events = proved([event_of_log(followed, one) for one in page if _place(one) not in known])
    with transaction.atomic():
        store_events(followed, events)
        then()
    seen = [at for (at, _), is_proved in known.items() if is_proved]
    return max([*seen, *(event.consensus_at for event in events if event.is_proved)], default="")


def _place(entry: Log) -> Place:
    return entry.consensus_at, entry.index


def _start(followed: Followed, listener: EventListener, *, back_ns: int) -> str:
    """Where a reading begins: so far before the cursor, at first at the oldest thing that may still be paid, as the
    apps above know it. Nothing of ours can be older than the contract's own row.
    """
    if listener.cursor_at:
        return clock.consensus_text(clock.consensus_ns(listener.cursor_at) - back_ns)
    known = earliest(interface_of(followed), followed)
    registered = followed.created_at - BEFORE_REGISTRATION
    return known or f"{int(registered.timestamp())}.000000000"


def _places_before(page: Sequence[Log], until: str) -> list[Place]:
    return [_place(entry) for entry in page if entry.consensus_at <= until]


def move_cursor(listener: EventListener, places: list[Place]) -> None:
    """By compare-and-set: a reader that was overtaken stores what it saw and leaves the cursor alone."""
    if not places or places[-1] <= (listener.cursor_at, listener.cursor_index):
        return
    at, index = places[-1]
    same = EventListener.objects.filter(
        pk=listener.pk, cursor_at=listener.cursor_at, cursor_index=listener.cursor_index
    )
    if same.update(cursor_at=at, cursor_index=index):
        listener.cursor_at, listener.cursor_index = at, index


def proved(events: Sequence[NewEvent]) -> list[NewEvent]:
    """Looks those that mean something to us up in their transactions' results, each transaction once."""
    hashes = sorted({event.transaction_hash for event in events if event.needs_proof})
    logs = dict(zip(hashes, ask_all(_logs_of, hashes), strict=True))
    return [_judged(event, logs) if event.needs_proof else event for event in events]


def _judged(event: NewEvent, logs: dict[str, tuple[Log, ...]]) -> NewEvent:
    same = (entry for entry in logs[event.transaction_hash] if _place(entry) == event.place)
    if any(entry.topics == event.topics and entry.data == event.data for entry in same):
        return replace(event, is_proved=True)
    log.warning("event_not_proved", consensus_at=event.consensus_at, hash=event.transaction_hash)
    return replace(event, trouble=NOT_PROVED)


def _logs_of(transaction_hash: str) -> tuple[Log, ...]:
    """The logs of a successful transaction; none while its result is unknown, partial or a failure."""
    result = mirror().contract_result(f"0x{transaction_hash}")
    return result.logs if result and result.is_final and result.result == "SUCCESS" else ()


def settle_doubts(followed: Followed) -> None:
    """Asks once more for what no result showed: a replica that lags looks like a ghost. The newest go first, with some
    of the others, so that many ghosts do not hide one that is real.
    """
    rows = ChainEvent.objects.of(followed.network, followed.address).unprocessed().filter(is_proved=False)
    doubtful = {
        row.pk: row for row in [*rows.order_by("-pk")[:MOST_DOUBTS], *rows.order_by("?")[:MOST_DOUBTS]]
    }
    settled = [event for event in proved([as_new(row) for row in doubtful.values()]) if event.is_proved]
    if settled:
        with transaction.atomic():
            prove(followed, settled)


def as_new(row: ChainEvent) -> NewEvent:
    return NewEvent(
        consensus_at=row.consensus_at,
        log_index=row.log_index,
        topics=tuple(row.topics),
        data=bytes(row.data),
        transaction_hash=row.transaction_hash,
        block=row.block,
        name=row.name,
        key=row.key,
        args=row.args,
    )
