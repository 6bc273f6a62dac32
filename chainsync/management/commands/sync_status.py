from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Count, F

from chainsync.models import QUARANTINED, ChainEvent, EventListener
from contracts import clock

FAILING = 1


class Command(BaseCommand):
    help = (
        "How far the events of each followed contract were read: when, how far behind the chain, what went wrong, and "
        "how many events are quarantined. Exit 0, or 1 when one is failing or an event is quarantined."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        counts = {
            (row["network"], row["address"]): row
            for row in ChainEvent.objects.values("network", "address").annotate(
                all=Count("pk"),
                quarantined=Count("pk", filter=QUARANTINED),
            )
        }
        none = {"all": 0, "quarantined": 0}
        is_bad = False
        for listener in EventListener.objects.order_by(F("read_at").asc(nulls_first=True), "address"):
            row = counts.get((listener.network, listener.address), none)
            self.stdout.write(_line(listener, row["all"], row["quarantined"]))
            is_bad |= (listener.enabled and bool(listener.failures)) or bool(row["quarantined"])
        if not EventListener.objects.exists():
            self.stdout.write(
                "no contract is followed yet: manage.py add_asset or add_contract registers one"
            )
        if is_bad:
            raise SystemExit(FAILING)


def _line(listener: EventListener, events: int, quarantined: int) -> str:
    what = f"{listener.get_kind_display().lower()} {listener.address} on {listener.network}"
    parts = [f"{what}: {_read(listener)}", f"{events:,} events"]
    if quarantined:
        parts.append(f"{quarantined:,} quarantined")
    if not listener.enabled:
        parts.append("switched off")
    if listener.last_error:
        parts.append(listener.last_error)
    return ", ".join(parts)


def _read(listener: EventListener) -> str:
    if listener.read_at is None:
        return "not read yet"
    age = max(0, int((clock.now() - listener.read_at).total_seconds()))
    lag = "" if listener.lag_seconds is None else f", {max(0, listener.lag_seconds)} s behind the chain"
    return f"read {age} s ago{lag}"
