"""Two people's word in place of a proof: a call that cannot be proved absent is declared expired after a day.

Only for calls that the chain itself refuses to do twice, so that a mistake pays nobody twice. Both reasons are kept.
"""

from datetime import timedelta

from django.db import IntegrityError, transaction

from contracts import clock
from contracts.gateways import soroban_outcomes
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import mirror
from contracts.models import AuditEvent, ContractTransaction, ExpiryDeclaration
from contracts.services.resolving import EXPIRED, own_hashes, own_record
from contracts.services.steps import advance

Status = ContractTransaction.Status
UNRESOLVED_FOR = timedelta(hours=24)
PEOPLE = 2


class NotDeclared(Exception):
    """Nothing was declared; the text says why."""


def may_be_declared(row: ContractTransaction) -> bool:
    """What the row itself tells; the chain is asked when somebody declares."""
    if row.status != Status.SUBMITTED or not row.has_guard:
        return False
    return clock.now() - clock.from_ns(row.valid_until_ns) >= UNRESOLVED_FOR


def declare_expired(row: ContractTransaction, *, by: str, reason: str) -> bool:
    """Keeps one person's word; True when it was the second person's and the row is EXPIRED. Raises NotDeclared."""
    if not reason.strip():
        raise NotDeclared("say why: a declaration needs a reason")
    _check(row)
    with transaction.atomic():
        ContractTransaction.objects.select_for_update().get(pk=row.pk)
        _keep(row, by, reason)
        declared = list(row.expiry_declarations.order_by("pk"))
        if len(declared) < PEOPLE:
            return False
        people = " and ".join(f"{one.by} ({one.reason})" for one in declared)
        words = f"declared expired by {people}"
        if not advance(
            row,
            Status.EXPIRED,
            reason=words,
            by=by,
            resolved_at=clock.now(),
            error_class="EXPIRED",
            error_text=words,
        ):
            raise NotDeclared("the chain has just decided otherwise; look at the transaction again")
    EXPIRED.reach(row.subject)
    return True


def _check(row: ContractTransaction) -> None:
    if row.status != Status.SUBMITTED:
        raise NotDeclared(
            f"it is {row.status}: only a call that was sent and not found can be declared expired"
        )
    if not row.has_guard:
        raise NotDeclared(
            "the chain would do this call's work twice, so only a proof ends it: a later transaction of its payer"
        )
    try:
        chain_ns = _absent_until_ns(row)
    except GatewayError as error:
        raise NotDeclared(f"the chain has to be asked first, and that failed: {error}") from error
    if chain_ns is None:
        raise NotDeclared("it is on chain; its result is being read")
    age = timedelta(microseconds=(chain_ns - row.valid_until_ns) // 1000)
    if age < UNRESOLVED_FOR:
        raise NotDeclared(
            f"by the chain's time it can be declared expired in {UNRESOLVED_FOR - age}, not before"
        )


def _absent_until_ns(row: ContractTransaction) -> int | None:
    """The chain's time, at which it does not show the call; None when it does. Raises a GatewayError."""
    if row.is_on_stellar:
        answer = soroban_outcomes.outcome(bytes.fromhex(row.transaction_id or ""))
        return (
            answer.latest_closed_at * clock.NANOSECONDS
            if isinstance(answer, soroban_outcomes.NotFound)
            else None
        )
    chain_ns = mirror().newest_consensus_ns()
    records = mirror().transaction(row.transaction_id or "")
    is_there = own_record(row, records, own_hashes(row)) is not None
    return None if is_there else chain_ns


def _keep(row: ContractTransaction, by: str, reason: str) -> None:
    try:
        with transaction.atomic():
            declaration = ExpiryDeclaration.objects.create(transaction=row, by=by, reason=reason)
    except IntegrityError as error:
        raise NotDeclared("you have declared it already: a second person has to agree") from error
    AuditEvent.write(row, what="declare", target=declaration.by, reason=reason, by=by)
