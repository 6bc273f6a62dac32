"""What an answer about the reserve does to its contract, and what a person may do.

An answer counts only when its ledger is newer than that of the last one, so that a slow old answer never undoes
a fast new one. Code releases only what code has blocked.
"""

from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from contracts import clock
from contracts.amounts import format_units
from contracts.models import AuditEvent, Contract, Hold
from contracts.services.holds import PAYDATE, lift_hold, lift_own, place_hold
from contracts.transitions import move
from reserves.models import PaymentAvailability
from reserves.services.telling import note_blocked, note_released, note_shortfall
from reserves.services.ticketing import ask_again

log = structlog.get_logger(__name__)
Status = Contract.Status
Outcome = PaymentAvailability.Outcome
CAN_BE_BLOCKED = (Status.ACTIVE, Status.FUNDS_REACHED, Status.PAUSED)


class NotDone(Exception):
    """Nothing was changed; the message says what stands in the way."""


def requires(contract: Contract, units: int) -> str:
    token = contract.payment_token
    amount = format_units(units, decimals=token.decimals, symbol=token.symbol)
    return f"requires adding {amount} to the reserve fund to ensure investor payments"


@transaction.atomic(savepoint=False)
def apply_answer(pk: int, *, units: int, ledger: int) -> str:
    """Moves the contract as the answer demands; returns the outcome. One on Hedera is never moved by it.

    In the caller's transaction, which cannot go on when this fails.
    """
    contract = _locked(pk)
    if contract.checked_at_ledger is not None and ledger <= contract.checked_at_ledger:
        return Outcome.OUTDATED
    good = min(contract.good_checks + 1, 32_000) if units == 0 else 0
    seen = {
        "checked_at": clock.now(),
        "checked_at_ledger": ledger,
        "required_funds_units": units,
        "good_checks": good,
    }
    Contract.objects.filter(pk=pk).update(**seen)
    for name, value in seen.items():
        setattr(contract, name, value)
    if contract.kind == Contract.Kind.LIFECYCLE_CASH_FLOW:
        return _noted(contract)
    outcome = _covered(contract) if units == 0 else _short(contract)
    if contract.status == Status.BLOCKED:
        note_blocked(contract)
    return outcome


def _noted(contract: Contract) -> str:
    """Reservations hold the runs that lack money; a bill of next Friday never stops a funded run today."""
    note_shortfall(contract)
    return Outcome.SHORT if contract.required_funds_units else Outcome.NOTHING


def _short(contract: Contract) -> str:
    reason = f"{contract.label} {requires(contract, contract.required_funds_units)}"
    if contract.status == Status.BLOCKED:
        if contract.blocked_by == PAYDATE:  # the amount has changed; a person's reason is left alone
            Contract.objects.filter(pk=contract.pk).update(blocked_reason=reason)
            contract.blocked_reason = reason
            _hold(contract, reason)
        return Outcome.STILL_BLOCKED
    if contract.status not in CAN_BE_BLOCKED:
        return Outcome.NOTHING
    if _is_accepted(contract):
        return Outcome.ACCEPTED
    _block(contract, reason=reason, by=PAYDATE)
    return Outcome.BLOCKED


def _covered(contract: Contract) -> str:
    if contract.status != Status.BLOCKED:
        return Outcome.NOTHING
    if contract.blocked_by != PAYDATE or contract.good_checks < settings.RESERVE_GOOD_CHECKS:
        return Outcome.STILL_BLOCKED
    _release(contract, reason="the reserve covers the next payments", by=PAYDATE)
    return Outcome.RELEASED


def _is_accepted(contract: Contract) -> bool:
    limit, until = contract.accepted_deficit_units, contract.accepted_deficit_until
    if limit is None or (until is not None and until <= clock.now()):
        return False
    return contract.required_funds_units <= limit


def block(contract: Contract, *, reason: str, by: str) -> None:
    """A person's block: only a person lifts it. Raises NotDone."""
    if not reason.strip():
        raise NotDone("say why: a block needs a reason")
    with transaction.atomic():
        locked = _locked(contract.pk)
        if locked.status == Status.BLOCKED:
            if locked.blocked_by != PAYDATE:
                raise NotDone(
                    f"{locked.label} is BLOCKED already, by {locked.blocked_by}: {locked.blocked_reason}"
                )
            _take_over(locked, reason=reason, by=by)
        elif locked.status in CAN_BE_BLOCKED:
            _block(locked, reason=reason, by=by)
        else:
            raise NotDone(f"{locked.label} is {locked.status}: there is nothing to block")
        note_blocked(locked)


def unblock(
    contract: Contract, *, accepted_units: int | None, until: datetime | None, reason: str, by: str
) -> None:
    """A person releases it. Where money is missing, up to how many units, and until when, has to be accepted.

    Raises NotDone.
    """
    if not reason.strip():
        raise NotDone("say why: an unblocking needs a reason")
    with transaction.atomic():
        locked = _locked(contract.pk)
        if locked.status != Status.BLOCKED:
            raise NotDone(f"{locked.label} is {locked.status}, not BLOCKED")
        missing = locked.required_funds_units
        if missing and (accepted_units is None or accepted_units < missing):
            raise NotDone(
                f"{locked.label} {requires(locked, missing)}: accept a deficit of at least that, or add the money"
            )
        if accepted_units is not None:
            accept_deficit(locked, units=accepted_units, until=until, reason=reason, by=by)
        _release(locked, reason=reason, by=by)


def accept_deficit(contract: Contract, *, units: int, until: datetime | None, reason: str, by: str) -> None:
    """While the answers stay within it the contract is not blocked again. Raises NotDone."""
    if units < 1:
        raise NotDone("an accepted deficit is 1 unit or more")
    if until is not None and until <= clock.now():
        raise NotDone("the end of an accepted deficit lies in the future")
    words = f"{units} units" + (f" until {until:%Y-%m-%d %H:%M} UTC" if until else "")
    with transaction.atomic():
        Contract.objects.filter(pk=contract.pk).update(
            accepted_deficit_units=units,
            accepted_deficit_until=until,
            accepted_deficit_reason=reason,
            accepted_deficit_by=by,
        )
        AuditEvent.write(contract, what="accept deficit", target=words, reason=reason, by=by)


def release_own(pk: int, *, reason: str) -> Contract | None:
    """The contract, locked, its block lifted if code has placed it; None where a person's block stands.

    In the caller's transaction.
    """
    contract = _locked(pk)
    if contract.status == Status.BLOCKED:
        if contract.blocked_by != PAYDATE:
            return None
        _release(contract, reason=reason, by=PAYDATE)
    return contract


def withdraw_acceptance(contract: Contract, *, reason: str, by: str) -> None:
    """From now on every shortfall blocks it again; a check is asked for at once. Raises NotDone."""
    if not reason.strip():
        raise NotDone("say why: withdrawing needs a reason")
    with transaction.atomic():
        locked = _locked(contract.pk)
        if locked.accepted_deficit_units is None:
            raise NotDone(f"no deficit of {locked.label} is accepted: there is nothing to withdraw")
        Contract.objects.filter(pk=locked.pk).update(
            accepted_deficit_units=None,
            accepted_deficit_until=None,
            accepted_deficit_reason="",
            accepted_deficit_by="",
        )
        words = f"{locked.accepted_deficit_units} units"
        AuditEvent.write(locked, what="withdraw acceptance", source=words, reason=reason, by=by)
    ask_again(contract, by=by)


def _locked(pk: int) -> Contract:
    """Without its key: a tick that opens a ticket for each contract refers to them all, and must wait for none."""
    rows = Contract.objects.select_for_update(of=("self",), no_key=True).select_related("payment_token")
    return rows.get(pk=pk)


def _block(contract: Contract, *, reason: str, by: str) -> None:
    before = contract.status
    columns: dict[str, Any] = {
        "status_before_block": before,
        "blocked_at": clock.now(),
        "blocked_by": by,
        "blocked_reason": reason,
        "good_checks": 0,
    }
    move(contract, Status.BLOCKED, reason=reason, by=by, **columns)
    _hold(contract, reason, by=by)
    log.warning("contract_blocked", contract=contract.address, reason=reason, by=by)


def _take_over(contract: Contract, *, reason: str, by: str) -> None:
    """A contract that code has blocked is a person's from now on."""
    Contract.objects.filter(pk=contract.pk).update(blocked_by=by, blocked_reason=reason)
    contract.blocked_by, contract.blocked_reason = by, reason
    lift_own(
        scope=Hold.Scope.CONTRACT,
        object_uid=contract.uid,
        cause=Hold.Cause.BLOCKED,
        reason=f"taken over by {by}",
    )
    _hold(contract, reason, by=by)
    AuditEvent.write(contract, what="block", source=PAYDATE, target=by, reason=reason, by=by)


def _release(contract: Contract, *, reason: str, by: str) -> None:
    to = contract.status_before_block or Status.ACTIVE
    columns: dict[str, Any] = {
        "status_before_block": "",
        "blocked_at": None,
        "blocked_by": "",
        "blocked_reason": "",
    }
    move(contract, to, reason=reason, by=by, **columns)
    placed = Hold.objects.open().filter(scope=Hold.Scope.CONTRACT, object_uid=contract.uid)
    for hold in placed.filter(cause=Hold.Cause.BLOCKED):
        lift_hold(hold, reason=reason, by=by)
    note_released(contract, reason=reason, by=by)
    log.warning("contract_released", contract=contract.address, reason=reason, by=by)


def _hold(contract: Contract, reason: str, *, by: str = PAYDATE) -> None:
    """What stops the runs of this contract, and of the assets that it backs."""
    place_hold(
        scope=Hold.Scope.CONTRACT,
        object_uid=contract.uid,
        cause=Hold.Cause.BLOCKED,
        reason=reason,
        by=by,
        needs_operator=by != PAYDATE,
    )
