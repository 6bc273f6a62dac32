"""What the steps of a transaction share: moving its row with its handler, and making it wait with a reason."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from structlog.contextvars import bound_contextvars

from contracts import clock, gates
from contracts.doorbell import ring
from contracts.gateways.errors import GatewayError
from contracts.leases import lease
from contracts.models import ContractTransaction
from contracts.services.clocks import note_refusal
from contracts.services.holds import PAYDATE
from contracts.transitions import move

log = structlog.get_logger(__name__)

LONGEST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE_UNEXPECTED = timedelta(seconds=60)


def visit(row_id: int, step: Callable[[ContractTransaction], None], *, asked: str) -> None:
    """Takes an open row's lease and one step with it; whatever goes wrong is stored on the row, in words.

    ``asked`` names who did not answer when a gateway fails.
    """
    with lease(ContractTransaction, row_id) as row:
        if row is None or not row.is_open:
            return
        with bound_contextvars(distribution=row.group_uid, subject=row.subject, attempt=row.attempt):
            _take_step(row, step, asked)


def _take_step(row: ContractTransaction, step: Callable[[ContractTransaction], None], asked: str) -> None:
    try:
        step(row)
    except GatewayError as error:
        postpone(row, f"{asked} does not answer: {error}")
    except Exception as error:
        log.exception("unexpected_error", transaction_id=row.transaction_id)
        words = f"unexpected error, see the log of {row.subject}: {type(error).__name__}: {error}"
        postpone(row, words, longest=LONGEST_PAUSE_UNEXPECTED)


def advance(
    row: ContractTransaction,
    to: str,
    *,
    reason: str = "",
    by: str = PAYDATE,
    only_if: dict[str, Any] | None = None,
    **columns: Any,
) -> bool:
    """Moves the row and tells its owner in one transaction; the loser of a race gets False and stops."""
    with transaction.atomic(savepoint=False):
        moved = move(row, to, reason=reason, by=by, only_if=only_if, waiting_reason="", tries=0, **columns)
        if moved:
            gates.tell(row, to)
            if row.sequence is not None and not row.is_open:
                _ring_for_the_next_of_its_source(row)
    return moved


def _ring_for_the_next_of_its_source(row: ContractTransaction) -> None:
    """A source account of Stellar has one call under way at a time; the oldest that waits is next."""
    waiting = ContractTransaction.objects.filter(
        wallet_id=row.wallet_id, status=ContractTransaction.Status.PLANNED, sequence=None
    )
    if pk := waiting.order_by("pk").values_list("pk", flat=True).first():
        ring("contracts.sign_transaction", pk)


def postpone(
    row: ContractTransaction,
    reason: str,
    *,
    until: datetime | None = None,
    longest: timedelta = LONGEST_PAUSE,
) -> None:
    """Leaves the row where it is; the sweeper comes back at ``until``, or after a pause that grows to ``longest``."""
    if until is None:
        row.tries = min(row.tries + 1, 30)
        until = clock.now() + min(timedelta(seconds=2 ** (row.tries - 1)), longest)
    row.waiting_reason = reason
    row.next_attempt_at = until
    ContractTransaction.objects.filter(pk=row.pk, status=row.status).update(
        tries=row.tries, waiting_reason=reason, next_attempt_at=until
    )


def over_ns(row: ContractTransaction) -> int:
    """From when on nothing can be signed or sent any more and only the chain can be asked."""
    # On Stellar the first ledger that closes after the validity says so.
    margin = 0 if row.sequence is not None else settings.EXPIRY_MARGIN_SECONDS * clock.NANOSECONDS
    return row.valid_until_ns + margin


def fail(row: ContractTransaction, error_class: str, text: str, **columns: Any) -> bool:
    """FAILED with its class and the raw words of whoever refused."""
    has_failed = advance(
        row,
        ContractTransaction.Status.FAILED,
        reason=text[:500],
        error_class=error_class[:64],
        error_text=text,
        resolved_at=clock.now(),
        **columns,
    )
    if has_failed:
        note_refusal(row)
    return has_failed
