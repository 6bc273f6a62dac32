"""From rows to words: what `words` needs to know of a contract, and how its reserve looks in a list."""

from typing import Any

from django.conf import settings
from django.utils.safestring import SafeString

from contracts import clock
from contracts.admin import cells
from contracts.models import Contract
from contracts.services.networks import hedera_network, stellar_network
from reserves.admin.words import Freshness, Limits, Standing, freshness, length
from reserves.models import PaymentAvailability
from reserves.services.showing import with_checks

TONES = {Freshness.FRESH: "success", Freshness.FAILED: "danger", Freshness.NOT_CHECKED: "quiet"}


def limits() -> Limits:
    return Limits(
        stale_minutes=settings.RESERVE_STALE_MINUTES,
        good_checks=settings.RESERVE_GOOD_CHECKS,
        horizon_days=settings.RESERVE_HORIZON_DAYS,
        least_life_days=settings.SOROBAN_LEAST_LIFE_DAYS,
    )


def standing_of(contract: Any, *, failures: int = 0) -> Standing:
    """Of a contract as ``with_checks`` reads it."""
    has_failed = contract.ended_status == PaymentAvailability.Status.FAILED
    return Standing(
        label=contract.label,
        status=contract.status,
        is_investment=contract.kind == Contract.Kind.INVESTMENT,
        symbol=contract.payment_token.symbol,
        decimals=contract.payment_token.decimals,
        missing_units=contract.required_funds_units,
        checked_at=contract.checked_at,
        ledger=contract.checked_at_ledger,
        good_checks=contract.good_checks,
        error=f"{contract.ended_error_class}: {contract.ended_error_text}" if has_failed else "",
        error_at=contract.ended_ended_at if has_failed else None,
        failures=failures,
        asked_at=contract.asked_at,
        due_units=contract.due_units,
        blocked_at=contract.blocked_at,
        blocked_by=contract.blocked_by,
        blocked_reason=contract.blocked_reason,
        accepted_units=contract.accepted_deficit_units,
        accepted_until=contract.accepted_deficit_until,
        accepted_by=contract.accepted_deficit_by,
        accepted_reason=contract.accepted_deficit_reason,
        live_until_ledger=contract.live_until_ledger,
        unchecked_because=_unchecked_because(contract),
    )


def _unchecked_because(contract: Contract) -> str:
    if contract.kind == Contract.Kind.INVESTMENT and not settings.SOROBAN_RPC_URL:
        return "Checks of Soroban contracts are switched off: set SOROBAN_RPC_URL."
    here = stellar_network() if contract.kind == Contract.Kind.INVESTMENT else hedera_network()
    if contract.network == here:
        return ""
    return f"Nobody checks it from here: it is on {contract.network}, and this installation works on {here}."


def reread(contract: Contract) -> Any:
    """The same row, with its checks."""
    return with_checks(Contract.objects.filter(pk=contract.pk)).get()


def missing(contract: Any) -> SafeString:
    """What is missing in token units, and whether that can still be relied on."""
    state = freshness(standing_of(contract), now=clock.now(), limits=limits())
    if state == Freshness.NOT_CHECKED or contract.checked_at is None:
        return cells.words("not checked" if state == Freshness.NOT_CHECKED else "never checked")
    amount = cells.money(contract.required_funds_units, contract.payment_token)
    shown = amount if contract.required_funds_units else cells.words("nothing")
    doubt = {Freshness.STALE: "stale", Freshness.FAILED: "before the newest check failed"}.get(state)
    return cells.titled(shown, doubt) if doubt else shown


def last_check(contract: Any) -> SafeString:
    now = clock.now()
    state = freshness(standing_of(contract), now=now, limits=limits())
    shown = cells.badge(state, tone=TONES.get(state, "warning"))
    if state in (Freshness.NOT_CHECKED, Freshness.NEVER):
        return shown
    if contract.checked_at is None:
        return cells.titled(shown, "never answered")
    age, at = length(now - contract.checked_at), f"{contract.checked_at:%Y-%m-%d %H:%M} UTC"
    return cells.titled(shown, f"last answer {age} ago, {at}")
