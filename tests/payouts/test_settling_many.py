"""Many batches at once: the same few statements, each batch once, and one odd batch stops no other."""

import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from chainsync.models import ChainEvent
from contracts import doorbell
from contracts.models import AuditEvent, ContractTransaction
from payouts.models import Batch, BatchSizing, Distribution
from payouts.services import settling
from payouts.services.settling import settle_due, waiting_for_settlement
from reserves.models import Draw, Reservation
from tests.factories import BatchFactory
from tests.payouts.calls import SHARE, called, running


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What would go to the workers."""
    heard: list[tuple[str, int]] = []
    monkeypatch.setattr(doorbell, "_send", lambda name, row_id, after: heard.append((name, row_id)))
    return heard


@pytest.fixture
def run(transactional_db: None) -> Distribution:
    return running()


def statuses(distribution: Distribution) -> list[str]:
    return list(distribution.batches.order_by("number").values_list("status", flat=True))


def assert_paid_once(distribution: Distribution, holders: int) -> None:
    assert distribution.payments.filter(status="PAID", paid_units=SHARE, difference="").count() == holders
    assert Reservation.objects.get().drawn_units == holders * SHARE


def test_twenty_five_batches_take_as_many_statements_as_five(run: Distribution) -> None:
    BatchFactory(distribution=run, number=70_000, status="PENDING")  # so that the distribution does not end
    called(run, 1)
    settle_due(run.pk)  # the listener's row is made once

    def settle(first: int, count: int) -> int:
        for number in range(first, first + count):
            called(run, number)
        with CaptureQueriesContext(connection) as captured:
            settle_due(run.pk)
        return len(captured)

    assert settle(10, 5) == settle(100, 25)
    assert run.batches.filter(status="COMPLETED").count() == 31
    assert Draw.objects.count() == ChainEvent.objects.count() == 31


def test_each_batch_leaves_its_event_its_draw_and_one_line_of_audit(run: Distribution) -> None:
    batches = [called(run, number) for number in range(1, 31)]
    settle_due(run.pk)

    assert statuses(run) == ["COMPLETED"] * 30
    assert_paid_once(run, 90)
    assert (
        ChainEvent.objects.filter(key="snapshot:1", is_proved=True, processed_at__isnull=False).count() == 30
    )
    calls = dict(ContractTransaction.objects.values_list("subject", "consensus_at"))
    assert set(ChainEvent.objects.values_list("consensus_at", flat=True)) == set(calls.values())
    for batch in batches:
        (event,) = AuditEvent.objects.filter(noun="batch", object_id=batch.pk)
        assert (event.source, event.target, event.reason) == ("PROCESSING", "COMPLETED", "3 paid, 0 failed")
        assert set(batch.payments.values_list("paid_at", flat=True)) == {calls[batch.subject]}


def test_one_batch_that_cannot_be_settled_stops_no_other(
    run: Distribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 4):
        called(run, number)
    odd = run.batches.get(number=2)
    Batch.objects.filter(pk=odd.pk).update(holders=[*odd.holders[:2], "0x" + "99" * 20])
    monkeypatch.setattr(settling, "read_result_again", lambda call: False)

    settle_due(run.pk)

    assert statuses(run) == ["COMPLETED", "PROCESSING", "COMPLETED"]
    odd.refresh_from_db()
    assert "does not name exactly the holders" in odd.waiting_reason
    assert set(odd.payments.values_list("status", flat=True)) == {"PENDING"}
    assert ChainEvent.objects.count() == 2


def test_an_event_that_fails_to_be_applied_keeps_its_batch_open_and_says_why(
    run: Distribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [called(run, number) for number in range(1, 4)]
    odd = batches[1]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'stumbled over a line'; END $$
            """
        )
        cursor.execute(
            "CREATE TRIGGER stumble BEFORE UPDATE ON payouts_payment FOR EACH ROW "
            f"WHEN (OLD.holder = '{odd.holders[0]}') EXECUTE FUNCTION stumble()"
        )
    monkeypatch.setattr(settling, "read_events", lambda contract, through: None)
    try:
        settle_due(run.pk)
        assert statuses(run) == ["COMPLETED", "PROCESSING", "COMPLETED"]
        odd.refresh_from_db()
        assert "stumbled over a line" in odd.waiting_reason
        assert "stumbled over a line" in ChainEvent.objects.get(processed_at=None).quarantine_reason
        assert set(odd.payments.values_list("status", flat=True)) == {"PENDING"}
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION stumble CASCADE")

    run.batches.filter(pk=odd.pk).update(waiting_reason="")
    settle_due(run.pk)
    assert statuses(run) == ["COMPLETED"] * 3
    assert_paid_once(run, 9)
    assert ChainEvent.objects.get(consensus_at=odd.payments.first().paid_at).quarantine_reason == ""


def test_two_workers_settle_each_batch_once(run: Distribution) -> None:
    for number in range(1, 61):
        called(run, number)
    together = threading.Barrier(3)

    def work() -> None:
        together.wait()
        settle_due(run.pk)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses(run) == ["COMPLETED"] * 60
    assert_paid_once(run, 180)
    assert AuditEvent.objects.filter(noun="batch").count() == 60
    assert Draw.objects.count() == ChainEvent.objects.count() == 60


def test_the_lines_of_holders_who_were_paid_do_not_wait_for_those_who_were_not(
    run: Distribution, quick_retries: None
) -> None:
    """The mirror node is away: the batch says so, and what its own call has paid is shown all the same."""
    called(run, 1, holders=4, failed=1)
    called(run, 2)
    settle_due(run.pk)

    assert statuses(run) == ["PROCESSING", "COMPLETED"]
    batch = run.batches.get(number=1)
    assert "the chain could not be asked" in batch.waiting_reason
    assert sorted(batch.payments.values_list("status", flat=True)) == ["PAID", "PAID", "PAID", "PENDING"]
    assert waiting_for_settlement([batch.pk]) == {batch.pk: run.pk}


def test_a_batch_without_a_successful_call_is_left_alone(run: Distribution) -> None:
    batch = called(run, 1)
    other = called(run, 2)
    Batch.objects.filter(pk=other.pk).update(uid="nobodyhascalledforthis")
    assert waiting_for_settlement([batch.pk, other.pk]) == {batch.pk: run.pk}
    settle_due(run.pk)
    assert statuses(run) == ["COMPLETED", "PROCESSING"]


def test_while_the_size_is_searched_for_the_largest_batch_of_a_group_is_noted(transactional_db: None) -> None:
    distribution = running(learned_size=None)
    called(distribution, 1, holders=3)
    called(distribution, 2, holders=7)
    settle_due(distribution.pk)
    assert BatchSizing.objects.get().largest_good == 7


def test_a_worker_that_finds_another_at_it_returns_at_once(run: Distribution) -> None:
    called(run, 1)
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            assert settling._is_mine(run)
            taken.set()
            done.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(10)
    settle_due(run.pk)
    assert statuses(run) == ["PROCESSING"]
    done.set()
    holder.join()
    settle_due(run.pk)
    assert statuses(run) == ["COMPLETED"]
