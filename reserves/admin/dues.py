"""What a contract owes, beside what it says of itself."""

from datetime import timedelta

from django.utils.safestring import SafeString

from contracts import clock
from contracts.admin import cells
from contracts.admin.tables import Table
from contracts.amounts import format_units
from contracts.models import Contract
from reserves.admin.words import length
from reserves.models import InvestmentBook
from reserves.obligations import obligations_of
from reserves.services import books
from reserves.services.books import Comparison, Forecast

FORECAST_DAYS = (7, 30, 90)
BLOCKS_DAYS = 90
MOST_LINES = 200
NOT_READ = (
    "not known: the investments of this contract were neither read from the chain nor imported. "
    "They are read with its checks; where the chain does not give them away, import them."
)


def of_investments(contract: Contract) -> Table:
    """The contract's own answer and the calendar's, side by side, and what is to come."""
    now = clock.now()
    found = books.comparison_of(contract, now=now)
    blocked = ("Blocked in the last 90 days", _times(books.blocks_within(contract, days=BLOCKS_DAYS)))
    if found is None:
        return Table((), [], f"What it owes is {_why_unknown(contract)}", facts=[blocked])
    ahead = books.forecast_of(contract, now=now, days=FORECAST_DAYS)
    known = Table((), [], "", facts=[*_figures(contract, found), blocked, ("Book", _book(found.book))])
    more = [known, _reasons(found), _forecast(contract, ahead)]
    return Table((), [], "", note=_difference(contract, found), more=more)


def _figures(contract: Contract, found: Comparison) -> list[tuple[str, object]]:
    return [
        ("Missing, as the contract answered", _answered(contract, found)),
        ("Missing, as it must answer now", _missing(contract, found.contract_units)),
        ("Missing, by the calendar of its investments", _missing(contract, found.own_units)),
        ("Reserve", _money(contract, found.reserve_units)),
        ("Overdue now", _money(contract, found.arrears_units)),
        ("Due within the horizon", _money(contract, found.due_units)),
        ("Next due", _next(contract, found)),
        ("Investments", f"{found.investments:,}, {found.finished:,} of them finished"),
    ]


def _why_unknown(contract: Contract) -> str:
    book = InvestmentBook.objects.filter(contract=contract).first()
    if book is None:
        return NOT_READ
    return f"not known: {book.problem} ({book.get_source_display()}, last tried {book.read_at:%Y-%m-%d %H:%M:%S} UTC)"


def _difference(contract: Contract, found: Comparison) -> str:
    """Of what the contract last answered; where it never did, of what it must answer."""
    theirs = found.contract_units if found.answered_units is None else found.answered_units
    if theirs == found.own_units:
        return f"Both numbers agree.{_doubts(found)}"
    by = _words(contract, abs(theirs - found.own_units))
    if theirs < found.own_units:
        return f"The contract asks for {by} less than is due.{_doubts(found)}"
    really = f"only {_words(contract, found.own_units)} is" if found.own_units else "nothing is"
    accept = f"by the calendar {really} missing, so the deficit may be accepted"
    return f"The contract asks for {by} more than is due: {accept}.{_doubts(found)}"


def _words(contract: Contract, units: int) -> str:
    token = contract.payment_token
    return format_units(units, decimals=token.decimals, symbol=token.symbol)


def _doubts(found: Comparison) -> str:
    problem = f" The last reading failed: {found.book.problem}." if found.book.problem else ""
    if not found.is_stale:
        return problem
    age = length(clock.now() - found.book.read_at)
    return (
        f" The investments are known as of {age} ago: payments since then are not in these figures.{problem}"
    )


def _answered(contract: Contract, found: Comparison) -> object:
    if found.answered_units is None or found.answered_at is None:
        return "never checked"
    below = f"{found.answered_at:%Y-%m-%d %H:%M:%S} UTC, ledger {found.answered_ledger}"
    return cells.titled(_missing(contract, found.answered_units), below)


def _missing(contract: Contract, units: int) -> object:
    return _money(contract, units) if units else "nothing"


def _money(contract: Contract, units: int) -> SafeString:
    return cells.money(units, contract.payment_token)


def _next(contract: Contract, found: Comparison) -> object:
    if found.next_due_at is None:
        return "nothing falls due any more"
    return cells.titled(cells.moment(found.next_due_at), _money(contract, found.next_due_units))


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count:,} times")


def _book(book: InvestmentBook) -> SafeString:
    as_of = f", ledger {book.as_of_ledger}" if book.as_of_ledger is not None else ""
    below = f"{book.read_at:%Y-%m-%d %H:%M:%S} UTC{as_of}"
    return cells.titled(cells.link(book, book.get_source_display()), below)


def _reasons(found: Comparison) -> Table:
    rows = [(cells.words(reason),) for reason in found.reasons]
    return Table((), rows, "There is no difference to explain.", title="Why the numbers differ")


def _forecast(contract: Contract, ahead: list[Forecast]) -> Table:
    headers = ("Within", "Falls due", "Overdue besides", "Missing in today's reserve", "First short at")
    rows = [
        (
            f"{one.days} days",
            _money(contract, one.due_units),
            _money(contract, one.arrears_units),
            _missing(contract, one.missing_units),
            cells.moment(one.first_short_at) if one.first_short_at else "not within these days",
        )
        for one in ahead
    ]
    return Table(headers, rows, "", title="Forecast, if nothing is paid in or out meanwhile")


def of_payouts(contract: Contract, *, days: int) -> Table:
    """What the runs of a payout contract still have to pay."""
    until = clock.now() + timedelta(days=days)
    dues = obligations_of(contract, until=until)
    rows = [
        (
            cells.next_step(one.due_at),
            cells.words(one.words),
            _money(contract, one.units),
            _money(contract, one.in_flight_units) if one.in_flight_units else cells.NONE,
        )
        for one in dues[:MOST_LINES]
    ]
    headers = ("Due", "For", "Still to be paid", "Being paid just now")
    facts: list[tuple[str, object]] = [
        (f"Due within {days} days", _money(contract, sum(one.units for one in dues))),
        ("Being paid just now", _money(contract, sum(one.in_flight_units for one in dues))),
        ("Obligations", f"{len(dues):,}"),
        ("Blocked in the last 90 days", _times(books.blocks_within(contract, days=BLOCKS_DAYS))),
    ]
    return Table(headers, rows, f"Nothing falls due within {days} days, as far as known here.", facts=facts)
