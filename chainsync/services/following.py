"""Which contracts are followed, and when each is looked at next."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from chainsync.models import EventListener
from chainsync.processors import awaited
from chainsync.services.reading import READ_LOCK, Reading, read_hedera
from chainsync.services.soroban_reading import read_soroban
from chainsync.services.storing import listener_of
from contracts import clock
from contracts.doorbell import ring
from contracts.gateways.errors import GatewayError
from contracts.models import AuditEvent, Contract
from contracts.services.networks import hedera_network, stellar_network
from contracts.services.sweeping import single_flight

log = structlog.get_logger(__name__)
Status = Contract.Status
Read = Callable[[Contract, EventListener], Reading]

READERS: dict[str, Read] = {
    Contract.Kind.LIFECYCLE_CASH_FLOW: read_hedera,
    Contract.Kind.INVESTMENT: read_soroban,
}
FOLLOWED = (Status.ACTIVE, Status.FUNDS_REACHED, Status.PAUSED, Status.BLOCKED)
FOLLOW_LOCK = 0x5041_5944_0007
MOST_RINGS = 500
LEAST_DELAY_SECONDS = 2
LONGEST_DELAY_SECONDS = 60
MOST_DOUBLINGS = 5


def follow_due() -> None:
    """Rings for every listener that is due; a contract that has none gets one. A tick at a time."""
    with single_flight(FOLLOW_LOCK) as is_mine:
        if is_mine:
            listen()
            _ring_due()


def follow(pk: int) -> None:
    """One look at one listener's contract, by one reader at a time. What goes wrong is written down, and the next
    look comes later."""
    with single_flight(READ_LOCK + pk) as is_mine:
        if is_mine:
            _look(EventListener.objects.get(pk=pk))


def _followed() -> QuerySet[Contract]:
    """Without an RPC nothing on Stellar is followed."""
    here = [hedera_network(), *([stellar_network()] if settings.SOROBAN_RPC_URL else [])]
    return Contract.objects.filter(network__in=here, status__in=FOLLOWED)


def with_readings() -> QuerySet[Contract]:
    """The contracts that are followed, each with ``read_at`` and ``lag_seconds`` of its last reading, None before."""
    listeners = EventListener.objects.filter(network=OuterRef("network"), address=OuterRef("address"))
    columns = {name: Subquery(listeners.values(name)[:1]) for name in ("read_at", "lag_seconds")}
    return _followed().annotate(**columns)


def _of_contracts(contracts: QuerySet[Contract]) -> QuerySet[EventListener]:
    same = contracts.filter(network=OuterRef("network"), address=OuterRef("address"))
    return EventListener.objects.filter(Exists(same), enabled=True)


def due_listeners(*, even_if_not_due: bool = False) -> list[int]:
    """Numbers of the listeners that are due, those that waited longest first."""
    listeners = _of_contracts(_followed())
    due = listeners if even_if_not_due else listeners.filter(next_read_at__lte=clock.now())
    return list(due.order_by("next_read_at").values_list("pk", flat=True))


@transaction.atomic
def switch(contract: Contract, *, on: bool, by: str) -> bool:
    """Follows a contract or stops following it; False when nothing had to be changed."""
    listener = listener_of(contract)
    changed = EventListener.objects.filter(pk=listener.pk, enabled=not on).update(
        enabled=on, failures=0, next_read_at=clock.now()
    )
    if changed:
        AuditEvent.write(
            contract, what="followed" if on else "not followed any more", reason="asked for", by=by
        )
    return bool(changed)


def listen() -> None:
    """A contract that has no listener gets one."""
    known = EventListener.objects.filter(network=OuterRef("network"), address=OuterRef("address"))
    new = _followed().exclude(Exists(known)).values_list("network", "address")
    listeners = [EventListener(network=network, address=address) for network, address in new]
    EventListener.objects.bulk_create(listeners, ignore_conflicts=True)


def _ring_due() -> None:
    now = clock.now()
    active = timedelta(milliseconds=settings.BLOCKCHAIN_POLLING_INTERVAL_ACTIVE)
    quiet = timedelta(milliseconds=settings.BLOCKCHAIN_POLLING_INTERVAL)
    is_urgent = Q(status=Status.BLOCKED) | Q(pk__in=awaited())
    urgent = _of_contracts(_followed().filter(is_urgent))
    # Urgent since its last look: its event may come before the quiet interval is over.
    urgent.filter(failures=0, next_read_at__gt=now + active).update(next_read_at=now + active)
    _ring(urgent, at=now + active)
    _ring(_of_contracts(_followed().exclude(is_urgent)), at=now + quiet)


@transaction.atomic
def _ring(listeners: QuerySet[EventListener], *, at: datetime) -> None:
    """Whoever moves the time of the next look on rings."""
    due = listeners.select_for_update(skip_locked=True, of=("self",)).filter(next_read_at__lte=clock.now())
    pks = list(due.order_by("next_read_at").values_list("pk", flat=True)[:MOST_RINGS])
    EventListener.objects.filter(pk__in=pks).update(next_read_at=at)
    for pk in pks:
        ring("chainsync.follow", pk)


def _look(listener: EventListener) -> None:
    contract = Contract.objects.get(network=listener.network, address=listener.address)
    try:
        reading = READERS[contract.kind](contract, listener)
    except GatewayError as error:
        _note_failure(listener, f"{type(error).__name__}: {error}")
    except Exception as error:
        _note_failure(listener, f"{type(error).__name__}: {error}")
        raise
    else:
        _note_reading(listener, reading)


def _note_reading(listener: EventListener, reading: Reading) -> None:
    rows = EventListener.objects.filter(pk=listener.pk)
    rows.update(last_error=reading.gap, failures=0)
    if not reading.is_finished:
        rows.update(next_read_at=clock.now())


def _note_failure(listener: EventListener, words: str) -> None:
    failures = listener.failures + 1
    seconds = min(LEAST_DELAY_SECONDS << min(failures - 1, MOST_DOUBLINGS), LONGEST_DELAY_SECONDS)
    EventListener.objects.filter(pk=listener.pk).update(
        last_error=words,
        failures=min(failures, 32_000),
        next_read_at=clock.now() + timedelta(seconds=seconds),
    )
    log.warning("follow_failed", listener=str(listener), failures=failures, error=words)
