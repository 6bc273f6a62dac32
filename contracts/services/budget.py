"""The custody budget: a token row in PostgreSQL that all signers of the cluster share."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from contracts import clock
from contracts.models import CustodyBudget

DEFAULT_PAUSE_SECONDS = 30.0
SECONDS_PER_MINUTE = 60


def take(custodian: str, *, requests: int) -> datetime | None:
    """Takes ``requests`` from the budget; None when granted, else the moment to ask again."""
    with transaction.atomic():
        row = _locked(custodian)
        now = clock.now()
        if row.paused_until and row.paused_until > now:
            return row.paused_until
        rate = settings.CUSTODY_REQUESTS_PER_MINUTE / SECONDS_PER_MINUTE
        if not rate:
            return None
        _refill(row, now, rate, at_least=requests)
        granted = row.tokens >= requests
        row.tokens -= requests if granted else 0
        row.save(update_fields=["tokens", "refilled_at"])
        return None if granted else now + timedelta(seconds=(requests - row.tokens) / rate)


def pause(custodian: str, retry_after: float | None) -> datetime:
    """After a 429: nobody asks this custodian before the returned moment."""
    until = clock.now() + timedelta(seconds=retry_after or DEFAULT_PAUSE_SECONDS)
    with transaction.atomic():
        row = _locked(custodian)
        row.paused_until = max(until, row.paused_until or until)
        row.save(update_fields=["paused_until"])
    return row.paused_until


def _refill(row: CustodyBudget, now: datetime, rate: float, *, at_least: int) -> None:
    """At most five seconds' worth is saved up, or one signature's where that is more: a pause ends in no burst."""
    elapsed = max(0.0, (now - row.refilled_at).total_seconds())
    row.tokens = min(max(rate * 5, at_least), row.tokens + elapsed * rate)
    row.refilled_at = now


def _locked(custodian: str) -> CustodyBudget:
    CustodyBudget.objects.get_or_create(custodian=custodian)
    return CustodyBudget.objects.select_for_update().get(custodian=custodian)
