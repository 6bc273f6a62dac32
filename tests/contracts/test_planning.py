"""PLANNED: a row before a message, and never a second one beside an open or successful one."""

import threading

import pytest
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from contracts import gates
from contracts.models import AuditEvent, ContractTransaction
from contracts.services.planning import AlreadyOpen, Call, Waiting, plan_transaction
from tests.contracts.probe import Probe, Status


def test_a_planned_row_carries_all_that_will_be_sent(probe: Probe, settings: Settings) -> None:
    row = probe.plan("probe:one")

    assert (row.status, row.attempt, row.transaction_id) == (Status.PLANNED, 1, None)
    assert row.memo == f"pd1:{settings.PAYDATE_INSTANCE_ID}:probe:one:1"
    assert row.max_fee_units == settings.HEDERA_MAX_FEE_HBAR * 100_000_000
    event = AuditEvent.objects.get(noun="contracttransaction", object_id=row.pk)
    assert (event.target, event.reason) == ("PLANNED", "attempt 1 of takeSnapshot")
    assert list(probe.pump.rings) == [("contracts.sign_transaction", row.pk)]


def test_a_closed_gate_plans_nothing(probe: Probe) -> None:
    probe.closed = "not today"

    with pytest.raises(Waiting, match="not today"):
        probe.plan()

    assert not ContractTransaction.objects.exists()
    assert not probe.pump.rings


def test_a_purpose_without_an_owner_waits(probe: Probe) -> None:
    asset = probe.setting.asset
    call = Call(asset.address, "ats/7", "takeSnapshot", [], 1)

    with pytest.raises(Waiting, match="no app is registered for the purpose nobody"):
        plan_transaction(
            wallet=asset.payout_contract.wallet,
            contract=None,
            call=call,
            purpose="nobody",
            subject="s:1",
            group_uid="s",
            has_guard=True,
        )


def test_a_purpose_has_one_owner(probe: Probe) -> None:
    with pytest.raises(ValueError, match="registered twice"):
        gates.register("batch", gate=probe.why_not, handler=probe.on_arrow)


@pytest.mark.parametrize("status", [Status.PLANNED, Status.SUBMITTED, Status.SUCCEEDED])
def test_a_subject_with_an_open_or_successful_attempt_gets_no_other(probe: Probe, status: str) -> None:
    row = probe.plan()
    if status != Status.PLANNED:
        probe.until(row, status)

    with pytest.raises(AlreadyOpen):
        probe.plan(row.subject)

    assert ContractTransaction.objects.of(row.subject).count() == 1


def test_the_next_attempt_is_another_row_with_another_memo(probe: Probe) -> None:
    first = probe.plan(gas=20_000)
    probe.until(first, Status.FAILED)

    second = probe.plan(first.subject)

    assert (second.attempt, second.memo[-2:]) == (2, ":2")
    assert first.pk != second.pk


def test_a_ring_is_sent_only_when_the_row_is_committed(probe: Probe) -> None:
    with transaction.atomic():
        probe.plan()
        assert not probe.pump.rings
        transaction.set_rollback(True)

    assert not probe.pump.rings
    assert not ContractTransaction.objects.exists()


def test_of_two_who_plan_one_subject_at_once_one_does(probe: Probe) -> None:
    barrier, outcomes = threading.Barrier(2), []

    def plan() -> None:
        barrier.wait()
        try:
            outcomes.append(probe.plan("probe:race").attempt)
        except AlreadyOpen:
            outcomes.append("already open")
        finally:
            connection.close()

    threads = [threading.Thread(target=plan) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(str, outcomes)) == ["1", "already open"]
