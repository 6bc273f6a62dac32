"""Finding every row again whose ring was lost, and sealing the audit trail behind it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from contracts import clock
from contracts.doorbell import ring
from contracts.models import AuditEvent, ContractTransaction
from contracts.services import deploying, deploying_investments
from contracts.services.steps import over_ns

SWEEP_LOCK = 0x5041_5944_0001
SEAL_LOCK = 0x5041_5944_0002
MOST_RINGS = 500
RING_AGAIN = timedelta(seconds=6)
MOST_SEALS = 2000
MOST_SECONDS_TOGETHER = 10


@contextmanager
def single_flight(key: int) -> Iterator[bool]:
    """Holds an advisory lock for a whole tick; gives False when somebody else has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        has_lock = bool(cursor.fetchone()[0])
    try:
        yield has_lock
    finally:
        if has_lock:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def sweep() -> None:
    """Rings for every open transaction that is due and in nobody's hands, and for every deployment that may go on."""
    with single_flight(SWEEP_LOCK) as is_mine:
        if is_mine:
            _ring_due()
            deploying.ring_due()
            deploying_investments.ring_due()


def _ring_due() -> None:
    """What was rung for is left alone for a few ticks, so that rings do not pile up behind a slow signer."""
    now = clock.now()
    due = ContractTransaction.objects.due(now).order_by("next_attempt_at")
    columns = ("pk", "status", "wallet_id", "valid_start_ns", "valid_seconds", "submitted_at", "sequence")
    rows = list(due.only(*columns)[:MOST_RINGS])
    ContractTransaction.objects.filter(pk__in=[row.pk for row in rows]).update(
        next_attempt_at=now + RING_AGAIN
    )
    fresh = {row.pk for row in rows if _is_fresh(row)}
    for wallet in {row.wallet_id for row in rows if row.pk in fresh}:
        ring("contracts.resolve_sent", wallet)
    for row in rows:
        if row.pk not in fresh:
            ring(_task_for(row), row.pk)


def _is_fresh(row: ContractTransaction) -> bool:
    """Sent a moment ago: one look at the wallet finds it with the others. Afterwards it may have to be sent again.

    Stellar has no such look.
    """
    alone_after = timedelta(seconds=min(settings.RESEND_SECONDS, MOST_SECONDS_TOGETHER))
    is_young = row.submitted_at is not None and clock.now() - row.submitted_at < alone_after
    return is_young and row.sequence is None


def _task_for(row: ContractTransaction) -> str:
    if row.status == ContractTransaction.Status.SUBMITTED or _is_past(row):
        return "contracts.resolve_transaction"
    return "contracts.sign_transaction"


def _is_past(row: ContractTransaction) -> bool:
    return row.valid_start_ns is not None and clock.now_ns() > over_ns(row)


def seal_audit_events() -> int:
    """Gives unsealed events their sequence and hash chain, in the order of their ids; returns how many.

    An event inserted by a transaction still under way may get a later sequence than its id suggests; the
    chain proves that nothing was changed or removed afterwards, not the order of concurrent commits.
    """
    with single_flight(SEAL_LOCK) as is_mine:
        return _seal() if is_mine else 0


def _seal() -> int:
    with transaction.atomic():
        last = AuditEvent.objects.aggregate(last=Max("sequence"))["last"] or 0
        seal = AuditEvent.objects.get(sequence=last).seal if last else ""
        events = list(AuditEvent.objects.filter(sequence=None).order_by("id")[:MOST_SEALS])
        for event in events:
            last += 1
            seal = seal_of(seal, event)
            event.sequence, event.seal = last, seal
        _store_seals(events)
        return len(events)


def _store_seals(events: list[AuditEvent]) -> None:
    """One statement for all: the ORM's bulk update spells a case for every row and takes seconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE contracts_auditevent AS event SET sequence = news.sequence, seal = news.seal
              FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS news(id, sequence, seal)
             WHERE event.id = news.id
            """,
            [
                [event.pk for event in events],
                [event.sequence for event in events],
                [event.seal for event in events],
            ],
        )


def seal_of(previous: str, event: AuditEvent) -> str:
    fields = (
        previous,
        event.at.isoformat(),
        event.by,
        event.noun,
        str(event.object_id),
        event.object_label,
        event.what,
        event.source,
        event.target,
        event.reason,
    )
    return hashlib.sha256("\x1f".join(fields).encode()).hexdigest()
