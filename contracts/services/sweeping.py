"""Finding every row again whose ring was lost, and sealing the audit trail behind it."""

import hashlib

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from contracts import clock
from contracts.doorbell import ring
from contracts.models import AuditEvent, ContractTransaction

SWEEP_LOCK = 0x5041_5944_0001
SEAL_LOCK = 0x5041_5944_0002
MOST_RINGS = 500
MOST_SEALS = 2000


def single_flight(key: int) -> bool:
    """Takes an advisory lock until the end of this transaction; False when somebody else has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [key])
        return bool(cursor.fetchone()[0])


def sweep() -> None:
    """Rings for every open transaction that is due and in nobody's hands."""
    with transaction.atomic():
        if not single_flight(SWEEP_LOCK):
            return
        for row in ContractTransaction.objects.due(clock.now()).order_by("next_attempt_at")[:MOST_RINGS]:
            ring(_task_for(row), row.pk)


def _task_for(row: ContractTransaction) -> str:
    if row.status == ContractTransaction.Status.SUBMITTED or _is_past(row):
        return "contracts.resolve_transaction"
    return "contracts.sign_transaction"


def _is_past(row: ContractTransaction) -> bool:
    """Validity is over: nothing can be signed or sent any more, only the chain can be asked."""
    margin = settings.EXPIRY_MARGIN_SECONDS * clock.NANOSECONDS
    return row.valid_start_ns is not None and clock.now_ns() > row.valid_until_ns + margin


def seal_audit_events() -> int:
    """Gives unsealed events their sequence and hash chain, in the order of their ids; returns how many.

    An event inserted by a transaction still under way may get a later sequence than its id suggests; the
    chain proves that nothing was changed or removed afterwards, not the order of concurrent commits.
    """
    with transaction.atomic():
        if not single_flight(SEAL_LOCK):
            return 0
        last = AuditEvent.objects.aggregate(last=Max("sequence"))["last"] or 0
        seal = AuditEvent.objects.get(sequence=last).seal if last else ""
        events = list(AuditEvent.objects.filter(sequence=None).order_by("id")[:MOST_SEALS])
        for event in events:
            last += 1
            seal = seal_of(seal, event)
            event.sequence, event.seal = last, seal
        AuditEvent.objects.bulk_update(events, ["sequence", "seal"], batch_size=500)
        return len(events)


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
