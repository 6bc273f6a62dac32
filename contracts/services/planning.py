"""PLANNED: a transaction is a row, committed with the caller's own state, before it is a message."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from contracts import clock, gates
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.models import Contract, ContractTransaction, Wallet
from contracts.services.identity import identity_problem
from contracts.services.steps import advance
from contracts.transitions import record_move, record_moves

PLANNED = fault_point("transaction.planned", scenario="payout")
TINYBARS_PER_HBAR = 100_000_000
ABANDONED = "ABANDONED"
ONE_ATTEMPT = ("transaction_once_per_attempt", "transaction_one_open_or_successful")


class Waiting(Exception):
    """A gate is closed; the text says why."""


class AlreadyOpen(Exception):
    """The subject has an open or successful attempt: nothing new may be planned for it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to be made: ``interface`` as in ``lccf/1.1``, ``arguments`` JSON-ready, gas in units of gas.

    On Stellar ``arguments`` are values as base64 XDR, and there is no gas: the fee covers all resources.
    """

    target: str
    interface: str
    function: str
    arguments: list[Any]
    gas_limit: int


@dataclass(frozen=True, slots=True)
class Owner:
    """Who signs for which contract, why, and what the calls belong to (``group_uid``), so that it finds them."""

    wallet: Wallet
    contract: Contract | None
    purpose: str
    group_uid: str
    has_guard: bool


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
    owner = Owner(wallet, contract, purpose, group_uid, has_guard)
    row = new_row(owner, call, subject, _next_attempt(subject))
    if reason := identity_problem() or gates.why_not(row):
        raise Waiting(reason)
    _insert(row)
    record_move(row, "", row.status, reason=f"attempt {row.attempt} of {call.function}", by="paydate")
    _announce(row)
    return row


def abandon(row: ContractTransaction, *, reason: str) -> bool:
    """Ends a planned call of which nobody has asked custody yet, because nobody waits for it any more.

    False when it has an identity: then only the chain can end it. In the caller's transaction.
    """
    if row.status != ContractTransaction.Status.PLANNED or row.valid_start_ns is not None:
        return False
    return advance(
        row,
        ContractTransaction.Status.EXPIRED,
        reason=reason,
        only_if={"valid_start_ns": None},
        resolved_at=clock.now(),
        error_class=ABANDONED,
        error_text=reason,
    )


def plan_first_attempts(owner: Owner, calls: Mapping[str, Call]) -> list[ContractTransaction]:
    """Like plan_transaction for many subjects of one owner, none of which had an attempt before.

    The gate is asked once, since it is the owner's. A constant number of statements. Raises Waiting, and
    AlreadyOpen when any of the subjects has an attempt after all; then nothing was inserted.
    """
    rows = [new_row(owner, call, subject, attempt=1) for subject, call in calls.items()]
    if rows and (reason := identity_problem() or gates.why_not(rows[0])):
        raise Waiting(reason)
    try:
        with transaction.atomic():
            ContractTransaction.objects.bulk_create(rows)
    except IntegrityError as error:
        raise _translated(error, "one of the subjects") from error
    record_moves((row, "", row.status, f"attempt 1 of {row.function}") for row in rows)
    for row in rows:
        _announce(row)
    return rows


def new_row(owner: Owner, call: Call, subject: str, attempt: int) -> ContractTransaction:
    """Not stored yet."""
    return ContractTransaction(
        wallet=owner.wallet,
        contract=owner.contract,
        target=call.target,
        interface=call.interface,
        function=call.function,
        arguments=call.arguments,
        gas_limit=call.gas_limit,
        max_fee_units=_max_fee(owner.wallet),
        purpose=owner.purpose,
        subject=subject,
        group_uid=owner.group_uid,
        attempt=attempt,
        has_guard=owner.has_guard,
        # Calls of Soroban carry none: there the hash is stored before it is signed, and is all that is looked for.
        memo="" if owner.wallet.is_on_stellar else f"pd1:{settings.PAYDATE_INSTANCE_ID}:{subject}:{attempt}",
    )


def _max_fee(wallet: Wallet) -> int:
    if wallet.is_on_stellar:
        return int(settings.SOROBAN_MAX_FEE_STROOPS)
    return int(settings.HEDERA_MAX_FEE_HBAR) * TINYBARS_PER_HBAR


def _announce(row: ContractTransaction) -> None:
    ring("contracts.sign_transaction", row.pk)
    transaction.on_commit(lambda: PLANNED.reach(row.subject))


def _next_attempt(subject: str) -> int:
    last: int | None = ContractTransaction.objects.of(subject).aggregate(last=Max("attempt"))["last"]
    return (last or 0) + 1


def _insert(row: ContractTransaction) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise _translated(error, row.subject) from error


def _translated(error: IntegrityError, subject: str) -> Exception:
    if any(name in str(error) for name in ONE_ATTEMPT):
        return AlreadyOpen(f"{subject} has an open or successful attempt")
    return error
