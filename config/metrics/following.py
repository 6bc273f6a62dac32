"""How well the events of the contracts are followed."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Max, Min
from prometheus_client.metrics_core import Metric

from chainsync.models import ChainEvent, EventListener
from chainsync.services.following import with_readings
from config.metrics.families import Values, gauge, gauges
from contracts.models import Contract


def events(now: datetime) -> Iterator[Metric]:
    """One listener for each contract, and the few events that nobody could use yet."""
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
    unprocessed = ChainEvent.objects.unprocessed()
    yield gauge("paydate_events_unprocessed", unprocessed.count())
    yield gauge("paydate_events_quarantined", unprocessed.exclude(quarantine_reason="").count())


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
