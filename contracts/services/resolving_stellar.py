"""From SUBMITTED to an end on Stellar: one answer of the RPC tells of a transaction, or proves that it is absent.

The hash is ours since before it was signed, and its time bounds end: a ledger that closed later cannot have it.
"""

from typing import Any

from django.db.models import Min

from contracts import clock
from contracts.gateways import soroban, soroban_outcomes, soroban_state
from contracts.gateways.soroban_outcomes import NotFound, Outcome
from contracts.models import ContractTransaction
from contracts.services.resolving import (
    FOUND,
    NEVER_SENT,
    SLOW_LOOK,
    SUCCEEDED,
    expire,
    later,
    note_failure,
    note_sending,
    send_own_again,
)
from contracts.services.sending import NOT_YET
from contracts.services.steps import advance, postpone

Status = ContractTransaction.Status
ABSENT = "ledgers closed after its time without it"
# How far our clock may be ahead of the ledgers' when it notes the moment of sending.
CLOCK_SKEW_SECONDS = 60
PASSED_OVER = "its sequence number was not used in its time"


def look(row: ContractTransaction) -> None:
    """One question about the row's hash: ends it, sends its bytes again, or comes back later. Raises a GatewayError."""
    answer = soroban_outcomes.outcome(bytes.fromhex(row.transaction_id or ""))
    if isinstance(answer, Outcome):
        _found(row, answer)
    elif row.wallet.stopped_reason:
        postpone(row, f"the wallet is stopped: {row.wallet.stopped_reason}", until=clock.now() + SLOW_LOOK)
    else:
        _not_found(row, answer)


def _found(row: ContractTransaction, outcome: Outcome) -> None:
    FOUND.reach(row.subject)
    if row.status != Status.SUBMITTED and not note_sending(row):
        return
    facts: dict[str, Any] = {
        "consensus_at": f"{outcome.closed_at}.{0:09d}",
        "hash": row.transaction_id,
        "ledger": outcome.ledger,
        "fee_units": outcome.fee_stroops,
    }
    if not outcome.is_success:
        note_failure(row, outcome.code, outcome.text, facts)
    elif advance(
        row,
        Status.SUCCEEDED,
        result=_result(outcome),
        resolved_at=clock.now(),
        **facts,
    ):
        SUCCEEDED.reach(row.subject)


def _result(outcome: Outcome) -> dict[str, Any]:
    value = outcome.value
    return {"output": [] if value is None else [soroban_state.native(value)], "events": []}


def _not_found(row: ContractTransaction, answer: NotFound) -> None:
    ends_at = row.valid_until_ns // clock.NANOSECONDS
    if answer.latest_closed_at <= ends_at:
        may_send = row.broadcast_started_at is not None and clock.now_ns() < row.valid_until_ns
        later(row, send_own_again(row) if may_send else row.waiting_reason or NOT_YET)
    elif row.broadcast_started_at is None:
        expire(row, NEVER_SENT, only_if={"broadcast_started_at": None})
    elif words := _proof(row, answer):
        expire(row, words)
    else:
        since = f"{row.submitted_at or row.planned_at:%Y-%m-%d %H:%M:%S}"
        kept = "the RPC keeps no ledger from before it was sent, and its sequence number was used"
        postpone(row, f"unresolved since {since} UTC: {kept}; ask another RPC", until=clock.now() + SLOW_LOOK)


def _proof(row: ContractTransaction, answer: NotFound) -> str | None:
    """Why it is absent for ever: this answer covers the whole time it could be included, or its sequence is unused.

    The account is read at a ledger that closed after the call's time, or nothing is concluded from it.
    """
    first_sent = row.bodies.aggregate(first=Min("first_sent_at"))["first"]
    if first_sent is not None and answer.oldest_closed_at < first_sent.timestamp() - CLOCK_SKEW_SECONDS:
        return ABSENT
    sequence, ledger = soroban.account_at(row.wallet.account)
    if ledger >= answer.latest_ledger and sequence < (row.sequence or 0):
        return PASSED_OVER
    return None
