"""What the steps of a transaction share: moving its row with its handler, and making it wait with a reason."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from contracts import clock, gates
from contracts.models import ContractTransaction
from contracts.transitions import move

LONGEST_BACKOFF_SECONDS = 30


def advance(row: ContractTransaction, to: str, *, reason: str = "", **columns: Any) -> bool:
    """Moves the row and tells its owner in one transaction; the loser of a race gets False and stops."""
    with transaction.atomic():
        moved = move(row, to, reason=reason, waiting_reason="", tries=0, **columns)
        if moved:
            gates.tell(row, to)
    return moved


def postpone(row: ContractTransaction, reason: str, *, until: datetime | None = None) -> None:
    """Leaves the row where it is; the sweeper comes back at ``until``, or after a growing pause."""
    row.tries += 1
    row.waiting_reason = reason
    row.next_attempt_at = until or clock.now() + timedelta(
        seconds=min(2 ** (row.tries - 1), LONGEST_BACKOFF_SECONDS)
    )
    ContractTransaction.objects.filter(pk=row.pk, status=row.status).update(
        tries=row.tries, waiting_reason=reason, next_attempt_at=row.next_attempt_at
    )


def fail(row: ContractTransaction, error_class: str, text: str, **columns: Any) -> bool:
    """FAILED with its class and the raw words of whoever refused."""
    return advance(
        row,
        ContractTransaction.Status.FAILED,
        reason=text[:500],
        error_class=error_class[:64],
        error_text=text,
        resolved_at=clock.now(),
        **columns,
    )
