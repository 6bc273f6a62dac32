"""Batches find their own size on chains that say no in different ways, and every holder is paid once all the same."""

import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from celery import current_app
from pytest_django.fixtures import Settings

from contracts import doorbell
from contracts.models import AuditEvent, Contract, ContractTransaction, Hold
from contracts.services.holds import lift_hold
from devnet import transactions
from payouts.models import Batch, BatchSizing
from payouts.probing import Bracket
from payouts.services.paying import pay_batch
from tests.running import Status, assert_all_paid_once, start, until_planned
from tests.world import BEAT_TASKS, Pump, Setting, World

# Two child records for a holder, and fifty are allowed.
HTS_CEILING = 25


def calls() -> list[ContractTransaction]:
    return list(ContractTransaction.objects.filter(purpose="batch").order_by("pk"))


def sizes_tried() -> list[tuple[int, str]]:
    """Holders and end of every call, in the order they were planned."""
    return [(len(call.arguments[2]), call.error_class or call.status) for call in calls()]


def failed_calls() -> int:
    return sum(call.status == "FAILED" for call in calls())


def learned(setting: Setting) -> int | None:
    return Contract.objects.get(pk=setting.asset.payout_contract_id).learned_batch_size


def allow_fourteen(world: World) -> None:
    world.fault("consensus.gas", base=1_000_000, per_transfer=1_000_000)


def know(setting: Setting, size: int, *, gas_per_holder: int | None = None) -> None:
    """As if earlier distributions had learned it."""
    contract = setting.asset.payout_contract
    Contract.objects.filter(pk=contract.pk).update(learned_batch_size=size)
    BatchSizing.objects.create(
        contract=contract, largest_good=size, smallest_bad=None, gas_per_holder=gas_per_holder
    )


def stop_as_soon_as(pump: Pump, condition: Callable[[], bool]) -> None:
    """Between any two tasks, and not only when all rings are answered."""
    for _ in range(2_000):
        if condition():
            return
        if pump.rings:
            name, row_id = pump.rings.popleft()
            current_app.tasks[name](row_id)
        else:
            time.sleep(0.01)
            pump.world.advance(1)
            for name in BEAT_TASKS:
                current_app.tasks[name]()
    raise AssertionError("not reached")


# --- a ceiling that nobody knows -----------------------------------------------------------------


def test_a_thousand_holders_of_a_token_with_a_cap_on_child_records(world: World, pump: Pump) -> None:
    setting = world.asset(holders=1_000, hts_like=True)
    distribution = start(setting, amount="100000")

    pump.until_status(distribution, Status.COMPLETED, seconds=240)

    assert_all_paid_once(setting, distribution)
    assert (learned(setting) or 0) >= HTS_CEILING * 0.8
    assert failed_calls() <= 2
    assert {call.error_class for call in calls()} == {"", "MAX_CHILD_RECORDS_EXCEEDED"}


def test_a_thousand_holders_with_gas_for_fourteen(world: World, pump: Pump) -> None:
    allow_fourteen(world)
    setting = world.asset(holders=1_000)
    distribution = start(setting, amount="100000")

    pump.until_status(distribution, Status.COMPLETED, seconds=240)

    assert_all_paid_once(setting, distribution)
    assert (learned(setting) or 0) >= 14 * 0.8
    assert failed_calls() <= 2
    assert {call.error_class for call in calls()} == {"", "INSUFFICIENT_GAS"}


def test_a_transaction_that_is_too_long_is_cut(
    world: World, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "MAX_BYTES", 1_600)
    setting = world.asset(holders=180)
    distribution = start(setting, amount="1800")

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    assert [size for size, _ in sizes_tried()[:4]] == [20, 30, 45, 37]
    assert [end for _, end in sizes_tried()].count("TRANSACTION_OVERSIZE") == failed_calls() == 1


def test_one_call_is_in_flight_until_the_size_is_learned(world: World, pump: Pump) -> None:
    setting = world.asset(holders=600)
    distribution = pump.until_status(start(setting, amount="6000"), Status.COMPLETED)

    learned_at = AuditEvent.objects.get(what="batch size").at
    search = [call for call in calls() if call.planned_at < learned_at]
    assert [len(call.arguments[2]) for call in search] == [20, 30, 45, 68, 100]
    settled_at = {batch.subject: batch.settled_at for batch in Batch.objects.filter(status="COMPLETED")}
    for before, after in pairwise(search):
        assert settled_at[before.subject] <= after.planned_at
    assert learned(setting) == 100
    assert_all_paid_once(setting, distribution)


def test_a_learned_size_has_everything_planned_at_once(world: World, pump: Pump) -> None:
    setting = world.asset(holders=8)
    distribution = until_planned(pump, start(setting, amount="80"))
    know(setting, 3)

    with pump.without("contracts.sign_transaction"):
        pump.run(lambda: len(calls()) == 3)

    assert [size for size, _ in sizes_tried()] == [2, 3, 3]
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


# --- the search is interrupted -------------------------------------------------------------------


def test_a_search_goes_on_after_a_restart_where_it_was(
    world: World, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = world.asset(holders=200, hts_like=True)
    distribution = start(setting, amount="2000")
    stop_as_soon_as(pump, lambda: BatchSizing.objects.filter(smallest_bad=30).exists())

    restarted = Pump(world)  # every ring of the old one is lost
    monkeypatch.setattr(doorbell, "_send", restarted.send)
    restarted.until_status(distribution, Status.COMPLETED)

    assert sizes_tried()[:4] == [
        (20, "SUCCEEDED"),
        (30, "MAX_CHILD_RECORDS_EXCEEDED"),
        (25, "SUCCEEDED"),
        (27, "MAX_CHILD_RECORDS_EXCEEDED"),
    ]
    assert learned(setting) == HTS_CEILING
    assert_all_paid_once(setting, distribution)


def test_the_next_distribution_goes_on_with_what_the_last_one_learned(world: World, pump: Pump) -> None:
    setting = world.asset(holders=45)
    for amount in ("450", "900"):
        distribution = pump.until_status(start(setting, amount=amount), Status.COMPLETED)
        assert distribution.paid_count == 45

    assert [size for size, _ in sizes_tried()] == [20, 25, 38, 7]
    assert learned(setting) is None


def test_a_cut_whose_rings_are_lost_is_found_by_the_sweep_and_is_made_once(world: World, pump: Pump) -> None:
    world.fault("consensus.gas", base=1_000_000, per_transfer=2_000_000)
    setting = world.asset(holders=20)
    distribution = until_planned(pump, start(setting, amount="200"))
    with pump.without("payouts.pay_batch"):
        pump.run(lambda: failed_calls() == 1)
    batch = distribution.batches.get()

    pay_batch(batch.pk)
    pay_batch(batch.pk)  # a ring that comes late
    pump.rings.clear()

    batch.refresh_from_db()
    assert (batch.status, batch.payments.count()) == ("SPLIT", 0)
    assert BatchSizing.objects.get().failures == 1
    first, second = batch.children.order_by("number")
    assert (first.kind, first.number, first.total, second.total) == ("SPLIT_CHILD", 2, 10, 10)
    assert [*first.holders, *second.holders] == batch.holders
    for child in (first, second):
        assert set(child.payments.values_list("holder", flat=True)) == set(child.holders)
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


# --- what was learned is not true any more -------------------------------------------------------


def test_a_ceiling_that_shrinks_while_many_calls_are_under_way_is_learned_again(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=300, hts_like=True)
    know(setting, 100, gas_per_holder=90_000)
    distribution = pump.until_status(start(setting, amount="3000"), Status.COMPLETED)

    assert sizes_tried()[:4] == [(100, "MAX_CHILD_RECORDS_EXCEEDED")] * 3 + [(20, "SUCCEEDED")]
    assert failed_calls() <= 3 + 2
    assert (learned(setting) or 0) >= HTS_CEILING * 0.8
    assert_all_paid_once(setting, distribution)


def test_a_call_short_of_gas_gets_more_before_anything_is_cut(world: World, pump: Pump) -> None:
    setting = world.asset(holders=10)
    know(setting, 5, gas_per_holder=30_000)
    world.fault("consensus.gas", base=1_000_000, per_transfer=100_000)
    distribution = pump.until_status(start(setting, amount="100"), Status.COMPLETED)

    assert set(distribution.batches.values_list("kind", "total")) == {("FIRST", 5)}
    # Two batches are under way: what one has learned, the other need not try.
    limits: dict[str, list[int]] = {}
    for call in calls():
        limits.setdefault(call.subject, []).append(call.gas_limit)
    assert {limit for tried in limits.values() for limit in tried} == {525_000, 750_000, 1_200_000, 2_100_000}
    for tried in limits.values():
        assert tried == sorted(set(tried)) and tried[-1] == 2_100_000
    assert BatchSizing.objects.get().gas_per_holder == 240_000
    assert learned(setting) == 5
    assert_all_paid_once(setting, distribution)


def test_a_throttled_network_is_no_reason_to_cut(world: World, pump: Pump) -> None:
    setting = world.asset(holders=10)
    world.fault("consensus.fail", count=2, match="batch:", result="CONSENSUS_GAS_EXHAUSTED")
    distribution = pump.until_status(start(setting, amount="100"), Status.COMPLETED)

    assert sizes_tried() == [(10, "CONSENSUS_GAS_EXHAUSTED")] * 2 + [(10, "SUCCEEDED")]
    assert distribution.batches.count() == 1
    assert BatchSizing.objects.get().bracket.bad is None


# --- not a matter of size, or of nothing else ----------------------------------------------------


def test_a_contract_that_takes_nobody_holds_the_run_and_goes_on_when_it_is_mended(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    distribution = until_planned(pump, start(setting, amount="90"))
    world.fault("consensus.gas", base=16_000_000, per_transfer=1)
    pump.until_status(distribution, Status.HELD)
    assert "not even one holder fits into a call of payouts: INSUFFICIENT_GAS" in distribution.status_reason
    assert not distribution.payments.exclude(status="PENDING").exists()
    spent = len(calls())
    for _ in range(10):
        pump.tick()
    assert len(calls()) == spent, "each costs a fee"

    world.clear("consensus.gas")
    lift_hold(Hold.objects.open().get(), reason="mended", by="alice")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_one_holder_for_whom_there_is_no_room_fails_and_a_second_in_a_row_holds_the_run(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.BATCH_SIZE = 1
    setting = world.asset(holders=3)
    know(setting, 1)
    distribution = until_planned(pump, start(setting, amount="90"))
    world.fault("consensus.gas", base=16_000_000, per_transfer=1)

    pump.until_status(distribution, Status.HELD)

    lines = distribution.payments.order_by("ordinal")
    assert sorted(lines.values_list("status", "failure_reason")) == [
        ("FAILED", "INSUFFICIENT_GAS"),
        ("PENDING", ""),
        ("PENDING", ""),
    ]


def test_size_that_looks_like_bad_holders_is_lowered_and_nobody_fails(world: World, pump: Pump) -> None:
    setting = world.asset(holders=60)
    setting.ask_money("setMostTransfers", 7)
    distribution = pump.until_status(start(setting, amount="600"), Status.COMPLETED)

    assert learned(setting) == 7
    assert [size for size, _ in sizes_tried()][:3] == [20, 6, 7]
    assert failed_calls() == 0
    assert set(distribution.batches.values_list("retry_count", flat=True)) == {0}
    assert_all_paid_once(setting, distribution)


def test_holders_who_fail_again_by_themselves_are_to_blame_and_not_the_size(world: World, pump: Pump) -> None:
    setting = world.asset(holders=5)
    setting.ask_money("setMostTransfers", 3)
    distribution = until_planned(pump, start(setting, amount="100"))
    with pump.without("payouts.settle", "payouts.pay_batch"):
        pump.run(lambda: [end for _, end in sizes_tried()] == ["SUCCEEDED"])
    with pump.without("payouts.feed"):
        pump.run(lambda: distribution.batches.count() == 2)
    assert learned(setting) == 3
    unlucky = distribution.batches.get(kind="SPLIT_CHILD").holders

    setting.ask_money("setMostTransfers", 0)
    fail_without_a_trace(pump, setting, unlucky)

    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)
    failed = distribution.payments.filter(status="FAILED", failure_cause="UNKNOWN")
    assert set(failed.values_list("holder", flat=True)) == set(unlucky)
    assert len(calls()) == 2, "they are not sent a third time by themselves"
    assert (learned(setting), BatchSizing.objects.get().bracket) == (None, Bracket(good=5))


def fail_without_a_trace(pump: Pump, setting: Setting, holders: list[str]) -> None:
    """Their accounts are frozen while the call runs, and are not any more when the cause is looked for."""
    for holder in holders:
        setting.ask_money("setFrozen", holder, True)
    with pump.without("payouts.settle", "payouts.pay_batch"):
        pump.run(lambda: sizes_tried()[-1] == (len(holders), "SUCCEEDED"))
    for holder in holders:
        setting.ask_money("setFrozen", holder, False)
    setting.world.control.do_close_block()
