"""Investments given by a person where the chain cannot be read: all or none are kept, and every bad row is named."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from contracts.amounts import counted
from contracts.gateways.errors import GatewayError
from contracts.gateways.soroban_investments import ReadBalances, read_balances
from contracts.integers import I128
from contracts.models import AuditEvent, Contract
from reserves.investments import Investment, ReturnType, Status, Terms
from reserves.models import InvestmentBook
from reserves.services.bookkeeping import forget_import, keep_import, make_investment

NEEDED = ("token_id", "deposited", "claimable_ts", "last_transfer_ts", "payments_transferred")
# These follow from the terms; where a row has them they are compared.
DERIVED = ("accumulated_interests", "total", "regular_payment", "paid", "status")
KNOWN = (*NEEDED, *DERIVED, "holder")
LONGEST_HOLDER = 64


class BadImport(Exception):
    """Nothing was kept; ``faults`` say what is wrong with each line, and the fix."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Row:
    """One investment as written, with its line in the file."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewImport:
    """``reserve_units`` None: read it from the chain. ``is_by_address``: the older version, one claim per address."""

    terms: Terms
    rows: Sequence[Row]
    reserve_units: int | None
    is_by_address: bool
    reason: str
    by: str


def import_investments(contract: Contract, wanted: NewImport) -> InvestmentBook:
    """Replaces what is known of the contract's investments, until it is imported again. Raises BadImport."""
    investments = _investments(wanted)
    balances = None if wanted.reserve_units is not None else _read(contract)
    reserve = balances.reserve_units if balances else wanted.reserve_units or 0
    _obey_i128(reserve)
    with transaction.atomic():
        book = keep_import(
            contract,
            wanted.terms,
            investments,
            reserve_units=reserve,
            balances=balances,
            is_by_address=wanted.is_by_address,
        )
        what = f"{counted(len(investments), 'investment')}, reserve {reserve} units"
        AuditEvent.write(contract, what="import investments", target=what, reason=wanted.reason, by=wanted.by)
    return book


def return_to_chain(contract: Contract, *, reason: str, by: str) -> None:
    """What was imported is forgotten; the next refresh reads the chain. Raises BadImport."""
    with transaction.atomic():
        if not forget_import(contract):
            raise BadImport([f"nothing was imported for {contract}: there is nothing to forget"])
        AuditEvent.write(contract, what="forget imported investments", reason=reason, by=by)


def _read(contract: Contract) -> ReadBalances:
    try:
        return read_balances(contract.address)
    except GatewayError as error:
        raise BadImport([f"the reserve could not be read, give it with --reserve UNITS: {error}"]) from error


def _obey_i128(reserve: int) -> None:
    try:
        I128.check(reserve, field="reserve")
    except ValueError as error:
        raise BadImport([str(error)]) from error


# -- rows


def _investments(wanted: NewImport) -> list[Investment]:
    """Raises BadImport with a sentence for each bad row."""
    made: list[Investment] = []
    faults, lines = [], dict[int, int]()
    for row in wanted.rows:
        try:
            one = _investment(row.values, wanted.terms, needs_holder=wanted.is_by_address)
            first = lines.setdefault(one.token_id, row.line)
            if first != row.line:
                raise ValueError(f"token_id {one.token_id} is in line {first} already: give it once")
            made.append(one)
        except ValueError as error:
            faults.append(f"line {row.line}: {error}")
    if not wanted.rows:
        faults.append("the file has no investment: give at least one")
    if faults:
        raise BadImport(faults)
    return made


def _investment(values: dict[str, Any], terms: Terms, *, needs_holder: bool) -> Investment:
    if unknown := sorted(str(name) for name in values.keys() - set(KNOWN)):
        raise ValueError(f"unknown: {', '.join(unknown)}; there are {', '.join(KNOWN)}")
    numbers = {
        name: _whole(name, values[name]) for name in (*NEEDED, *DERIVED) if not _is_empty(values, name)
    }
    if missing := [name for name in NEEDED if name not in numbers]:
        raise ValueError(f"missing: {', '.join(missing)}")
    holder = _holder(values, needs_holder=needs_holder)
    return make_investment(terms, _derived(terms, numbers) | numbers | {"holder": holder})


def _derived(terms: Terms, numbers: dict[str, int]) -> dict[str, int]:
    """What the chain would keep beside what was given."""
    deposited, count = numbers["deposited"], numbers["payments_transferred"]
    instalment, is_over = terms.instalment_units(deposited), count == terms.return_months
    return {
        "accumulated_interests": terms.interest_units(deposited),
        "total": deposited + terms.interest_units(deposited),
        "regular_payment": instalment,
        "paid": count * instalment + (deposited if is_over and terms.return_type == ReturnType.COUPON else 0),
        "status": Status.FINISHED if is_over else _status_before_the_end(terms, count),
    }


def _status_before_the_end(terms: Terms, count: int) -> Status:
    if count:
        return Status.CASH_FLOWING
    return Status.BLOCKED if terms.claim_block_seconds else Status.CLAIMABLE


def _is_empty(values: dict[str, Any], name: str) -> bool:
    return values.get(name) in (None, "")


def _whole(name: str, value: Any) -> int:
    """Amounts are base units and times Unix seconds, as a number or as its text."""
    text = str(value).strip()
    if isinstance(value, bool) or not text.removeprefix("-").isdecimal() or not text.isascii():
        raise ValueError(
            f"{name} is {value!r}: give a whole number, amounts in base units, times in Unix seconds"
        )
    return int(text)


def _holder(values: dict[str, Any], *, needs_holder: bool) -> str:
    holder = str(values.get("holder") or "").strip()
    if needs_holder and not holder:
        raise ValueError("holder is empty: with --by-address each investment needs the address of its holder")
    if len(holder) > LONGEST_HOLDER:
        raise ValueError(f"holder has {len(holder)} characters: give an address G... or C...")
    return holder
