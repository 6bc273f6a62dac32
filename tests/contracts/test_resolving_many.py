"""Many calls found by the answers about one: only plain successes end there, and each as the look at it alone says."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.models import ContractTransaction
from contracts.services.resolving import resolve_transaction
from contracts.services.resolving_many import resolve_sent
from tests.contracts.probe import Probe, Status

KEPT = (
    "status",
    "consensus_at",
    "hash",
    "fee_units",
    "gas_used",
    "result",
    "error_class",
    "waiting_reason",
)


def on_chain(probe: Probe, count: int) -> list[ContractTransaction]:
    return [probe.on_chain() for _ in range(count)]


def look(rows: list[ContractTransaction]) -> list[str]:
    resolve_sent(rows[0].wallet_id)
    for row in rows:
        row.refresh_from_db()
    return [row.status for row in rows]


def test_calls_found_together_say_what_the_look_at_each_says(probe: Probe) -> None:
    rows = on_chain(probe, 3)
    alone = probe.on_chain()
    resolve_transaction(alone.pk)
    alone.refresh_from_db()

    assert look(rows) == [Status.SUCCEEDED] * 3
    assert probe.arrows.count(Status.SUCCEEDED) == 4
    for row in rows:
        assert [event["name"] for event in row.result["events"]] == [
            event["name"] for event in alone.result["events"]
        ]
        assert row.gas_used and row.fee_units and row.consensus_at and len(row.hash) == 96
        assert {name: type(getattr(row, name)) for name in KEPT} == {
            name: type(getattr(alone, name)) for name in KEPT
        }


def test_fewer_than_three_are_looked_at_alone(probe: Probe) -> None:
    rows = on_chain(probe, 2)

    assert look(rows) == [Status.SUBMITTED] * 2
    assert [(name, pk) for name, pk in probe.pump.rings if name == "contracts.resolve_transaction"] == [
        ("contracts.resolve_transaction", row.pk) for row in rows
    ]


def test_what_failed_is_left_to_the_look_at_it_alone(probe: Probe) -> None:
    rows = on_chain(probe, 3)
    probe.world.fault("consensus.fail", count=1, result="INSUFFICIENT_GAS")
    failed = probe.on_chain()

    assert look([*rows, failed]) == [Status.SUCCEEDED] * 3 + [Status.SUBMITTED]
    assert ("contracts.resolve_transaction", failed.pk) in probe.pump.rings


def test_bytes_that_are_not_ours_are_not_taken_for_ours(probe: Probe) -> None:
    rows = on_chain(probe, 4)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contracts_signedbody DISABLE TRIGGER body_bytes_fixed")
        cursor.execute(
            "UPDATE contracts_signedbody SET hash = %s WHERE transaction_id = %s", ["ab" * 48, rows[0].pk]
        )
        cursor.execute("ALTER TABLE contracts_signedbody ENABLE TRIGGER body_bytes_fixed")

    assert look(rows) == [Status.SUBMITTED] + [Status.SUCCEEDED] * 3
    assert ("contracts.resolve_transaction", rows[0].pk) in probe.pump.rings


@pytest.mark.parametrize(
    "fault",
    [("mirror.partial", {}), ("mirror.down", {}), ("mirror.not_found", {})],
    ids=["partial", "down", "404"],
)
def test_a_mirror_node_that_does_not_tell_everything_ends_nothing(
    probe: Probe, fault: tuple[str, dict[str, int]], quick_retries: None
) -> None:
    rows = on_chain(probe, 3)
    probe.world.fault(fault[0], **fault[1])

    assert look(rows) == [Status.SUBMITTED] * 3

    probe.world.clear(fault[0])
    assert look(rows) == [Status.SUCCEEDED] * 3


def test_two_lookers_at_once_move_each_row_once(probe: Probe) -> None:
    rows = on_chain(probe, 3)
    assert look(rows) == [Status.SUCCEEDED] * 3
    assert look(rows) == [Status.SUCCEEDED] * 3
    assert probe.arrows.count(Status.SUCCEEDED) == 3


def test_a_look_at_many_takes_as_many_statements_as_one_at_few(probe: Probe) -> None:
    def statements(count: int) -> int:
        rows = on_chain(probe, count)
        with CaptureQueriesContext(connection) as queries:
            assert look(rows) == [Status.SUCCEEDED] * count
        return len(queries) - count  # each row is read again by the test

    assert statements(8) == statements(3)
