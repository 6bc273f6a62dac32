"""Giving stored events to their processors once more: after a mended processor, or one that is new."""

from dataclasses import dataclass, replace
from itertools import groupby

from django.db import transaction
from django.db.models import QuerySet

from chainsync.models import ChainEvent
from chainsync.services.reading import as_new, proved
from chainsync.services.storing import (
    NewEvent,
    event_of_log,
    lock_listener,
    process_waiting,
    understood,
)
from contracts.amounts import counted
from contracts.gateways.mirror import Log
from contracts.models import AuditEvent, Contract
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
        contract = Contract.objects.filter(network=network, address=address).first()
        if contract is not None:
            total += _replay_of(contract, list(group), by)
    return total


def _replay_of(contract: Contract, rows: list[ChainEvent], by: str) -> Replayed:
    news = [_read_anew(contract, row) for row in rows]
    found = {event.place: event for event in proved([one for one in news if not one.is_proved])}
    with transaction.atomic():
        lock_listener(contract)
        for row, event in zip(rows, news, strict=True):
            _write(row, found.get(event.place, event))
    for key in sorted({event.key for event in news if event.key}):
        with transaction.atomic():
            process_waiting(contract, key)
    left = ChainEvent.objects.filter(pk__in=[row.pk for row in rows], processed_at=None)
    replayed = Replayed(len(rows), len(rows) - left.count(), left.exclude(quarantine_reason="").count())
    AuditEvent.write(contract, what="events replayed", reason=str(replayed), by=by)
    return replayed


def _read_anew(contract: Contract, row: ChainEvent) -> NewEvent:
    """On Hedera from the log itself; on Stellar the decoded value was stored with it."""
    stored = as_new(row)
    if contract.network == hedera_network():
        entry = Log(
            address=contract.evm_address,
            contract_id=contract.address,
            consensus_at=row.consensus_at,
            index=row.log_index,
            topics=stored.topics,
            data=stored.data,
            transaction_hash=bytes.fromhex(row.transaction_hash),
            block_number=row.block,
        )
        return replace(event_of_log(contract, entry), is_proved=row.is_proved)
    return replace(understood(contract, stored, row.name, row.args), is_proved=row.is_proved)


def _write(row: ChainEvent, event: NewEvent) -> None:
    ChainEvent.objects.filter(pk=row.pk, processed_at=None).update(
        name=event.name,
        key=event.key,
        args=event.args,
        is_proved=event.is_proved,
        quarantine_reason=event.trouble,
    )
