"""Comparing what was stored with what the chain shows, day by day: what was missed is added, the rest is written down.

Reading finds what a mirror node lists up to ten minutes late. What comes later than that is found here. Only Hedera
is compared: a ledger of Stellar is final when it is read, and the RPC soon forgets it.
"""

from dataclasses import dataclass, field

import structlog
from django.db.models import QuerySet

from chainsync.followed import Followed, NotFollowed, followed_by, interface_of
from chainsync.models import Difference, EventListener
from chainsync.processors import heal
from chainsync.services import differing
from chainsync.services.announcing import tell_differences
from chainsync.services.comparing import DAY_NS, Compared, Period, compare, periods
from chainsync.services.following import followed_listeners, listen
from chainsync.services.reading import BEFORE_REGISTRATION, proved
from chainsync.sums import sums_of
from contracts import clock
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import mirror
from contracts.models import Contract
from contracts.services.networks import hedera_network
from contracts.services.sweeping import single_flight

log = structlog.get_logger(__name__)
Kind = EventListener.Kind
RECONCILE_LOCK = 0x5041_594E << 32  # the listener's number is added
TICK_LOCK = 0x5041_5944_0012
# Of a payment token only what goes to payout contracts is read, not all of its logs.
COMPARED = (Kind.CONTRACT, Kind.ASSET, Kind.REPORTS)
CLOSED_NS = 10 * 60 * clock.NANOSECONDS
DAYS_OF_TICK = 2
MOST_DAYS = 60


class NotReconciled(Exception):
    """Says in words why a contract could not be compared, and the fix."""


@dataclass(slots=True)
class Reconciled:
    """The periods that were compared, in order; ``trouble`` says why there are no more of them."""

    listener: EventListener
    periods: list[Compared] = field(default_factory=list)
    trouble: str = ""

    def open_differences(self) -> QuerySet[Difference]:
        rows = Difference.objects.of(self.listener.network, self.listener.address)
        return rows.open().order_by("found_at", "pk")


def comparable() -> QuerySet[EventListener]:
    """The listeners of which all logs are stored; whatever is followed has one."""
    listen()
    return followed_listeners().filter(network=hedera_network(), kind__in=COMPARED).order_by("address")


def reconcile_due() -> None:
    """Compares the last two days of every contract, and what was not compared since the last time; a tick at a time.

    Here and not by a task for each: a ring that is lost would cost a day.
    """
    with single_flight(TICK_LOCK) as is_mine:
        for listener in comparable() if is_mine else ():
            reconcile(listener, since_ns=_since_of_tick(listener))


def reconcile(
    listener: EventListener, *, since_ns: int | None = None, until_ns: int | None = None
) -> Reconciled:
    """Compares whole days, UTC, from the one of ``since_ns`` to the one of ``until_ns``; without them from the
    registration, at most 60 days ago, to ten minutes before the mirror node's newest block.

    By one comparer at a time for each contract. What goes wrong is in the answer and stops nothing else.
    """
    result = Reconciled(listener)
    with single_flight(RECONCILE_LOCK + listener.pk) as is_mine:
        try:
            _reconcile(result, is_mine, since_ns, until_ns)
        except (GatewayError, NotFollowed, NotReconciled) as error:
            result.trouble = str(error)
        except Exception as error:
            log.exception("reconciling_failed", listener=str(listener))
            result.trouble = f"{type(error).__name__}: {error}"
    tell_differences(listener)
    log.info(
        "reconciled",
        listener=str(listener),
        periods=len(result.periods),
        differences=result.open_differences().count(),
        error=result.trouble,
    )
    return result


def _reconcile(result: Reconciled, is_mine: bool, since_ns: int | None, until_ns: int | None) -> None:
    if not is_mine:
        raise NotReconciled("it is being compared at this moment; try again")
    listener = result.listener
    followed = followed_by(listener)
    end_ns = _end_ns(listener, until_ns)
    start_ns = _start_ns(followed, since_ns, end_ns)
    for period in periods(start_ns, end_ns):
        result.periods.append(_compare(followed, period))
    until = clock.consensus_text(end_ns)
    if isinstance(followed, Contract):
        heal(interface_of(followed), followed)
        _compare_sums(followed, {key for one in result.periods for key in one.keys}, until=until)
    _note_reach(listener, clock.consensus_text(start_ns), until)


def _compare(followed: Followed, period: Period) -> Compared:
    found = compare(followed, period)
    shown = sum(event.is_proved for event in proved(found.not_on_chain.first))
    differing.note_day(followed, found, shown=shown)
    return found


def _compare_sums(contract: Contract, keys: set[str], *, until: str) -> None:
    """Of what was paid in the periods, and of what differed before."""
    if sums := sums_of(interface_of(contract)):
        for key in sorted(keys | differing.keys_that_differed(contract)):
            differing.note_sum(contract, key, sums.compare(contract, key), until=until)


def _end_ns(listener: EventListener, until_ns: int | None) -> int:
    """Not later than what was read: what nobody has looked for yet was not missed."""
    if not listener.read_until:
        raise NotReconciled(
            f"{listener.address} was not read yet; its first reading starts by itself, or by manage.py sync_events "
            f"--once --contract {listener.address}"
        )
    closed_ns = mirror().newest_consensus_ns() - CLOSED_NS
    end_ns = min(closed_ns, clock.consensus_ns(listener.read_until))
    return end_ns if until_ns is None else min(end_ns, _midnight(until_ns) + DAY_NS)


def _start_ns(followed: Followed, since_ns: int | None, end_ns: int) -> int:
    """Nothing is followed from before its registration, so nothing of that time is missing."""
    registered = int((followed.created_at - BEFORE_REGISTRATION).timestamp()) * clock.NANOSECONDS
    wanted_ns = _midnight(end_ns) - MOST_DAYS * DAY_NS if since_ns is None else _midnight(since_ns)
    return max(registered, wanted_ns)


def _since_of_tick(listener: EventListener) -> int:
    now_ns = clock.now_ns()
    days_ago = now_ns - DAYS_OF_TICK * DAY_NS
    known_ns = clock.consensus_ns(listener.reconciled_until) if listener.reconciled_until else days_ago
    return max(min(known_ns, days_ago), now_ns - MOST_DAYS * DAY_NS)


def _midnight(at_ns: int) -> int:
    return at_ns - at_ns % DAY_NS


def _note_reach(listener: EventListener, since: str, until: str) -> None:
    """Only where no gap is left before it."""
    if not listener.reconciled_until or since <= listener.reconciled_until < until:
        EventListener.objects.filter(pk=listener.pk).update(reconciled_until=until)
        listener.reconciled_until = until
