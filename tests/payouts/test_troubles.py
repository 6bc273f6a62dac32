"""Every trouble a network can show, met in mid-run: the run completes by itself and pays each holder once."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from chainsync.followed import listener_of
from chainsync.services.following import follow
from contracts.models import ContractTransaction
from payouts.services.showing import why_waiting
from tests.running import Status, assert_all_paid_once, start, until_planned
from tests.world import Pump, World

ONCE: list[tuple[str, dict[str, Any]]] = [
    ("custody.drop_request", {"match": "/signatures"}),
    ("custody.drop_reply", {"match": "/signatures"}),
    ("custody.error_rate", {"match": "/signatures", "status": 429, "retry_after": 3}),
    ("custody.error_rate", {"match": "/signatures", "status": 500}),
    ("consensus.drop_request", {"match": "batch:"}),
    ("consensus.drop_reply", {"match": "batch:"}),
    ("consensus.busy", {"match": "batch:"}),
    ("mirror.drop_reply", {}),
    ("mirror.partial", {}),
    ("mirror.error_rate", {"status": 503}),
    ("mirror.error_rate", {"status": 429, "retry_after": 1}),
]


@pytest.mark.parametrize(("name", "params"), ONCE, ids=[f"{name}-{p.get('status', '')}" for name, p in ONCE])
def test_a_trouble_in_mid_run_costs_time_and_nothing_else(
    world: World, pump: Pump, settings: Settings, quick_retries: None, name: str, params: dict[str, Any]
) -> None:
    settings.BATCH_SIZE = 2
    settings.RESEND_SECONDS = 3
    setting = world.asset(holders=4)
    distribution = until_planned(pump, start(setting, amount="90"))
    world.fault(name, count=2, **params)

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    assert {row.attempt for row in ContractTransaction.objects.all()} == {1}


def test_a_batch_whose_reply_was_lost_is_settled_from_its_event_alone(
    world: World, pump: Pump, quick_retries: None
) -> None:
    """No node answered for it, and no record or list of transactions can be read: logs and results are left."""
    setting = world.asset(holders=4)
    distribution = until_planned(pump, start(setting, amount="90"))
    batch = distribution.batches.get()
    calls = ContractTransaction.objects.filter(subject=batch.subject)
    world.fault("consensus.drop_reply", match="batch:")
    world.fault("mirror.error_rate", match="/transactions", status=503)

    with pump.without("contracts.resolve_transaction", "contracts.resolve_sent"):
        pump.run(calls.filter(status="SUBMITTED").exists)
        world.wait_for(calls.get().transaction_id)
        follow(listener_of(setting.asset.payout_contract).pk)
        assert set(distribution.payments.values_list("status", flat=True)) == {"PAID"}, "by the event"
    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    call = calls.get()
    assert (call.status, call.attempt, call.fee_units) == ("SUCCEEDED", 1, None)


def test_a_batch_that_is_lost_expires_and_is_paid_by_its_next_attempt(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.TRANSACTION_VALID_SECONDS = 30
    setting = world.asset(holders=3)
    distribution = until_planned(pump, start(setting, amount="90"))
    world.fault("consensus.lose", match=f"{distribution.batches.get().subject}:1")

    pump.until_status(distribution, Status.COMPLETED)

    calls = ContractTransaction.objects.filter(purpose="batch").order_by("attempt")
    assert list(calls.values_list("status", flat=True)) == ["EXPIRED", "SUCCEEDED"]
    assert_all_paid_once(setting, distribution)


def test_a_snapshot_that_is_lost_is_taken_again_and_is_the_only_one(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.TRANSACTION_VALID_SECONDS = 30
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    world.fault("consensus.lose", match=f"{distribution.snapshot_subject}:1")

    pump.until_status(distribution, Status.COMPLETED)

    assert ContractTransaction.objects.filter(purpose="snapshot").count() == 2
    assert_all_paid_once(setting, distribution)


def test_of_two_snapshots_on_chain_the_earliest_counts(world: World, pump: Pump) -> None:
    """An attempt that was wrongly taken for expired came through after all: its successor must not win."""
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    calls = ContractTransaction.objects.filter(purpose="snapshot")
    with pump.without("contracts.resolve_transaction", "contracts.resolve_sent"):
        pump.run(calls.filter(status="SUBMITTED").exists)
    calls.update(status="EXPIRED")

    pump.until_status(distribution, Status.COMPLETED)

    first, second = sorted(
        world.records(distribution.snapshot_subject), key=lambda record: record.consensus_ns
    )
    assert calls.get(status="SUCCEEDED").transaction_id == second.transaction_id
    assert distribution.snapshot_consensus_at.replace(".", "") == str(first.consensus_ns)
    assert_all_paid_once(setting, distribution)


def test_a_clock_that_differs_costs_few_attempts_and_holds_up_only_while_it_does(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    distribution = until_planned(pump, start(setting, amount="90"))
    world.fault("clock.chain_offset", seconds=-30)
    for _ in range(8):
        world.advance(5)
        pump.beat()
    calls = ContractTransaction.objects.filter(purpose="batch")
    assert set(calls.values_list("error_class", flat=True)) == {"INVALID_TRANSACTION_START"}
    assert calls.count() <= 6, "each costs a signature: the pauses between them grow"
    assert any("INVALID_TRANSACTION_START" in reason for reason in why_waiting(distribution))

    world.clear("clock.chain_offset")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
