"""How well the events of what is followed are read and processed."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min
from prometheus_client.metrics_core import Metric

from chainsync.models import ChainEvent, Difference, EventListener
from chainsync.services.following import followed_listeners, with_readings
from chainsync.services.watching import last_success, overdue
from config.metrics.families import Values, gauge, gauges
from config.metrics.windows import zeros
from contracts.models import Contract

RECENT = timedelta(minutes=1)


def events(now: datetime) -> Iterator[Metric]:
    """One listener for each address, and the few events that nobody could use yet."""
    lags: Values = {}
    ages: Values = {}
    failing: Values = {}
    for listener in EventListener.objects.filter(enabled=True).order_by("address"):
        contract = (listener.address,)
        failing[contract] = bool(listener.last_error)
        if listener.lag_seconds is not None:
            lags[contract] = max(0, listener.lag_seconds)
        if listener.read_at is not None:
            ages[contract] = (now - listener.read_at).total_seconds()
    yield gauges("paydate_sync_lag_seconds", lags)
    yield gauges("paydate_sync_age_seconds", ages)
    yield gauges("paydate_sync_failing", failing)
    yield gauge("paydate_events_unprocessed", ChainEvent.objects.unprocessed().count())
    yield gauge("paydate_events_quarantined", ChainEvent.objects.quarantined().count())
    yield gauge("paydate_events_not_proved", ChainEvent.objects.not_proved().count())
    yield gauge("paydate_event_differences_open", Difference.objects.open().count())
    recent = ChainEvent.objects.filter(seen_at__gte=now - RECENT).count()
    yield gauge("paydate_events_per_second", recent / RECENT.total_seconds())


def looks(now: datetime) -> Iterator[Metric]:
    """Of what is to be followed: since when each kind was not read, and how many had their time."""
    ages: Values = {}
    rows = list(followed_listeners().order_by("pk"))
    for listener in rows:
        age = (now - last_success(listener)).total_seconds()
        ages[(listener.kind,)] = max(age, ages.get((listener.kind,), 0.0))
    yield gauges("paydate_last_look_age_seconds", ages)
    late = Counter((one.listener.kind,) for one in overdue(now, rows))
    yield gauges("paydate_listeners_overdue", zeros(EventListener.Kind) | dict(late))


def listeners(now: datetime) -> Iterator[Metric]:
    """On Stellar alone: the one that is furthest behind, and the one not read for longest."""
    found = (
        with_readings()
        .filter(kind=Contract.Kind.INVESTMENT)
        .aggregate(lag=Max("lag_seconds"), oldest=Min("read_at"), read=Count("read_at"), all=Count("pk"))
    )
    yield gauge("paydate_listener_lag_seconds", None if found["lag"] is None else max(0, found["lag"]))
    never_read = float("inf") if found["read"] < found["all"] else None
    age = (now - found["oldest"]).total_seconds() if found["oldest"] else None
    yield gauge("paydate_listener_age_seconds", never_read or age)
