"""One check: ask the chain, store the answer, and let the contract move as it demands."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from structlog.contextvars import bound_contextvars

from contracts import clock
from contracts.gateways import soroban
from contracts.gateways.errors import GatewayError, Refused, Throttled
from contracts.leases import lease
from contracts.transitions import move
from reserves.models import PaymentAvailability
from reserves.services.blocking import apply_answer

log = structlog.get_logger(__name__)
Status = PaymentAvailability.Status

LONGEST_PAUSE = timedelta(seconds=60)
RESTORE = "state of the contract is archived: a call will have to restore it"


def check(pk: int) -> None:
    """One visit of an open ticket, by whoever gets its lease. It ends PROCESSED, FAILED, or waits for another."""
    with lease(PaymentAvailability, pk) as ticket:
        if ticket is None or ticket.status != Status.PENDING:
            return
        with bound_contextvars(ticket=ticket.uid, contract=ticket.contract.address):
            _visit(ticket)


def _visit(ticket: PaymentAvailability) -> None:
    try:
        answer = soroban.reserve_shortfall(ticket.contract.address)
    except GatewayError as error:
        _failed(ticket, error)
        return
    except Exception as error:
        log.exception("unexpected_error")
        words = f"unexpected error, see the log of {ticket.uid}: {type(error).__name__}: {error}"
        _again(ticket, "UNEXPECTED", words)
        return
    _processed(ticket, answer)


def _processed(ticket: PaymentAvailability, answer: soroban.ReserveAnswer) -> None:
    with transaction.atomic():
        outcome = apply_answer(ticket.contract_id, units=answer.units, ledger=answer.ledger)
        has_moved = move(
            ticket,
            Status.PROCESSED,
            attempts=ticket.attempts + 1,
            required_funds_units=answer.units,
            ledger=answer.ledger,
            checked_at=clock.now(),
            outcome=outcome,
            note=RESTORE if answer.needs_restore else "",
        )
        if not has_moved:  # another visit has answered it: what that one did to the contract stands
            transaction.set_rollback(True)


def _failed(ticket: PaymentAvailability, error: GatewayError) -> None:
    """A refusal is final for this ticket; the next tick opens another."""
    name = error.code or type(error).__name__
    if isinstance(error, Refused):
        _give_up(ticket, name, str(error))
    else:
        _again(ticket, name, str(error), after=error.retry_after if isinstance(error, Throttled) else None)


def _again(ticket: PaymentAvailability, name: str, text: str, *, after: float | None = None) -> None:
    attempts = ticket.attempts + 1
    if attempts >= settings.RESERVE_CHECK_ATTEMPTS:
        _give_up(ticket, name, text)
        return
    pause = min(timedelta(seconds=after or 2**attempts), LONGEST_PAUSE)
    PaymentAvailability.objects.filter(pk=ticket.pk, status=Status.PENDING).update(
        attempts=attempts,
        next_attempt_at=clock.now() + pause,
        error_class=name[:64],
        error_text=text,
    )


def _give_up(ticket: PaymentAvailability, name: str, text: str) -> None:
    with transaction.atomic():
        move(
            ticket,
            Status.FAILED,
            reason=text[:500],
            attempts=ticket.attempts + 1,
            error_class=name[:64],
            error_text=text,
        )
