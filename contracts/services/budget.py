"""The custody budget: a token row in PostgreSQL that all signers of the cluster share."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from contracts import clock
from contracts.models import CustodyBudget

DEFAULT_PAUSE_SECONDS = 30.0
SECONDS_PER_MINUTE = 60
LONGEST_WAIT_SECONDS = 2.0
SAVED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Slot:
    """Granted: custody may be asked from ``at`` on. Else: ask for a slot again at ``at``."""

    is_granted: bool
    at: datetime


def take(custodian: str, *, requests: int) -> Slot:
    """Takes ``requests`` from the budget, also those of the next two seconds: who waits for a slot that is his
    own leaves none unused, and nobody asks in vain. Runs in the caller's transaction, if there is one.
    """
    now = clock.now()
    rate = settings.CUSTODY_REQUESTS_PER_MINUTE / SECONDS_PER_MINUTE
    if not rate:
        return _unless_paused(custodian, now)
    with transaction.atomic(savepoint=False):
        row = _locked(custodian)
        if row.paused_until and row.paused_until > now:
            return Slot(is_granted=False, at=row.paused_until)
        _refill(row, now, rate, at_least=requests)
        wait = max(0.0, (requests - row.tokens) / rate)
        if wait > LONGEST_WAIT_SECONDS:
            return Slot(is_granted=False, at=now + timedelta(seconds=wait - LONGEST_WAIT_SECONDS / 2))
        row.tokens -= requests
        row.save(update_fields=["tokens", "refilled_at"])
    return Slot(is_granted=True, at=now + timedelta(seconds=wait))


def wait_for(at: datetime) -> None:
    """Sleeps until a granted slot begins: a signer's thread has nothing else to do while the budget is short."""
    time.sleep(min(LONGEST_WAIT_SECONDS, max(0.0, (at - clock.now()).total_seconds())))


def _unless_paused(custodian: str, now: datetime) -> Slot:
    paused = CustodyBudget.objects.filter(custodian=custodian, paused_until__gt=now)
    until = paused.values_list("paused_until", flat=True).first()
    return Slot(is_granted=until is None, at=until or now)


def pause(custodian: str, retry_after: float | None) -> datetime:
    """After a 429: nobody asks this custodian before the returned moment."""
    until = clock.now() + timedelta(seconds=retry_after or DEFAULT_PAUSE_SECONDS)
    with transaction.atomic():
        row = _locked(custodian)
        row.paused_until = max(until, row.paused_until or until)
        row.save(update_fields=["paused_until"])
    return row.paused_until


def free(row: CustodyBudget, now: datetime) -> float | None:
    """Requests that are free at ``now``, without taking any; None while there is no limit."""
    rate = settings.CUSTODY_REQUESTS_PER_MINUTE / SECONDS_PER_MINUTE
    if not rate:
        return None
    _refill(row, now, rate, at_least=0)
    return row.tokens


def _refill(row: CustodyBudget, now: datetime, rate: float, *, at_least: int) -> None:
    """At most a second's worth is saved up, or one signature's where that is more: a pause ends in no burst.

    Custody counts requests when they arrive, so what is saved up adds to what the threads have under way.
    """
    elapsed = max(0.0, (now - row.refilled_at).total_seconds())
    row.tokens = min(max(rate * SAVED_SECONDS, at_least), row.tokens + elapsed * rate)
    row.refilled_at = now


def _locked(custodian: str) -> CustodyBudget:
    CustodyBudget.objects.get_or_create(custodian=custodian)
    return CustodyBudget.objects.select_for_update().get(custodian=custodian)
