"""Keeping what is known of a contract's investments: all of one answer or nothing of it, and the newer one wins."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar, cast

from django.db import transaction

from contracts import clock
from contracts.gateways.soroban_investments import ReadBalances, ReadBook
from contracts.integers import I64
from contracts.models import Contract
from reserves.investments import DAY_SECONDS, Investment, ReturnType, Status, Terms
from reserves.models import InvestmentBook, InvestmentEntry

Source = InvestmentBook.Source
_UNITS = ("deposited", "accumulated_interests", "total", "regular_payment", "paid")
_OTHERS = ("token_id", "holder", "claimable_ts", "last_transfer_ts", "payments_transferred", "status")
# What a field of an investment is called in the table.
COLUMNS = {name: f"{name}_units" for name in _UNITS} | {name: name for name in _OTHERS}
LARGEST = 2**31 - 1
MOST_SHOWN = 10
MOST_ROWS = 2_000
NOT_READ = "the investments were not read yet"
Made = TypeVar("Made", Terms, Investment)


class BadBook(Exception):
    """What was read or given breaks rules that every contract obeys; nothing of it is kept."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        more = len(faults) - MOST_SHOWN
        super().__init__("; ".join(faults[:MOST_SHOWN]) + (f"; and {more:,} more" if more > 0 else ""))


@dataclass(frozen=True, slots=True)
class Book:
    """A contract's investments as they are known, with what its reserve has."""

    row: InvestmentBook
    terms: Terms
    investments: tuple[Investment, ...]
    reserve_units: int


# -- what is known


def book_of(contract: Contract) -> Book | None:
    """None where the investments are not known."""
    row = InvestmentBook.objects.filter(contract=contract).first()
    terms = _terms_of(row) if row is not None else None
    if row is None or terms is None or row.reserve_units is None:
        return None
    entries = row.entries.order_by("token_id").values_list(*COLUMNS.values())
    return Book(row, terms, tuple(_investment(terms, values) for values in entries), row.reserve_units)


def _terms_of(row: InvestmentBook) -> Terms | None:
    rate, months, kind, days = (
        row.rate_basis_points,
        row.return_months,
        row.return_type,
        row.claim_block_days,
    )
    if rate is None or months is None or kind is None or days is None:
        return None
    return make_terms(
        rate_basis_points=rate,
        return_months=months,
        return_type=kind,
        claim_block_days=days,
        pays_rest=row.is_exact,
    )


def _investment(terms: Terms, values: Sequence[Any]) -> Investment:
    return make_investment(terms, dict(zip(COLUMNS, values, strict=True)))


# -- what is right


def make_terms(
    *,
    rate_basis_points: int,
    return_months: int,
    return_type: int,
    claim_block_days: int,
    pays_rest: bool = False,
) -> Terms:
    """Raises ValueError naming the field and the fix."""
    _small(
        rate_basis_points=rate_basis_points, return_months=return_months, claim_block_days=claim_block_days
    )
    return Terms(
        rate_basis_points=rate_basis_points,
        return_months=return_months,
        return_type=_member(ReturnType, return_type),
        claim_block_seconds=claim_block_days * DAY_SECONDS,
        pays_rest=pays_rest,
    )


def make_investment(terms: Terms, fields: dict[str, Any]) -> Investment:
    """Raises ValueError naming the field and the fix."""
    made = Investment(terms=terms, **fields | {"status": _member(Status, fields["status"])})
    for name in ("claimable_ts", "last_transfer_ts"):
        I64.check(getattr(made, name), field=name)
    return made


def _member(kind: Any, value: int) -> Any:
    """A number that is no member is left to the rules, which name the field and the fix."""
    return kind(value) if value in set(kind) else cast(Any, value)


def _small(**values: int) -> None:
    for field, value in values.items():
        if not 0 <= value <= LARGEST:
            raise ValueError(f"{field} is {value}: give a number from 0 to {LARGEST}")


def _checked(read: ReadBook) -> tuple[Terms, list[Investment]]:
    """Raises BadBook with every fault."""
    try:
        terms = make_terms(
            rate_basis_points=read.rate_basis_points,
            return_months=read.return_months,
            return_type=read.return_type,
            claim_block_days=read.claim_block_days,
            pays_rest=read.is_exact,
        )
    except ValueError as error:
        raise BadBook([f"the terms as read: {error}"]) from error
    made, faults = [], []
    for one in read.investments:
        try:
            made.append(make_investment(terms, asdict(one)))
        except ValueError as error:
            faults.append(f"investment {one.token_id} as read: {error}")
    if faults:
        raise BadBook(faults)
    return terms, made


# -- keeping


def keep_read(contract: Contract, read: ReadBook) -> bool:
    """The book as read replaces the one known; False when that one is newer or imported. Raises BadBook."""
    terms, investments = _checked(read)
    with transaction.atomic():
        row = _locked(contract)
        if row.source == Source.IMPORT or _is_newer(row, read.balances):
            return False
        _write(
            row,
            terms,
            investments,
            _columns_of(read.balances)
            | {
                "source": Source.CHAIN,
                "is_by_address": False,
                "goal_units": read.goal_units,
                "state": read.state,
                "read_at": clock.now(),
            },
        )
        return True


def keep_import(
    contract: Contract,
    terms: Terms,
    investments: Sequence[Investment],
    *,
    reserve_units: int,
    balances: ReadBalances | None,
    is_by_address: bool,
) -> InvestmentBook:
    """Replaces whatever is known. In the caller's transaction."""
    row = _locked(contract)
    read = (
        _columns_of(balances)
        if balances
        else {"project_units": None, "is_paused": None, "as_of_ledger": None}
    )
    _write(
        row,
        terms,
        investments,
        read
        | {
            "source": Source.IMPORT,
            "is_by_address": is_by_address,
            "goal_units": None,
            "state": None,
            "reserve_units": reserve_units,
            "read_at": clock.now(),
        },
    )
    return row


def keep_balances(contract: Contract, balances: ReadBalances) -> bool:
    """Of an imported book: the investments, and their time, stay as a person gave them."""
    with transaction.atomic():
        row = _locked(contract)
        if row.source != Source.IMPORT or _is_newer(row, balances):
            return False
        _update(row, _columns_of(balances) | {"problem": ""})
        return True


def keep_problem(contract: Contract, problem: str) -> None:
    """Why it could not be read; what is known stays, with its time."""
    with transaction.atomic():
        _update(_locked(contract), {"problem": problem})


def forget_import(contract: Contract) -> bool:
    """The chain is read again from now on; False when nothing was imported. In the caller's transaction."""
    return bool(InvestmentBook.objects.filter(contract=contract, source=Source.IMPORT).delete()[0])


def _locked(contract: Contract) -> InvestmentBook:
    InvestmentBook.objects.get_or_create(contract=contract, defaults={"problem": NOT_READ})
    return InvestmentBook.objects.select_for_update().get(contract=contract)


def _is_newer(row: InvestmentBook, balances: ReadBalances) -> bool:
    return row.as_of_ledger is not None and row.as_of_ledger > balances.ledger


def _columns_of(balances: ReadBalances) -> dict[str, Any]:
    return {
        "reserve_units": balances.reserve_units,
        "project_units": balances.project_units,
        "is_paused": balances.is_paused,
        "as_of_ledger": balances.ledger,
    }


def _write(
    row: InvestmentBook, terms: Terms, investments: Iterable[Investment], columns: dict[str, Any]
) -> None:
    _update(
        row,
        columns
        | {
            "rate_basis_points": terms.rate_basis_points,
            "return_months": terms.return_months,
            "return_type": int(terms.return_type),
            "claim_block_days": terms.claim_block_seconds // DAY_SECONDS,
            "is_exact": terms.pays_rest,
            "problem": "",
        },
    )
    _write_entries(row, {one.token_id: _values_of(one) for one in investments})


def _update(row: InvestmentBook, columns: dict[str, Any]) -> None:
    InvestmentBook.objects.filter(pk=row.pk).update(**columns)
    for name, value in columns.items():
        setattr(row, name, value)


def _write_entries(row: InvestmentBook, wanted: dict[int, dict[str, Any]]) -> None:
    """Writes what differs and removes what has vanished: most readings change next to nothing."""
    known = {values["token_id"]: values for values in row.entries.values(*COLUMNS.values())}
    row.entries.filter(token_id__in=known.keys() - wanted.keys()).delete()
    changed = [values for number, values in wanted.items() if known.get(number) != values]
    InvestmentEntry.objects.bulk_create(
        [InvestmentEntry(book=row, **values) for values in changed],
        update_conflicts=True,
        unique_fields=["book", "token_id"],
        update_fields=[column for column in COLUMNS.values() if column != "token_id"],
        batch_size=MOST_ROWS,
    )


def _values_of(investment: Investment) -> dict[str, Any]:
    return {column: getattr(investment, name) for name, column in COLUMNS.items()} | {
        "status": int(investment.status)
    }
