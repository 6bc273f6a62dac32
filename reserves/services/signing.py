"""Signed checks: the same question as a transaction, which leaves a hash that anybody can look up.

In mode `submit` a signed call is the check, and its ticket waits for it. In mode `on_change` it is the evidence of an
answer that has changed the contract's state already: it never delays that change or undoes it.
"""

from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction

from contracts import clock
from contracts.doorbell import ring
from contracts.models import ContractTransaction, Hold
from contracts.services.planning import (
    ABANDONED,
    AlreadyOpen,
    Call,
    Waiting,
    abandon,
    plan_transaction,
)
from contracts.services.wallets import stop_wallet
from reserves.models import PaymentAvailability
from reserves.services.blocking import apply_answer

log = structlog.get_logger(__name__)
Status = ContractTransaction.Status
Outcome = PaymentAvailability.Outcome

PURPOSE = "check"
FUNCTION = "check_reserve_balance"
CUSTODY_PENDING = "CUSTODY_PENDING"
# Of calls that were not executed, or met another state than they were made for: the next one may go through.
PASSING = frozenset(
    {"EXPIRED", "txBAD_SEQ", "txTOO_LATE", "txTOO_EARLY", "txINSUFFICIENT_FEE", "txINTERNAL_ERROR"}
)
PASSING_KINDS = ("Storage:", "Budget:")


class NoAnswer(ValueError):
    """What a signed call returned is no shortfall; the message says what it is, ``code`` in one word."""

    def __init__(self, text: str, *, code: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """Missing base units as of the ledger that has the call."""

    units: int
    ledger: int


def last_call(ticket: PaymentAvailability) -> ContractTransaction | None:
    return ContractTransaction.objects.of(ticket.subject).last()


def plan_call(ticket: PaymentAvailability) -> ContractTransaction:
    """The next signed call of this ticket. Raises Waiting with the reason why none may be made now."""
    contract = ticket.contract
    if contract.wallet.stopped_reason:
        raise Waiting(f"the wallet is stopped: {contract.wallet.stopped_reason}")
    with transaction.atomic():
        row = plan_transaction(
            wallet=contract.wallet,
            contract=contract,
            call=Call(
                contract.address, f"investment/{contract.interface_version}", FUNCTION, [], gas_limit=0
            ),
            purpose=PURPOSE,
            subject=ticket.subject,
            group_uid=ticket.uid,
            has_guard=True,  # asking twice pays nobody
        )
        PaymentAvailability.objects.filter(pk=ticket.pk).update(transaction=row)
    ticket.transaction = row
    return row


def plan_evidence(ticket: PaymentAvailability) -> str:
    """Has the change that the ticket made signed as well, in the caller's transaction; else the words for why not."""
    try:
        plan_call(ticket)
    except (Waiting, AlreadyOpen) as error:
        return f"no signed check: {error}"
    except Exception as error:  # evidence never undoes what the answer has changed
        log.exception("evidence_not_planned")
        return f"no signed check: unexpected error, see the log: {type(error).__name__}: {error}"
    return ""


def answer_of(row: ContractTransaction) -> SignedAnswer:
    """Of a call that has succeeded. Raises NoAnswer."""
    output = (row.result or {}).get("output") or []
    units = output[0] if len(output) == 1 else None
    if not isinstance(units, int) or isinstance(units, bool):
        raise NoAnswer(f"the signed call returned {output!r}, which is no i128", code="NOT_I128")
    if units < 0:
        words = f"the signed call says that {units} are missing: a shortfall is 0 or more"
        raise NoAnswer(words, code="NEGATIVE")
    return SignedAnswer(units, row.ledger or 0)


def is_passing(row: ContractTransaction) -> bool:
    """Whether another call may go through where this one ended without an answer."""
    return row.error_class in PASSING or row.error_class.startswith(PASSING_KINDS)


def waited_in_vain(row: ContractTransaction) -> bool:
    """Custody was asked for an approval that did not come in time."""
    return row.custody_waiting_since is not None and row.broadcast_started_at is None


def may_come(row: ContractTransaction) -> bool:
    """Whether it was sent and is still valid."""
    return row.broadcast_started_at is not None and clock.now_ns() <= row.valid_until_ns


def give_up_on(ticket: PaymentAvailability) -> None:
    """In the transaction that ends the ticket, before it: a call that nothing was signed for is not made any more."""
    row = last_call(ticket)
    if row is not None:
        abandon(row, reason="its check has ended")


# -- the gate and the handler of these calls


def why_not(row: ContractTransaction) -> str | None:
    """A contract's own holds stop its payouts; checks must go on to end them. Only what stops everything stops them."""
    hold = Hold.objects.covering([]).first()
    return f"held: {hold.reason}" if hold else None


def on_arrow(row: ContractTransaction, arrow: str) -> None:
    """Runs in the transaction that moves the call."""
    ticket = PaymentAvailability.objects.filter(uid=row.group_uid).first()
    if ticket is None or row.error_class == ABANDONED:
        return
    if arrow == Status.EXPIRED and waited_in_vain(row):
        late = f"custody's approval of {row} came too late or not at all; start the wallet to ask again"
        stop_wallet(row.wallet, late)
    if _tell_open(ticket, row, arrow):
        return
    ticket.refresh_from_db()
    if arrow == Status.SUCCEEDED:
        _take_evidence(ticket, row)
    elif not row.is_open:
        _note(ticket, f"the signed check ended {row.status}: {row.error_text or row.error_class}")


def _tell_open(ticket: PaymentAvailability, row: ContractTransaction, arrow: str) -> bool:
    """False when the ticket has ended, maybe just now, and does not wait for the call any more."""
    waiting = PaymentAvailability.objects.open().filter(pk=ticket.pk)
    if arrow == "WAITING":
        words = f"custody waits for approval of {row}; approve it there"
        return bool(waiting.update(error_class=CUSTODY_PENDING, error_text=words))
    if row.is_open:
        return True
    if not waiting.update(next_attempt_at=clock.now()):
        return False
    ring("reserves.check", ticket.pk)
    return True


def _take_evidence(ticket: PaymentAvailability, row: ContractTransaction) -> None:
    """A deficit at a newer ledger counts; a signed 0 releases nothing, because the simulated answer has decided."""
    try:
        answer = answer_of(row)
    except NoAnswer as error:
        _note(ticket, str(error))
        return
    columns: dict[str, Any] = {"signed_units": answer.units, "signed_ledger": answer.ledger}
    if answer.units:  # the contract before its ticket: every answer takes them in this order
        outcome = apply_answer(ticket.contract_id, units=answer.units, ledger=answer.ledger)
        if outcome == Outcome.BLOCKED and not ticket.outcome:
            columns["outcome"] = outcome
    PaymentAvailability.objects.filter(pk=ticket.pk).update(**columns)
    if ticket.ledger is not None and answer.units != ticket.required_funds_units:
        _note(
            ticket,
            f"the signed check at ledger {answer.ledger} says {answer.units} units are missing, the simulated one at "
            f"ledger {ticket.ledger} said {ticket.required_funds_units}",
        )


def _note(ticket: PaymentAvailability, words: str) -> None:
    note = f"{ticket.note}; {words}" if ticket.note else words
    PaymentAvailability.objects.filter(pk=ticket.pk).update(note=note)
    ticket.note = note
