"""What a contract owes by its investments, where they are known, beside what the contract itself answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from django.conf import settings

from contracts import clock
from contracts.amounts import format_units
from contracts.models import AuditEvent, Contract
from reserves import calendar
from reserves.calendar import DAY_SECONDS, Instalment, Investment
from reserves.discrepancies import ClaimsBy, Difference, Reason, compare, explain, missing_units
from reserves.models import InvestmentBook
from reserves.services.bookkeeping import Book, book_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both numbers and why they differ; units of the payment token.

    ``answered_units`` is the contract's own last answer (None: never checked), ``contract_units`` what it must
    answer now by its own rules, ``own_units`` what is really missing within the horizon. ``reasons`` are sentences,
    also when the answer is not the one expected. ``due_units`` falls due within the horizon, ``arrears_units`` is
    overdue on top of it. ``next_due_at`` is the first due time from now on. ``book`` has source, time and problem.
    """

    answered_units: int | None
    answered_ledger: int | None
    answered_at: datetime | None
    contract_units: int
    own_units: int
    reasons: tuple[str, ...]
    reserve_units: int
    due_units: int
    arrears_units: int
    next_due_at: datetime | None
    next_due_units: int
    investments: int
    finished: int
    book: InvestmentBook

    @property
    def difference_units(self) -> int:
        """Above 0: the contract asks for more than is due."""
        return self.contract_units - self.own_units

    @property
    def is_stale(self) -> bool:
        """Read too long ago, or, of an imported one, given: payments made since are not known."""
        return clock.now() - self.book.read_at > timedelta(minutes=settings.RESERVE_STALE_MINUTES)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Within ``days`` from now: ``due_units`` falls due, on top of the arrears, and today's reserve lacks
    ``missing_units`` for both, from ``first_short_at`` on.
    """

    days: int
    due_units: int
    arrears_units: int
    missing_units: int
    first_short_at: datetime | None


def investments_of(contract: Contract) -> tuple[Investment, ...]:
    """None of them also where they are not known; `comparison_of` tells that apart."""
    book = book_of(contract)
    return book.investments if book else ()


def own_missing_units(contract: Contract, *, now: datetime) -> int | None:
    """What the reserve lacks by our own calendar within RESERVE_HORIZON_DAYS; None where nothing is known."""
    book = book_of(contract)
    if book is None:
        return None
    due = calendar.due_within(book.investments, _ts(now), _horizon_seconds())
    return missing_units(due.units, book.reserve_units)


def comparison_of(contract: Contract, *, now: datetime) -> Comparison | None:
    """None where the investments are not known."""
    book = book_of(contract)
    if book is None:
        return None
    ts, horizon = _ts(now), _horizon_seconds()
    difference = compare(
        book.investments, ts, book.reserve_units, horizon_seconds=horizon, claims_by=_claims_by(book.row)
    )
    due = calendar.due_within(book.investments, ts, horizon)
    following = _following(book.investments, ts)
    is_checked = contract.checked_at is not None
    return Comparison(
        answered_units=contract.required_funds_units if is_checked else None,
        answered_ledger=contract.checked_at_ledger,
        answered_at=contract.checked_at,
        contract_units=difference.contract_units,
        own_units=difference.own_units,
        reasons=tuple(_sentences(contract, difference)),
        reserve_units=book.reserve_units,
        due_units=due.upcoming_units,
        arrears_units=due.arrears_units,
        next_due_at=_at(following[0].due_ts) if following else None,
        next_due_units=sum(one.units for one in following),
        investments=len(book.investments),
        finished=sum(one.is_finished for one in book.investments),
        book=book.row,
    )


def _claims_by(row: InvestmentBook) -> ClaimsBy:
    if row.is_exact:
        return ClaimsBy.SCHEDULE
    return ClaimsBy.ADDRESS if row.is_by_address else ClaimsBy.TOKEN_ID


def forecast_of(contract: Contract, *, now: datetime, days: Sequence[int] = (7, 30, 90)) -> list[Forecast]:
    """In the order of ``days``, each including the shorter ones; empty where the investments are not known."""
    book = book_of(contract)
    return [_forecast(book, _ts(now), one) for one in days] if book else []


def blocks_within(contract: Contract, *, days: int = 90) -> int:
    """How often it was blocked, by code or by a person."""
    since = clock.now() - timedelta(days=days)
    moves = AuditEvent.objects.filter(noun="contract", object_id=contract.pk, what="status", target="BLOCKED")
    return moves.filter(at__gte=since).count()


# -- when


def _horizon_seconds() -> int:
    return settings.RESERVE_HORIZON_DAYS * DAY_SECONDS


def _ts(moment: datetime) -> int:
    """Whole Unix seconds, as a ledger's time is."""
    return (moment - _EPOCH) // timedelta(seconds=1)


def _at(ts: int) -> datetime:
    return _EPOCH + timedelta(seconds=ts)


def _following(investments: Sequence[Investment], ts: int) -> list[Instalment]:
    """The instalments that fall due next after ``ts``, all at the same second."""
    firsts = [
        next((part for part in calendar.schedule(one) if part.due_ts > ts), None) for one in investments
    ]
    coming = [one for one in firsts if one is not None]
    soonest = min((one.due_ts for one in coming), default=0)
    return [one for one in coming if one.due_ts == soonest]


def _forecast(book: Book, ts: int, days: int) -> Forecast:
    due = calendar.due_within(book.investments, ts, days * DAY_SECONDS)
    missing = missing_units(due.units, book.reserve_units)
    return Forecast(
        days=days,
        due_units=due.upcoming_units,
        arrears_units=due.arrears_units,
        missing_units=missing,
        first_short_at=_first_short(book, ts, ts + days * DAY_SECONDS) if missing else None,
    )


def _first_short(book: Book, ts: int, until: int) -> datetime | None:
    """What is overdue could be taken at once."""
    parts = sorted(
        (max(part.due_ts, ts), part.units)
        for one in book.investments
        for part in takewhile(lambda part: part.due_ts <= until, calendar.schedule(one))
    )
    need = 0
    for due_ts, units in parts:
        need += units
        if missing_units(need, book.reserve_units):
            return _at(due_ts)
    return None


# -- why


def _sentences(contract: Contract, difference: Difference) -> Iterator[str]:
    for reason in explain(difference):
        yield _sentence(contract, reason)
    if contract.checked_at is None:
        return
    beyond = contract.required_funds_units - difference.contract_units
    if beyond:
        yield (
            f"The contract answered {_amount(contract, contract.required_funds_units)} as of ledger "
            f"{contract.checked_at_ledger}; by the investments known here it would answer "
            f"{_amount(contract, difference.contract_units)} now. Time has passed since, or they have changed: "
            "check again."
        )


def _sentence(contract: Contract, reason: Reason) -> str:
    """The contract's number is the subject: it asks for so much more or less than is due."""
    direction = "more" if reason.units > 0 else "less"
    named = ", ".join(map(str, reason.token_ids[:MOST_NAMED]))
    beyond = len(reason.token_ids) - MOST_NAMED
    which = f" (investments {named}{f' and {beyond:,} more' if beyond > 0 else ''})" if named else ""
    return f"The contract asks for {_amount(contract, abs(reason.units))} {direction}: {reason.cause.words}{which}."


def _amount(contract: Contract, units: int) -> str:
    token = contract.payment_token
    return format_units(units, decimals=token.decimals, symbol=token.symbol)
