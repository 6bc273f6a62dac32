"""What a scrape costs on a database that has paid a great deal: it reads what is open and what is recent."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from chainsync.models import ChainEvent
from config.metrics import collector
from contracts import clock
from contracts.models import AuditEvent, Notice
from reserves.models import PaymentAvailability, Reservation
from tests.factories import (
    BatchFactory,
    DistributionFactory,
    HoldFactory,
    PaymentFactory,
    TransactionFactory,
)
from tests.factories.contracts import InvestmentContractFactory

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(days=40)
# One look at the figures as it was measured (43 statements, 794 pages), and room for a few more figures.
STATEMENTS, PAGES = 50, 1_000
GROWING = (
    "payouts_payment",
    "payouts_batch",
    "payouts_distribution",
    "contracts_contracttransaction",
    "chainsync_chainevent",
    "contracts_auditevent",
    "contracts_hold",
    "reserves_reservation",
    "reserves_paymentavailability",
    "contracts_notice",
)


@pytest.fixture(autouse=True)
def ends_in_its_own_time(scraped: None) -> Iterator[None]:
    """The limit of a scrape ends with its transaction, and here that is the test's."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")


def multiply(row: models.Model, times: int, **changed: str) -> None:
    """Copies of a row by one statement; `changed` has the SQL of columns that differ, n being the copy's number."""
    fields = [field for field in row._meta.concrete_fields if not field.primary_key]
    columns = [field.column for field in fields]
    table = row._meta.db_table
    values = ", ".join(changed.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM {table}"
            f" CROSS JOIN generate_series(1, {times}) AS n WHERE id = %s",
            [row.pk],
        )


def history() -> None:
    """100,000 payments and 7,000 batches that have ended, and 3,000 distributions."""
    then = clock.now() - LONG_AGO
    distribution = DistributionFactory(
        planned=True, status="COMPLETED", started_at=then, ended_at=then, paid_count=100_000
    )
    multiply(distribution, 3_000, uid="'d' || n", snapshot_id="1000000 + n")
    batch = BatchFactory(
        distribution=distribution, number=1_000_000, status="COMPLETED", successful=3, settled_at=then
    )
    multiply(batch, 7_000, uid="'b' || n", number="n")
    payment = PaymentFactory(distribution=distribution, batch=batch, ordinal=1_000_000, paid=True)
    multiply(payment, 100_000, ordinal="n", holder="'0x' || lpad(n::text, 40, '0')")
    call = TransactionFactory(succeeded=True)
    multiply(
        call,
        20_000,
        subject="'batch:old' || n",
        transaction_id="'old' || n",
        valid_start_ns="valid_start_ns - n",
    )
    hold = HoldFactory(lifted_at=then)
    multiply(hold, 5_000, uid="'h' || n")
    reservation = Reservation.objects.create(
        contract=distribution.asset.payout_contract, distribution_uid="r", units=1, closed_at=then
    )
    multiply(reservation, 3_000, distribution_uid="'r' || n")
    event = ChainEvent.objects.create(
        network="hedera-local",
        address="0.0.7",
        consensus_at="1",
        log_index=0,
        key="snapshot:1",
        seen_at=then,
        processed_at=then,
    )
    multiply(event, 20_000, log_index="n")
    investment = InvestmentContractFactory(checked_at=then)
    check = PaymentAvailability.objects.create(
        contract=investment,
        status="PROCESSED",
        requested_by="tests",
        requested_at=then,
        ended_at=then,
        checked_at=then,
        ledger=7,
        required_funds_units=0,
    )
    multiply(check, 50_000, uid="'c' || n", requested_at="requested_at - n * interval '1 second'")
    news = Notice.objects.create(
        noun="contract", object_uid="c", object_label="c", cause="BLOCKED", title="t", text="t", sent_at=then
    )
    multiply(news, 5_000, uid="'n' || n", object_uid="'c' || n")
    sealed = AuditEvent.write(distribution, what="status", by="alice")
    multiply(sealed, 50_000, sequence="n")


def present() -> None:
    """A run of 100,000 holders in its middle, and a run whose lines all failed."""
    now_ns, recent = clock.now_ns(), clock.now() - timedelta(minutes=5)
    running = DistributionFactory(planned=True, started_at=recent)
    batch = BatchFactory(distribution=running, number=1_000_000)
    multiply(batch, 700, uid="'p' || n", number="n")
    settled = BatchFactory(
        distribution=running, number=2_000_000, status="COMPLETED", successful=3, settled_at=recent
    )
    multiply(settled, 300, uid="'s' || n", number="1000 + n")
    call = TransactionFactory(succeeded=True, wallet=batch.distribution.asset.payout_contract.wallet)
    multiply(
        call,
        1_000,
        subject="'batch:new' || n",
        transaction_id="'new' || n",
        valid_start_ns=f"{now_ns} - n",
    )
    check = PaymentAvailability.objects.create(
        contract=InvestmentContractFactory(checked_at=recent),
        status="FAILED",
        error_class="NOT_I128",
        requested_by="tests",
        requested_at=recent,
        ended_at=recent,
    )
    multiply(check, 1_200, uid="'f' || n", requested_at="requested_at - n * interval '1 second'")
    unpaid = DistributionFactory(planned=True, status="FAILED", failed_count=10_000, ended_at=recent)
    failed = BatchFactory(distribution=unpaid, number=1_000_000, status="FAILED", failed=3, settled_at=recent)
    payment = PaymentFactory(distribution=unpaid, batch=failed, ordinal=1_000_000, failed=True)
    multiply(payment, 10_000, ordinal="n", holder="'0x' || lpad(n::text, 40, 'f')")


def plans() -> dict[str, str]:
    """The plan of every statement of one look at the figures."""
    with CaptureQueriesContext(connection) as captured:
        collector.read_all()
    statements = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
    with connection.cursor() as cursor:
        return {sql: _explain(cursor, sql) for sql in statements}


def _explain(cursor: Any, sql: str) -> str:
    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {sql}")
    return "\n".join(line for (line,) in cursor.fetchall())


def pages(plan: str) -> int:
    """Of 8 KiB, read from memory or disk by one statement: its work on any machine, however busy."""
    whole = next((line for line in plan.splitlines() if "Buffers:" in line), "")
    return sum(int(count) for count in re.findall(r"(?:hit|read)=(\d+)", whole))


def test_no_statement_reads_what_was_paid_before() -> None:
    history()
    present()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    found = plans()
    for sql, plan in found.items():
        for table in GROWING:
            assert not re.search(rf"Seq Scan on {table}\b", plan), f"{sql}\n{plan}"
        removed = [int(count) for count in re.findall(r"Rows Removed by Filter: (\d+)", plan)]
        assert sum(removed) <= 1_000, f"{sql}\n{plan}"
    assert len(found) <= STATEMENTS
    assert sum(pages(plan) for plan in found.values()) <= PAGES, {sql: pages(found[sql]) for sql in found}
    assert len(collector.read_all()) == len(collector.read_all())
