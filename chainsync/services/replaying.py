"""Giving stored events to their processors once more: after a mended processor, or one that is new."""

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

from django.db import transaction
from django.db.models import QuerySet

from chainsync.followed import Followed, NotFollowed, followed_by
from chainsync.models import ChainEvent, EventListener
from chainsync.services.reading import as_new, proved
from chainsync.services.storing import NewEvent, decoded, lock_listener, process_waiting, understood
from contracts.amounts import counted
from contracts.models import AuditEvent
from contracts.services.networks import hedera_network


@dataclass(frozen=True, slots=True)
class Replayed:
    """Counts of events: given once more, taken by their processors, and quarantined as before."""

    tried: int
    taken: int
    quarantined: int

    def __add__(self, other: "Replayed") -> "Replayed":
        return Replayed(
            self.tried + other.tried, self.taken + other.taken, self.quarantined + other.quarantined
        )

    def __str__(self) -> str:
        return f"{counted(self.tried, 'event')} tried, {self.taken:,} taken, {self.quarantined:,} quarantined"


def replay(events: QuerySet[ChainEvent], *, by: str) -> Replayed:
    """Reads each event's raw bytes anew and gives it to its processor; nothing that was processed is touched.

    To be called outside any database transaction: what is new has to be found in its transaction's result first.
    Raises GatewayError when the mirror node cannot say so; what was replayed until then stays.
    """
    rows = list(events.filter(processed_at=None).order_by("network", "address", "pk"))
    total = Replayed(0, 0, 0)
    for (network, address), group in groupby(rows, key=lambda row: (row.network, row.address)):
        listener = EventListener.objects.get(network=network, address=address)
        with suppress(NotFollowed):
            total += _replay_of(followed_by(listener), list(group), by)
    return total


def _replay_of(followed: Followed, rows: list[ChainEvent], by: str) -> Replayed:
    news = [_read_anew(followed, row) for row in rows]
    found = {event.place: event for event in proved([one for one in news if not one.is_proved])}
    with transaction.atomic():
        lock_listener(followed)
        for row, event in zip(rows, news, strict=True):
            _write(row, found.get(event.place, event))
    for key in sorted({event.key for event in news if event.key}):
        with transaction.atomic():
            process_waiting(followed, key)
    left = ChainEvent.objects.filter(pk__in=[row.pk for row in rows], processed_at=None)
    replayed = Replayed(len(rows), len(rows) - left.count(), left.exclude(quarantine_reason="").count())
    AuditEvent.write(followed, what="events replayed", reason=str(replayed), by=by)
    return replayed


def _read_anew(followed: Followed, row: ChainEvent) -> NewEvent:
    """On Hedera from the raw bytes; on Stellar the decoded value was stored with them."""
    stored = replace(as_new(row), name="", key="", args={}, is_proved=row.is_proved)
    if followed.network == hedera_network():
        return decoded(followed, stored)
    return understood(followed, stored, row.name, row.args)


def _write(row: ChainEvent, event: NewEvent) -> None:
    """Another reader may have proved it meanwhile: that is not taken back."""
    rows = ChainEvent.objects.filter(pk=row.pk, processed_at=None)
    rows.update(name=event.name, key=event.key, args=event.args)
    if event.is_proved:
        rows.update(is_proved=True, quarantine_reason=event.trouble)
    else:
        rows.filter(is_proved=False).update(quarantine_reason=event.trouble)
