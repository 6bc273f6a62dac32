"""Which news about a contract people get by e-mail, and in which words.

Every function belongs into the transaction of the news itself, may be called at every answer, and tells once.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max

from contracts import clock
from contracts.amounts import format_units
from contracts.gateways.web import without_addresses
from contracts.models import Contract, Notice
from contracts.services.holds import PAYDATE
from contracts.services.notices import moment, open_notice, resolve_notice, resolve_notices
from reserves.models import PaymentAvailability

log = structlog.get_logger(__name__)
Cause = Notice.Cause
Parameters = ParamSpec("Parameters")
LONGEST_QUOTE = 1_000


def beside_the_money(tell: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """A defect in telling is logged and undoes the notice alone, never a block or a release."""

    @wraps(tell)
    def told(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            with transaction.atomic():
                tell(*args, **kwargs)
        except Exception:
            log.exception("notice_not_written", news=tell.__name__)

    return told


@beside_the_money
def note_blocked(contract: Contract) -> None:
    """The contract is BLOCKED, newly or still."""
    text = _by_code(contract) if contract.blocked_by == PAYDATE else _by_a_person(contract)
    open_notice(contract, cause=Cause.BLOCKED, title=f"{contract.label} is blocked", text=text)


@beside_the_money
def note_released(contract: Contract, *, reason: str, by: str) -> None:
    resolution = f"{contract.label} was released by {by}, because {reason}"
    resolve_notice(contract, cause=Cause.BLOCKED, resolution=resolution)


@beside_the_money
def note_shortfall(contract: Contract) -> None:
    """What the last answer about a payout contract on Hedera found missing, or that nothing is."""
    days = settings.RESERVE_HORIZON_DAYS
    if contract.required_funds_units == 0:
        resolution = f"{contract.label} has the money for what is due within {days} days{_as_of(contract)}."
        resolve_notice(contract, cause=Cause.SHORT, resolution=resolution)
        return
    text = _text(
        f"{contract.label} has less than what is due within {days} days.",
        f"Missing: {_amount(contract, contract.required_funds_units)}{_as_of(contract)}",
        f"Contract: {_place(contract)}",
        to_do="send that amount of the payment token to the contract. Payouts that are funded go on; one that is not"
        " is held before its first payment and goes on by itself when the money is there.",
    )
    title = f"{contract.label} lacks money for what is due"
    open_notice(contract, cause=Cause.SHORT, title=title, text=text)


@beside_the_money
def note_check_failed(ticket: PaymentAvailability) -> None:
    """To be called when the ticket has become FAILED: told after RESERVE_NOTICE_FAILURES of them in a row."""
    contract = ticket.contract
    count = failures_in_a_row(contract)
    if count < settings.RESERVE_NOTICE_FAILURES or _is_finished(contract):
        return
    last = f"is of {moment(contract.checked_at)}" if contract.checked_at else "has never come"
    text = _text(
        f"The last {count} reserve checks of {contract.label} failed, one after the other."
        f" The chain's last answer {last}.",
        f"Last error: {ticket.error_class}: {_quoted(ticket.error_text)}",
        f"Contract: {_place(contract)}",
        to_do="correct what the error names. If several contracts fail alike, look at the node first: `manage.py"
        " doctor` says what it cannot reach. Until an answer comes, the contract is neither blocked nor released.",
    )
    title = f"Reserve checks of {contract.label} fail"
    open_notice(contract, cause=Cause.CHECKS_FAIL, title=title, text=text)


def _is_finished(contract: Contract) -> bool:
    """Maybe since its check began. No answer would ever end a notice of it."""
    return Contract.objects.filter(pk=contract.pk, status=Contract.Status.FINISHED).exists()


@beside_the_money
def note_check_answered(ticket: PaymentAvailability) -> None:
    """To be called when the ticket has become PROCESSED."""
    contract = ticket.contract
    resolution = f"The chain has answered a reserve check of {contract.label} again."
    resolve_notice(contract, cause=Cause.CHECKS_FAIL, resolution=resolution)


def told_of_failures(contract: Contract) -> Exists:
    """For a query: whether people have been told that its checks fail."""
    about = Notice.objects.open().filter(noun=contract._meta.model_name, object_uid=contract.uid)
    return Exists(about.filter(cause=Cause.CHECKS_FAIL))


def failures_in_a_row(contract: Contract) -> int:
    """FAILED checks since the last one that was answered."""
    checks = PaymentAvailability.objects.filter(contract=contract)
    answered = checks.filter(status=PaymentAvailability.Status.PROCESSED).aggregate(last=Max("pk"))
    failed = checks.filter(status=PaymentAvailability.Status.FAILED, pk__gt=answered["last"] or 0)
    return failed.count()


@beside_the_money
def note_forecast(contract: Contract, *, missing_units: int, due_at: datetime | None, days: int) -> None:
    """What will be missing ``days`` days from now, and from when on; without ``due_at`` only at their end.

    Told when that begins within RESERVE_WARN_DAYS. While the contract is BLOCKED for lack of money the notice of the
    block speaks of it: a forecast then neither opens nor resolves anything, so that nobody reads "resolved" when
    the deficit has come; the first one after the release decides. An accepted deficit does not silence it, because
    later payments are not what was accepted.
    """
    if contract.status == Contract.Status.BLOCKED and contract.blocked_by == PAYDATE:
        return
    begins_at = due_at or clock.now() + timedelta(days=days)
    warn_days = settings.RESERVE_WARN_DAYS
    if not missing_units or not warn_days or begins_at > clock.now() + timedelta(days=warn_days):
        resolution = (
            f"By the last forecast {contract.label} has the money for what is due within {warn_days} days."
        )
        resolve_notice(contract, cause=Cause.DEFICIT_EXPECTED, resolution=resolution)
        return
    text = _text(
        f"By the forecast {contract.label} has less than what is due within {days} days.",
        f"Missing: {_amount(contract, missing_units)}, from {moment(begins_at)} on",
        f"Contract: {_place(contract)}",
        to_do="top up the reserve fund of the contract by that amount before then. Otherwise the contract will be"
        " blocked, and the payouts that depend on it will be held.",
    )
    title = f"A deficit of {contract.label} is to be expected"
    open_notice(contract, cause=Cause.DEFICIT_EXPECTED, title=title, text=text)


@beside_the_money
def note_life(contract: Contract, *, days_left: int) -> None:
    """How long the network keeps the contract's state; told below SOROBAN_LEAST_LIFE_DAYS."""
    if days_left >= settings.SOROBAN_LEAST_LIFE_DAYS:
        resolution = f"The state of {contract.label} is kept for another {days_left} days."
        resolve_notice(contract, cause=Cause.LIFE_ENDS, resolution=resolution)
        return
    when = f"in about {days_left} days" if days_left > 0 else "today, if that has not happened already"
    text = _text(
        f"The network archives the state of {contract.label} {when}. No money is lost by that, but calls become"
        " dearer, because the first one has to restore the state.",
        f"Contract: {_place(contract)}",
        to_do=f"run `manage.py extend_ttl {contract.address}`, or press Extend life on the contract's page.",
    )
    title = f"The state of {contract.label} is about to be archived"
    open_notice(contract, cause=Cause.LIFE_ENDS, title=title, text=text)


@beside_the_money
def note_finished(contract: Contract) -> None:
    """Nobody asks about the contract any more, so nothing else would end its notices."""
    resolve_notices(contract, resolution=f"{contract.label} is FINISHED: nothing is owed any more.")


def _text(news: str, *facts: str, to_do: str) -> str:
    return "\n".join((news, "", *facts, "", f"What to do: {to_do}"))


def _by_code(contract: Contract) -> str:
    return _text(
        f"{contract.blocked_reason}.",
        *_facts(contract),
        to_do="top up the reserve fund of the contract by that amount; the checks release it by themselves. Or accept"
        " the deficit: unblock the contract on its page in the admin. Payouts that depend on it are held meanwhile and"
        " go on by themselves.",
    )


def _by_a_person(contract: Contract) -> str:
    return _text(
        f"{contract.blocked_by} blocked it: {contract.blocked_reason}",
        *_facts(contract),
        to_do=f"ask {contract.blocked_by}. Only a person releases it, on its page in the admin. Payouts that depend on"
        " it are held meanwhile.",
    )


def _facts(contract: Contract) -> list[str]:
    """Of a payout contract on Hedera another notice says what is missing."""
    facts = [f"Contract: {_place(contract)}"]
    if contract.blocked_at:
        facts.append(f"Blocked: since {moment(contract.blocked_at)} by {contract.blocked_by}")
    if contract.kind == Contract.Kind.INVESTMENT:
        facts.insert(0, f"Missing: {_missing(contract)}")
    return facts


def _missing(contract: Contract) -> str:
    if contract.checked_at_ledger is None:
        return "not known, it was never checked"
    units = contract.required_funds_units
    return (_amount(contract, units) if units else "nothing") + _as_of(contract)


def _as_of(contract: Contract) -> str:
    """Stellar closes ledgers, Hedera blocks."""
    unit = "ledger" if contract.kind == Contract.Kind.INVESTMENT else "block"
    return f", as of {unit} {contract.checked_at_ledger}"


def _amount(contract: Contract, units: int) -> str:
    token = contract.payment_token
    return f"{format_units(units, decimals=token.decimals, symbol=token.symbol)} ({units} base units)"


def _place(contract: Contract) -> str:
    return f"{contract.address} on {contract.network}"


def _quoted(text: str) -> str:
    return without_addresses(text)[:LONGEST_QUOTE]
