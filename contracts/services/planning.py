"""PLANNED: a transaction is a row, committed with the caller's own state, before it is a message."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from contracts import gates
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.models import Contract, ContractTransaction, Wallet
from contracts.transitions import record_move

PLANNED = fault_point("transaction.planned", scenario="payout")
TINYBARS_PER_HBAR = 100_000_000
ONE_ATTEMPT = ("transaction_once_per_attempt", "transaction_one_open_or_successful")


class Waiting(Exception):
    """A gate is closed; the text says why."""


class AlreadyOpen(Exception):
    """The subject has an open or successful attempt: nothing new may be planned for it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to be made: ``interface`` as in ``lccf/1.1``, ``arguments`` JSON-ready, gas in units of gas."""

    target: str
    interface: str
    function: str
    arguments: list[Any]
    gas_limit: int


def plan_transaction(
    *,
    wallet: Wallet,
    contract: Contract | None,
    call: Call,
    purpose: str,
    subject: str,
    group_uid: str,
    has_guard: bool,
) -> ContractTransaction:
    """Inserts the next attempt of ``subject`` in the caller's transaction and rings the signer on commit.

    ``group_uid`` names what the call belongs to, so that its owner finds all of its calls.

    Raises AlreadyOpen when the subject has an open or successful attempt, Waiting when the gate of the
    purpose is closed. Either way nothing was inserted.
    """
    row = ContractTransaction(
        wallet=wallet,
        contract=contract,
        target=call.target,
        interface=call.interface,
        function=call.function,
        arguments=call.arguments,
        gas_limit=call.gas_limit,
        max_fee_tinybars=settings.HEDERA_MAX_FEE_HBAR * TINYBARS_PER_HBAR,
        purpose=purpose,
        subject=subject,
        group_uid=group_uid,
        attempt=_next_attempt(subject),
        has_guard=has_guard,
    )
    row.memo = f"pd1:{settings.PAYDATE_INSTANCE_ID}:{subject}:{row.attempt}"
    if reason := gates.why_not(row):
        raise Waiting(reason)
    _insert(row)
    record_move(row, "", row.status, reason=f"attempt {row.attempt} of {call.function}", by="paydate")
    ring("contracts.sign_transaction", row.pk)
    transaction.on_commit(lambda: PLANNED.reach(subject))
    return row


def _next_attempt(subject: str) -> int:
    last: int | None = ContractTransaction.objects.of(subject).aggregate(last=Max("attempt"))["last"]
    return (last or 0) + 1


def _insert(row: ContractTransaction) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if any(name in str(error) for name in ONE_ATTEMPT):
            raise AlreadyOpen(f"{row.subject} has an open or successful attempt") from error
        raise
