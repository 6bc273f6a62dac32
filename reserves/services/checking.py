"""One check: ask the chain, store the answer, and let the contract move as it demands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from structlog.contextvars import bound_contextvars

from contracts import clock
from contracts.faults import fault_point
from contracts.gateways import soroban
from contracts.gateways.errors import GatewayError, Refused, Throttled
from contracts.leases import RELEASED, lease
from contracts.models import Contract, ContractTransaction
from contracts.services.planning import AlreadyOpen, Waiting
from contracts.transitions import move
from reserves.models import PaymentAvailability
from reserves.services import covering, signing, telling
from reserves.services.blocking import apply_answer
from reserves.services.books import own_missing_units
from reserves.services.ordinary import took_ordinary
from reserves.services.ticketing import open_again

log = structlog.get_logger(__name__)
Status = PaymentAvailability.Status
Mode = PaymentAvailability.Mode
Outcome = PaymentAvailability.Outcome

TAKEN_UP = fault_point("ticket.taken_up", scenario="reserve")
ANSWERED = fault_point("ticket.answered", scenario="reserve")
PROCESSED = fault_point("ticket.processed", scenario="reserve")
FAILED = fault_point("ticket.failed", scenario="reserve_failed")

LONGEST_PAUSE = timedelta(seconds=60)
# A signed call rings when it has ended; this is for rings that are lost.
WAIT_FOR_CALL = timedelta(seconds=6)
CHANGES = (Outcome.BLOCKED, Outcome.RELEASED)
RESTORE = "state of the contract is archived: a call will have to restore it"


@dataclass(frozen=True, slots=True)
class Answer:
    """Missing base units as of a ledger or block, and what else is known of it, as columns of the ticket."""

    units: int
    ledger: int
    note: str = ""
    columns: dict[str, Any] | None = None


def check(pk: int) -> None:
    """One visit of an open ticket, by whoever gets its lease. It ends PROCESSED, FAILED, or waits for another."""
    with lease(PaymentAvailability, pk) as ticket:
        if ticket is None or ticket.status != Status.PENDING:
            return
        with bound_contextvars(ticket=ticket.uid, contract=ticket.contract.address):
            _visit(ticket)


def _visit(ticket: PaymentAvailability) -> None:
    if ticket.started_at is None:
        ticket.started_at = clock.now()
    TAKEN_UP.reach(ticket.contract.uid)
    try:
        _ask(ticket)
    except GatewayError as error:
        _failed(ticket, error)
    except Exception as error:
        log.exception("unexpected_error")
        # What was moved in vain was moved in this instance, too.
        ticket.refresh_from_db(fields=["status", "attempts", "lease_owner"])
        words = f"unexpected error, see the log of {ticket.uid}: {type(error).__name__}: {error}"
        _again(ticket, "UNEXPECTED", words)


def _ask(ticket: PaymentAvailability) -> None:
    """Raises a GatewayError."""
    if ticket.contract.kind == Contract.Kind.LIFECYCLE_CASH_FLOW:
        _processed(ticket, _covered(ticket.contract))
    elif ticket.mode == Mode.SUBMIT:
        _follow_call(ticket)
    else:
        _processed(ticket, _simulated(ticket.contract))


def _simulated(contract: Contract) -> Answer:
    answer = soroban.reserve_shortfall(contract.address)
    return Answer(answer.units, answer.ledger, RESTORE if answer.needs_restore else "")


def _covered(contract: Contract) -> Answer:
    found = covering.look(contract)
    columns = {"balance_units": found.balance_units, "due_units": found.due_units}
    return Answer(found.missing_units, found.block, columns=columns)


# -- signed


def _follow_call(ticket: PaymentAvailability) -> None:
    """Makes the signed call of the ticket, or takes what became of it."""
    row = signing.last_call(ticket)
    if row is None:
        _plan(ticket)
    elif row.is_open:
        _wait_for(ticket, row)
    elif row.status == ContractTransaction.Status.SUCCEEDED:
        _take(ticket, row)
    elif signing.waited_in_vain(row):
        _give_up(ticket, signing.CUSTODY_PENDING, row.error_text)
    elif not signing.is_passing(row):
        _give_up(ticket, row.error_class, row.error_text)
    elif _again(ticket, row.error_class, row.error_text):
        _plan(ticket)


def _plan(ticket: PaymentAvailability) -> None:
    try:
        row = signing.plan_call(ticket)
    except AlreadyOpen:  # another visit was first
        return
    except Waiting as error:
        _again(ticket, "HELD", str(error))
    else:
        _wait_for(ticket, row)


def _wait_for(ticket: PaymentAvailability, row: ContractTransaction) -> None:
    """While its wallet is stopped nothing is sent or called absent, and nobody knows how long: only what was sent
    and may still come is waited for.
    """
    if row.wallet.stopped_reason and not signing.may_come(row):
        _give_up(ticket, "WALLET_STOPPED", f"the wallet is stopped: {row.wallet.stopped_reason}")
        return
    columns = {"next_attempt_at": clock.now() + WAIT_FOR_CALL, "started_at": ticket.started_at}
    PaymentAvailability.objects.filter(pk=ticket.pk, status=Status.PENDING).update(**columns)


def _take(ticket: PaymentAvailability, row: ContractTransaction) -> None:
    try:
        answer = signing.answer_of(row)
    except signing.NoAnswer as error:
        _give_up(ticket, error.code, str(error))
        return
    signed = {"signed_units": answer.units, "signed_ledger": answer.ledger}
    _processed(ticket, Answer(answer.units, answer.ledger, columns=signed))


# -- its end


def _processed(ticket: PaymentAvailability, answer: Answer) -> None:
    ANSWERED.reach(ticket.contract.uid)
    now = clock.now()
    is_plain = not (answer.units or answer.note or answer.columns)
    if not (is_plain and took_ordinary(ticket, ledger=answer.ledger, now=now)):
        _move_by(ticket, answer, now)
    PROCESSED.reach(ticket.contract.uid)


def _move_by(ticket: PaymentAvailability, answer: Answer, now: datetime) -> None:
    own_units = _own_units(ticket.contract)
    with transaction.atomic():
        outcome = apply_answer(ticket.contract_id, units=answer.units, ledger=answer.ledger)
        has_moved = move(
            ticket,
            Status.PROCESSED,
            attempts=ticket.attempts + 1,
            started_at=ticket.started_at,
            required_funds_units=answer.units,
            ledger=answer.ledger,
            checked_at=now,
            ended_at=now,
            outcome=outcome,
            note=answer.note,
            own_units=own_units,
            error_class="",
            error_text="",
            **RELEASED,
            **(answer.columns or {}),
        )
        if not has_moved:  # another visit has answered it: what that one did to the contract stands
            transaction.set_rollback(True)
            return
        if ticket.mode == Mode.ON_CHANGE and outcome in CHANGES and _is_investment(ticket):
            _add_note(ticket, signing.plan_evidence(ticket))
        _follow_up(ticket)


def _follow_up(ticket: PaymentAvailability) -> None:
    """What else the answer sets off; of nearly all there is nothing, which one statement tells."""
    row = PaymentAvailability.objects.annotate(is_told=telling.told_of_failures(ticket.contract))
    is_asked_again, is_told = row.values_list("is_asked_again", "is_told").get(pk=ticket.pk)
    if is_told:
        telling.note_check_answered(ticket)
    if is_asked_again:
        open_again(ticket)


def _is_investment(ticket: PaymentAvailability) -> bool:
    return ticket.contract.kind == Contract.Kind.INVESTMENT


def _own_units(contract: Contract) -> int | None:
    """For comparison only: a defect of our own calendar never keeps the chain's answer from counting."""
    if contract.kind != Contract.Kind.INVESTMENT:
        return None
    try:
        return own_missing_units(contract, now=clock.now())
    except Exception:
        log.exception("own_units_not_known")
        return None


def _add_note(ticket: PaymentAvailability, words: str) -> None:
    if words:
        ticket.note = f"{ticket.note}; {words}" if ticket.note else words
        PaymentAvailability.objects.filter(pk=ticket.pk).update(note=ticket.note)


def _failed(ticket: PaymentAvailability, error: GatewayError) -> None:
    """A refusal is final for this ticket; the next tick opens another."""
    name = error.code or type(error).__name__
    if isinstance(error, Refused):
        _give_up(ticket, name, _in_full(error))
    else:
        _again(ticket, name, str(error), after=error.retry_after if isinstance(error, Throttled) else None)


def _in_full(error: Refused) -> str:
    """With what the host had to say about a call that it stopped."""
    diagnostics = getattr(error, "diagnostics", ())
    return "\n".join([str(error), *diagnostics])


def _again(ticket: PaymentAvailability, name: str, text: str, *, after: float | None = None) -> bool:
    """Puts it off for another attempt; False when it was the last one, and the ticket has FAILED."""
    attempts = ticket.attempts + 1
    if attempts >= settings.RESERVE_CHECK_ATTEMPTS:
        _give_up(ticket, name, text)
        return False
    pause = min(timedelta(seconds=after or 2**attempts), LONGEST_PAUSE)
    PaymentAvailability.objects.filter(pk=ticket.pk, status=Status.PENDING).update(
        attempts=attempts,
        started_at=ticket.started_at,
        next_attempt_at=clock.now() + pause,
        error_class=name[:64],
        error_text=text,
    )
    ticket.attempts = attempts
    return True


def _give_up(ticket: PaymentAvailability, name: str, text: str) -> None:
    with transaction.atomic():
        if ticket.mode == Mode.SUBMIT:  # the call before its ticket, as those who move calls take them
            signing.give_up_on(ticket)
        has_moved = move(
            ticket,
            Status.FAILED,
            reason=text[:500],
            attempts=ticket.attempts + 1,
            started_at=ticket.started_at,
            ended_at=clock.now(),
            error_class=name[:64],
            error_text=text,
            **RELEASED,
        )
        if not has_moved:  # another visit was first, and may still wait for the call
            transaction.set_rollback(True)
            return
        telling.note_check_failed(ticket)
        open_again(ticket)
    FAILED.reach(ticket.contract.uid)
