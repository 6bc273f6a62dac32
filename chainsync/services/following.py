"""What is followed, and when each of it is looked at next: contracts that are in use, the assets that they pay, the
tokens that they pay in, and contracts that report about an asset."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from chainsync.followed import Followed, NotFollowed, followed_by, listener_of
from chainsync.models import EventListener
from chainsync.processors import awaited
from chainsync.services.reading import READ_LOCK, Reading, read_hedera
from chainsync.services.soroban_reading import read_soroban
from chainsync.services.syncing import refresh_due
from chainsync.services.token_reading import read_token
from contracts import clock
from contracts.doorbell import ring
from contracts.gateways.errors import GatewayError
from contracts.models import Asset, AuditEvent, Contract, Token
from contracts.services.networks import hedera_network, stellar_network
from contracts.services.sweeping import single_flight

log = structlog.get_logger(__name__)
Status, Kind = Contract.Status, EventListener.Kind

FOLLOWED = (Status.ACTIVE, Status.FUNDS_REACHED, Status.PAUSED, Status.BLOCKED)
FOLLOW_LOCK = 0x5041_5944_0007
MOST_RINGS = 500
LEAST_DELAY_SECONDS = 2
LONGEST_DELAY_SECONDS = 60
MOST_DOUBLINGS = 5


def follow_due() -> None:
    """Rings for every listener that is due, and for assets that are outdated; what has no listener gets one. A tick at
    a time.
    """
    with single_flight(FOLLOW_LOCK) as is_mine:
        if is_mine:
            listen()
            _ring_due()
            refresh_due()


def follow(pk: int) -> None:
    """One look at what one listener follows, by one reader at a time. What goes wrong is written down, and the next
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


def followed_listeners(contracts: QuerySet[Contract] | None = None) -> QuerySet[EventListener]:
    """The listeners that are switched on and follow something in use; only those around ``contracts``, if given."""
    contracts = _followed() if contracts is None else contracts
    address = {"network": OuterRef("network"), "address": OuterRef("address")}
    assets, tokens = _assets(contracts), _tokens(contracts)
    is_in_use = (
        Q(Exists(contracts.filter(**address)), kind=Kind.CONTRACT)
        | Q(Exists(assets.filter(**address)), kind=Kind.ASSET)
        | Q(Exists(tokens.filter(**address)), kind=Kind.TOKEN)
        | Q(kind=Kind.REPORTS, asset__in=assets)
    )
    return EventListener.objects.filter(is_in_use, enabled=True)


def urgent_listeners() -> QuerySet[EventListener]:
    """Those that are looked at after the shorter interval: of what is blocked, or whose events somebody waits for."""
    return followed_listeners(_followed().filter(Q(status=Status.BLOCKED) | Q(pk__in=awaited())))


def _assets(contracts: QuerySet[Contract]) -> QuerySet[Asset]:
    return Asset.objects.filter(network=hedera_network(), sync_enabled=True, payout_contract__in=contracts)


def _tokens(contracts: QuerySet[Contract]) -> QuerySet[Token]:
    """Of Hedera: an investment contract's own events say when money comes."""
    return Token.objects.filter(network=hedera_network(), contracts__in=contracts).distinct()


def due_listeners(*, even_if_not_due: bool = False) -> list[int]:
    """Numbers of the listeners that are due, those that waited longest first."""
    listeners = followed_listeners()
    due = listeners if even_if_not_due else listeners.filter(next_read_at__lte=clock.now())
    return list(due.order_by("next_read_at").values_list("pk", flat=True))


@transaction.atomic
def switch(followed: Followed, *, on: bool, by: str) -> bool:
    """Follows it or stops following it; False when nothing had to be changed."""
    listener = listener_of(followed)
    changed = EventListener.objects.filter(pk=listener.pk, enabled=not on).update(
        enabled=on, failures=0, next_read_at=clock.now()
    )
    if changed:
        AuditEvent.write(
            followed, what="followed" if on else "not followed any more", reason="asked for", by=by
        )
    return bool(changed)


LEAST_INTERVAL, LONGEST_INTERVAL = 2, 86_400


class BadInterval(ValueError):
    """Says in words which are good."""


@transaction.atomic
def set_interval(followed: Followed, seconds: int | None, *, by: str) -> None:
    """From look to look of this one while nothing is awaited of it; None: as the settings say. Raises BadInterval."""
    if seconds is not None and not LEAST_INTERVAL <= seconds <= LONGEST_INTERVAL:
        raise BadInterval(
            f"an interval is from {LEAST_INTERVAL} to {LONGEST_INTERVAL:,} seconds, not {seconds}"
        )
    listener = EventListener.objects.select_for_update().get(pk=listener_of(followed).pk)
    before, after = (_seconds(one) for one in (listener.interval_seconds, seconds))
    if before != after:
        EventListener.objects.filter(pk=listener.pk).update(
            interval_seconds=seconds, next_read_at=clock.now()
        )
        AuditEvent.write(followed, what="interval", source=before, target=after, reason="asked for", by=by)


def _seconds(interval: int | None) -> str:
    return "as the settings say" if interval is None else f"{interval} s"


def listen() -> None:
    """What is in use and has no listener gets one."""
    contracts = _followed()
    known = EventListener.objects.filter(network=OuterRef("network"), address=OuterRef("address"))
    for kind, rows in (
        (Kind.CONTRACT, contracts),
        (Kind.ASSET, _assets(contracts)),
        (Kind.TOKEN, _tokens(contracts)),
    ):
        new = rows.exclude(Exists(known)).values_list("network", "address")
        listeners = [EventListener(network=network, address=address, kind=kind) for network, address in new]
        EventListener.objects.bulk_create(listeners, ignore_conflicts=True)


def _ring_due() -> None:
    now = clock.now()
    active = timedelta(milliseconds=settings.BLOCKCHAIN_POLLING_INTERVAL_ACTIVE)
    quiet = timedelta(milliseconds=settings.BLOCKCHAIN_POLLING_INTERVAL)
    urgent = urgent_listeners()
    # Urgent since its last look: its event may come before the quiet interval is over.
    urgent.filter(failures=0, next_read_at__gt=now + active).update(next_read_at=now + active)
    _ring(urgent, every=active)
    # What was urgent is not due any more.
    others = followed_listeners()
    for seconds in filter(None, others.values_list("interval_seconds", flat=True).distinct()):
        _ring(others.filter(interval_seconds=seconds), every=timedelta(seconds=seconds))
    _ring(others.filter(interval_seconds=None), every=quiet)


@transaction.atomic
def _ring(listeners: QuerySet[EventListener], *, every: timedelta) -> None:
    """Whoever moves the time of the next look on rings."""
    due = listeners.select_for_update(skip_locked=True, of=("self",)).filter(next_read_at__lte=clock.now())
    pks = list(due.order_by("next_read_at").values_list("pk", flat=True)[:MOST_RINGS])
    EventListener.objects.filter(pk__in=pks).update(next_read_at=clock.now() + every)
    for pk in pks:
        ring("chainsync.follow", pk)


def _look(listener: EventListener) -> None:
    try:
        reading = _read(followed_by(listener), listener)
    except (GatewayError, NotFollowed) as error:
        _note_failure(listener, str(error))
    except Exception as error:
        _note_failure(listener, f"{type(error).__name__}: {error}")
        raise
    else:
        _note_reading(listener, reading)


def _read(followed: Followed, listener: EventListener) -> Reading:
    match followed:
        case Contract(kind=Contract.Kind.INVESTMENT):
            return read_soroban(followed, listener)
        case Token():
            return read_token(followed, listener)
        case _:
            return read_hedera(followed, listener)


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
