"""The end of a distribution: cheap to ask for, counted from the lines, and right whoever pays afterwards."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts import clock
from contracts.models import AuditEvent
from payouts.models import Batch, Distribution
from payouts.services import finishing
from payouts.services.finishing import finish_distribution, refresh_totals
from payouts.services.retrying import catch_up
from reserves.models import Reservation
from tests.factories import BatchFactory, DistributionFactory, PaymentFactory
from tests.payouts.test_retrying import run_of, thaw, unpaid
from tests.payouts.test_settling import pay_with_another_tool
from tests.running import Status, assert_all_paid_once, moves, start
from tests.world import Pump, World


def ended_lines(*, paid: int, failed: int = 0) -> Distribution:
    """A run whose batches have ended and which nobody has ended yet."""
    distribution = DistributionFactory(planned=True)
    batch = BatchFactory(distribution=distribution, status="PARTIALLY_COMPLETED")
    PaymentFactory.create_batch(paid, distribution=distribution, batch=batch, paid=True)
    PaymentFactory.create_batch(failed, distribution=distribution, batch=batch, failed=True)
    contract = distribution.asset.payout_contract
    Reservation.objects.create(contract=contract, distribution_uid=distribution.uid, units=5_002_000 * 10)
    return distribution


@pytest.mark.django_db
class TestCost:
    def test_while_a_batch_is_open_it_is_one_look_at_an_index(self) -> None:
        distribution = ended_lines(paid=2)
        BatchFactory(distribution=distribution)
        with CaptureQueriesContext(connection) as queries:
            assert not finish_distribution(distribution)
        (query,) = queries.captured_queries
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {query['sql']}")
            plan = " ".join(row[0] for row in cursor.fetchall())
        assert "batch_open" in plan or "batch_due" in plan, plan

    def test_totals_are_taken_at_most_every_two_seconds_however_many_ask(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        distribution = ended_lines(paid=3)
        now = clock.now()
        monkeypatch.setattr(finishing.clock, "now", lambda: now)
        refresh_totals(distribution)
        PaymentFactory(distribution=distribution, paid=True)
        for _ in range(3):
            with CaptureQueriesContext(connection) as queries:
                refresh_totals(distribution)
            assert len(queries) == 1
        distribution.refresh_from_db()
        assert (distribution.paid_count, distribution.totals_at) == (3, now)

        later = now + timedelta(seconds=2)
        monkeypatch.setattr(finishing.clock, "now", lambda: later)
        refresh_totals(distribution)
        distribution.refresh_from_db()
        assert (distribution.paid_count, distribution.totals_at) == (4, later)

    def test_totals_of_an_ended_run_are_left_alone(self) -> None:
        distribution = ended_lines(paid=3)
        assert finish_distribution(distribution)
        Distribution.objects.filter(pk=distribution.pk).update(paid_count=1, totals_at=None)
        refresh_totals(distribution)
        distribution.refresh_from_db()
        assert distribution.paid_count == 1


@pytest.mark.django_db
class TestRules:
    def test_a_line_in_no_open_batch_keeps_the_run_from_ending(self) -> None:
        distribution = ended_lines(paid=2)
        PaymentFactory(distribution=distribution)
        assert not finish_distribution(distribution)
        assert distribution.status == Status.PROCESSING

    def test_times_are_those_of_the_chain(self) -> None:
        distribution = ended_lines(paid=3)
        times = sorted(distribution.payments.values_list("paid_at", flat=True))
        assert finish_distribution(distribution)
        assert (distribution.executed_at, distribution.completed_at) == (times[0], times[-1])
        assert distribution.status == Status.COMPLETED
        assert Reservation.objects.get().closed_at is not None

    def test_lines_that_are_waived_or_owed_nothing_do_not_count_as_failed(self) -> None:
        distribution = ended_lines(paid=2)
        PaymentFactory(distribution=distribution, status="WAIVED")
        PaymentFactory(distribution=distribution, status="SKIPPED", expected_units=0)
        assert finish_distribution(distribution)
        assert (distribution.status, distribution.failed_count) == (Status.COMPLETED, 0)


@pytest.mark.django_db(transaction=True)
def test_of_two_that_end_it_at_once_one_does() -> None:
    pk = ended_lines(paid=5).pk
    ready, results = threading.Barrier(2), []

    def end() -> None:
        distribution = Distribution.objects.get(pk=pk)
        ready.wait()
        results.append(finish_distribution(distribution))
        connection.close()

    threads = [threading.Thread(target=end) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == [False, True]
    assert AuditEvent.objects.filter(noun="distribution", target="COMPLETED").count() == 1


def test_nobody_is_called_unpaid_before_the_contracts_events_were_read(
    world: World, pump: Pump, quick_retries: None
) -> None:
    distribution = run_of(2)
    Distribution.objects.filter(pk=distribution.pk).update(status="PROCESSING")
    world.fault("mirror.down")

    assert not finish_distribution(distribution)

    distribution.refresh_from_db()
    assert distribution.status == Status.PROCESSING
    assert distribution.status_reason.startswith("waits for the contract's events before it ends: ")


def test_an_end_is_corrected_when_an_event_pays_what_had_failed(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, *setting.holders)
    thaw(setting, *setting.holders)
    first_end = distribution.ended_at

    pay_with_another_tool(setting, distribution, setting.holders[:1])
    world.advance(10)
    catch_up(distribution)
    assert (distribution.status, distribution.paid_count, distribution.failed_count) == (
        "PARTIALLY_COMPLETED",
        1,
        2,
    )
    assert distribution.status_reason.startswith("2 holders were not paid; tried again by itself")
    kept = Reservation.objects.get()
    failed = distribution.payments.filter(status="FAILED").values_list("expected_units", flat=True)
    assert (kept.remaining_units, kept.closed_at) == (sum(failed), None)

    pay_with_another_tool(setting, distribution, setting.holders[1:])
    world.advance(10)
    catch_up(distribution)
    assert distribution.next_retry_at is None
    assert_all_paid_once(setting, distribution)
    assert moves(distribution)[-3:] == ["FAILED", "PARTIALLY_COMPLETED", "COMPLETED"]
    assert distribution.ended_at == first_end, "it had ended then; the trail says what came after"
    assert Reservation.objects.get().closed_at is not None


def test_a_run_ends_although_every_ring_was_lost(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = start(setting, amount="90")
    for _ in range(40):
        pump.rings.clear()
        pump.world.advance(6)
        pump.beat()
        distribution.refresh_from_db()
        if distribution.status == Status.COMPLETED:
            break
    assert_all_paid_once(setting, distribution)
    assert not Batch.objects.open().exists()
