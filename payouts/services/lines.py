"""The lines of a plan: one page of holders becomes payments and batches in one commit, whatever the total.

A plan of any size is written as it is read, page by page, so neither memory nor a transaction grows with it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from contracts import clock
from payouts.models import Batch, Payment, PlanPage
from payouts.services.plans import Owed


@dataclass(frozen=True, slots=True)
class Line:
    """One holder and its place in the list; amounts in base units."""

    ordinal: int
    holder: str
    balance_units: int
    expected_units: int

    @property
    def text(self) -> str:
        return f"{self.ordinal}:{self.holder}:{self.balance_units}:{self.expected_units}\n"


def store_page(page: PlanPage, holders: Sequence[Owed]) -> bool:
    """Stores lines, batches and the done flag together; False when somebody else has stored the page.

    Raises IntegrityError when a holder stands in the plan already.
    """
    lines = list(_lines(page, holders))
    digest = hashlib.sha256("".join(line.text for line in lines).encode())
    done = {
        "done_at": clock.now(),
        "error": "",
        "holder_count": len(lines),
        "balance_units": sum(line.balance_units for line in lines),
        "expected_units": sum(line.expected_units for line in lines),
        "lines_hash": digest.hexdigest(),
    }
    with transaction.atomic():
        if not PlanPage.objects.filter(pk=page.pk, done_at=None).update(**done):
            return False
        batches = _store_batches(page, [line for line in lines if line.expected_units])
        _copy(page, lines, batches)
    return True


def _lines(page: PlanPage, holders: Sequence[Owed]) -> Iterator[Line]:
    for place, one in enumerate(holders):
        yield Line(page.number * page.size + place, one.holder, one.balance_units, one.expected_units)


def _store_batches(page: PlanPage, payable: list[Line]) -> dict[int, int]:
    """Cuts a page into batches; gives the batch of each ordinal. Who is owed nothing is in none.

    Every page has its own range of numbers, so that pages may be stored in any order, and side by side.
    """
    size = page.batch_size
    first = page.number * -(-page.size // size) + 1
    groups = [payable[start : start + size] for start in range(0, len(payable), size)]
    batches = Batch.objects.bulk_create(
        Batch(
            distribution=page.distribution,
            number=first + place,
            holders=[line.holder for line in group],
            total=len(group),
        )
        for place, group in enumerate(groups)
    )
    return {line.ordinal: batch.pk for batch, group in zip(batches, groups, strict=True) for line in group}


def _copy(page: PlanPage, lines: list[Line], batches: dict[int, int]) -> None:
    """COPY is several times cheaper than INSERT, and a plan is all inserts."""
    columns = ", ".join(connection.ops.quote_name(column) for column in _COLUMNS)
    statement = f"COPY {Payment._meta.db_table} ({columns}) FROM STDIN"
    # Django wraps the errors of what it knows, and COPY it does not know.
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for line in lines:
            batch_id = batches.get(line.ordinal)
            values = _DEFAULTS | {
                "distribution_id": page.distribution_id,
                "batch_id": batch_id,
                "ordinal": line.ordinal,
                "holder": line.holder,
                "balance_units": line.balance_units,
                "expected_units": line.expected_units,
                "status": Payment.Status.PENDING.value if batch_id else Payment.Status.SKIPPED.value,
            }
            copy.write_row([values[column] for column in _COLUMNS])


def _default(field: Any) -> Any:
    return field.get_default() if field.has_default() or field.empty_strings_allowed else None


_FIELDS = [field for field in Payment._meta.concrete_fields if not field.primary_key]
_COLUMNS = [str(field.column) for field in _FIELDS]
_DEFAULTS: dict[str, Any] = {str(field.column): _default(field) for field in _FIELDS}
