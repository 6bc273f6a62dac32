"""Settling: what the contract's events say about each holder, whoever caused them, and why one was not paid."""

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django.fixtures import Settings

from chainsync.models import ChainEvent
from chainsync.services.reading import read_visible
from contracts import clock
from contracts.gateways.errors import Unavailable
from contracts.models import AuditEvent, ContractTransaction
from contracts.transitions import move
from payouts.models import Distribution, Payment
from payouts.services.settling import fail_batch, settle_due
from payouts.services.showing import compare_with_chain, failures_of
from reserves.models import Draw, Reservation
from tests.running import Status, assert_all_paid_once, expected_units, moves, start, until_planned
from tests.world import Pump, Setting, World


def until_called_with(
    pump: Pump, distribution: Distribution, before: Callable[[], None] = lambda: None
) -> ContractTransaction:
    """The chain has executed the batch's call, after ``before`` was done, and nobody has settled it yet."""
    until_planned(pump, distribution)
    before()
    with pump.without("payouts.settle"):
        calls = ContractTransaction.objects.filter(purpose="batch", status="SUCCEEDED")
        pump.run(calls.exists)
    return calls.get()


def pay_with_another_tool(setting: Setting, distribution: Distribution, holders: list[str]) -> None:
    """The administrator's own tool calls the same contract with the same snapshot and pool."""
    assert distribution.snapshot_id is not None
    setting.world.control.do_call(
        setting.made["payout_contract"]["id"],
        "executeAmountSnapshotByAddresses",
        [setting.asset.evm_address, distribution.snapshot_id, holders, distribution.pool_units],
    )
    setting.world.control.do_close_block()


FAILURES = {
    "NOT_ASSOCIATED": ("dissociate", [], "the holder's account is not associated with the payment token"),
    "FROZEN": ("setFrozen", [True], "the holder's account is frozen for the payment token"),
    "NO_KYC": ("setKyc", [False], "the holder's account has no KYC for the payment token"),
}


@pytest.mark.parametrize("cause", FAILURES)
def test_a_holder_that_cannot_receive_fails_with_the_proven_cause(
    world: World, pump: Pump, cause: str
) -> None:
    function, arguments, reason = FAILURES[cause]
    setting = world.asset(holders=3)
    unlucky = setting.holders[1]
    if function == "setKyc":
        setting.ask_money("setKycRequired", True)
        for holder in [*setting.holders, setting.made["payout_contract"]["evm_address"]]:
            setting.ask_money("setKyc", holder, True)
    setting.ask_money(function, unlucky, *arguments)
    distribution = start(setting, amount="90")

    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)

    line = distribution.payments.get(holder=unlucky)
    assert (line.status, line.failure_reason, line.paid_units) == ("FAILED", reason, 0)
    assert failures_of(distribution) == [(reason, 1)]
    batch = distribution.batches.get()
    assert (batch.status, batch.successful, batch.failed) == ("PARTIALLY_COMPLETED", 2, 1)
    assert setting.balances() == expected_units(distribution) | {unlucky: 0}
    assert line.failure_cause == cause
    assert compare_with_chain(distribution).differing == ()


def test_holders_fail_for_lack_of_money_only_when_that_is_proved(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3, fund=90_000_000)
    distribution = start(setting, amount="90")
    until_planned(pump, distribution)
    payout = setting.made["payout_contract"]["id"]
    setting.world.control.do_call(payout, "transferPaymentToken", [setting.made["payer"]["id"], 89_999_999])

    pump.until_status(distribution, Status.FAILED)

    assert failures_of(distribution) == [("Contract has insufficient payment token balance", 3)]
    assert set(distribution.payments.values_list("failure_cause", flat=True)) == {"INSUFFICIENT_BALANCE"}
    assert set(setting.balances().values()) == {0}


def test_a_cause_that_cannot_be_proved_is_called_unknown(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    unlucky = setting.holders[0]
    distribution = start(setting, amount="90")
    call = until_called_with(pump, distribution, lambda: setting.ask_money("setFrozen", unlucky, True))
    setting.ask_money("setFrozen", unlucky, False)
    world.control.do_close_block()
    assert call.status == "SUCCEEDED"

    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)

    assert distribution.payments.get(holder=unlucky).failure_reason == "cause unknown"


@pytest.mark.parametrize("count", [2, 4], ids=["some", "all"])
def test_holders_paid_by_another_tool_before_the_call_are_paid_with_that_amount(
    world: World, pump: Pump, count: int
) -> None:
    setting = world.asset(holders=4)
    distribution = start(setting, amount="90")
    until_planned(pump, distribution)
    early = setting.holders[:count]
    pay_with_another_tool(setting, distribution, early)

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    by_time = {line.paid_at for line in distribution.payments.filter(holder__in=early)}
    assert by_time.isdisjoint(line.paid_at for line in distribution.payments.exclude(holder__in=early))
    assert Draw.objects.count() == (2 if count < 4 else 1)
    assert Reservation.objects.get().drawn_units == distribution.paid_units


def test_a_holder_paid_by_another_tool_after_the_call_has_failed_him_is_paid(
    world: World, pump: Pump
) -> None:
    """Between the call and its settlement his cause is gone, and somebody else has paid him."""
    setting = world.asset(holders=3)
    unlucky = setting.holders[0]
    distribution = start(setting, amount="90")
    until_called_with(pump, distribution, lambda: setting.ask_money("setFrozen", unlucky, True))
    setting.ask_money("setFrozen", unlucky, False)
    pay_with_another_tool(setting, distribution, [unlucky])

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    assert distribution.batches.get().status == "COMPLETED"


def test_a_holder_paid_by_another_tool_after_the_end_is_paid_by_the_next_reading(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    unlucky = setting.holders[0]
    setting.ask_money("setFrozen", unlucky, True)
    distribution = pump.until_status(start(setting, amount="90"), Status.PARTIALLY_COMPLETED)
    setting.ask_money("setFrozen", unlucky, False)
    pay_with_another_tool(setting, distribution, [unlucky])
    world.advance(3)

    read_visible(setting.asset.payout_contract)
    pump.drain()

    assert_all_paid_once(setting, distribution)
    assert moves(distribution)[-2:] == [Status.PARTIALLY_COMPLETED, Status.COMPLETED]


def test_what_another_tool_pays_before_the_plan_is_closed_is_seen(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    with pump.without("payouts.plan_page"):
        pump.run(lambda: distribution.pages.exists())
    distribution.refresh_from_db()
    pay_with_another_tool(setting, distribution, setting.holders[:1])
    read_visible(setting.asset.payout_contract)
    assert ChainEvent.objects.get().processed_at is None

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    assert not ChainEvent.objects.filter(processed_at=None).exclude(key="").exists()


def test_a_list_of_logs_that_is_behind_makes_nobody_unpaid(world: World, pump: Pump) -> None:
    """The replica that tells the logs does not have our own call yet, let alone what came before it."""
    setting = world.asset(holders=4)
    distribution = start(setting, amount="90")
    until_called_with(
        pump, distribution, lambda: pay_with_another_tool(setting, distribution, setting.holders[:2])
    )
    call = ContractTransaction.objects.get(purpose="batch")
    world.fault("mirror.ghost", mode="missing", memo="")
    settle_due(distribution.pk)

    batch = distribution.batches.get()
    assert batch.status == "PROCESSING"
    assert f"up to {call.consensus_at}" in batch.waiting_reason
    assert sorted(distribution.payments.values_list("status", flat=True)) == ["PAID"] * 2 + ["PENDING"] * 2

    world.clear("mirror.ghost")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_a_ghost_among_the_logs_pays_nobody(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    unlucky = setting.holders[0]
    setting.ask_money("setFrozen", unlucky, True)
    distribution = start(setting, amount="90")
    until_called_with(pump, distribution)
    world.fault("mirror.ghost", mode="extra")

    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)

    world.clear("mirror.ghost")
    assert ChainEvent.objects.filter(is_proved=False).exclude(key="").exists()
    paid = dict(distribution.payments.values_list("holder", "paid_units"))
    assert paid == setting.balances()
    assert not distribution.payments.exclude(difference="").exists()


def test_a_batch_that_failed_for_good_still_sees_whom_the_chain_has_paid(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    until_planned(pump, distribution)
    pay_with_another_tool(setting, distribution, setting.holders[:1])
    batch = distribution.batches.get()
    move(batch, "PROCESSING")
    world.advance(3)

    fail_batch(batch, ended_call("WRONG_NONCE"))

    statuses = dict(distribution.payments.values_list("holder", "status"))
    assert statuses == dict.fromkeys(setting.holders, "FAILED") | {setting.holders[0]: "PAID"}
    assert failures_of(distribution) == [("WRONG_NONCE", 2)]
    assert set(distribution.payments.failed().values_list("failure_cause", flat=True)) == {"CALL_FAILED"}
    assert (batch.status, batch.successful, batch.failed) == ("PARTIALLY_COMPLETED", 1, 2)
    assert compare_with_chain(distribution).differing == ()


def test_nobody_is_called_unpaid_while_the_events_cannot_be_read(
    world: World, pump: Pump, quick_retries: None
) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    until_planned(pump, distribution)
    batch = distribution.batches.get()
    move(batch, "PROCESSING")

    world.fault("mirror.error_rate", status=503)
    with pytest.raises(Unavailable):
        fail_batch(batch, ended_call("WRONG_NONCE"))

    batch.refresh_from_db()
    assert batch.status == "PROCESSING"
    assert set(distribution.payments.values_list("status", flat=True)) == {"PENDING"}


def ended_call(error: str) -> ContractTransaction:
    """A call that the network has refused a moment ago."""
    at = clock.consensus_text(clock.now_ns() - 2 * clock.NANOSECONDS)
    return ContractTransaction(status="FAILED", error_class=error, consensus_at=at)


@pytest.mark.parametrize("change", ["missing", "twice", "stranger", "no event", "old result"])
def test_a_result_that_does_not_name_exactly_the_frozen_list_settles_nothing(
    world: World, pump: Pump, change: str
) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    call = until_called_with(pump, distribution)
    spoil(call, change)
    batch = distribution.batches.get()

    settle_due(distribution.pk)

    batch.refresh_from_db()
    assert batch.status == "PROCESSING"
    assert "does not name exactly" in batch.waiting_reason or "0 result events" in batch.waiting_reason
    assert set(distribution.payments.values_list("status", flat=True)) == {"PENDING"}
    assert not Draw.objects.exists() and not ChainEvent.objects.exists()

    # The result was read again meanwhile, and this time the mirror node gave all of it.
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_a_wrong_result_that_stays_wrong_waits_with_its_reason(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    until_called_with(pump, distribution)
    holders = distribution.batches.get().holders
    distribution.batches.update(holders=[*holders[:2], "0x" + "99" * 20])

    for _ in range(4):
        pump.tick()

    batch = distribution.batches.get()
    assert (batch.status, batch.settled_at) == ("PROCESSING", None)
    assert "does not name exactly" in batch.waiting_reason
    assert batch.next_attempt_at > clock.now() + timedelta(seconds=30)
    assert set(distribution.payments.values_list("status", flat=True)) == {"PENDING"}


def test_a_paid_amount_that_differs_is_typed_and_shouted(
    world: World, pump: Pump, caplog: pytest.LogCaptureFixture
) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    until_called_with(pump, distribution)
    first, second, third = distribution.payments.order_by("ordinal")
    Payment.objects.filter(pk=first.pk).update(expected_units=first.expected_units + 1)
    Payment.objects.filter(pk=second.pk).update(expected_units=second.expected_units - 1)

    with caplog.at_level(logging.ERROR):
        pump.until_status(distribution, Status.COMPLETED)

    differences = dict(distribution.payments.values_list("pk", "difference"))
    assert differences == {first.pk: "UNDERPAID", second.pk: "OVERPAID", third.pk: ""}
    assert sum("paid_differs" in record.getMessage() for record in caplog.records) == 2


def test_paid_never_leaves(world: World, pump: Pump) -> None:
    setting = world.asset(holders=1)
    distribution = pump.until_status(start(setting, amount="90"), Status.COMPLETED)

    for status in ("PENDING", "FAILED", "REISSUED", "WAIVED"):
        with pytest.raises(IntegrityError, match="never unpaid again"), transaction.atomic():
            distribution.payments.update(status=status)


def test_settling_twice_draws_once(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = pump.until_status(start(setting, amount="90"), Status.COMPLETED)
    batch = distribution.batches.get()
    with connection.cursor() as cursor:  # a batch that was settled before its own commit was seen
        cursor.execute("UPDATE payouts_batch SET status = 'PROCESSING' WHERE id = %s", [batch.pk])

    settle_due(distribution.pk)

    batch.refresh_from_db()
    assert (batch.status, batch.successful) == ("COMPLETED", 3)
    assert Reservation.objects.get().drawn_units == sum(expected_units(distribution).values())
    assert Draw.objects.count() == 1
    assert_all_paid_once(setting, distribution)


def test_bulk_settlement_leaves_one_audit_event_for_the_batch(
    world: World, pump: Pump, settings: Settings
) -> None:
    setting = world.asset(holders=5)
    distribution = pump.until_status(start(setting, amount="90"), Status.COMPLETED)

    events = AuditEvent.objects.filter(noun="batch", object_id=distribution.batches.get().pk)
    assert [(event.source, event.target) for event in events.order_by("id")] == [
        ("PENDING", "PROCESSING"),
        ("PROCESSING", "COMPLETED"),
    ]
    assert events.last().reason == "5 paid, 0 failed"  # type: ignore[union-attr]
    assert not AuditEvent.objects.filter(noun="payment").exists()


def spoil(call: ContractTransaction, change: str) -> None:
    """As if the mirror node had answered with less, or another release of ours had stored less."""
    result = call.result or {}
    args = result["events"][0]["args"]
    if change == "missing":
        args["succeeded"].pop()
        args["paidAmount"].pop()
    elif change == "twice":
        args["succeeded"].append(args["succeeded"][0])
        args["paidAmount"].append(args["paidAmount"][0])
    elif change == "stranger":
        args["succeeded"][0] = "0x" + "99" * 20
    elif change == "old result":
        result["events"] = [{key: result["events"][0][key] for key in ("name", "args")}]
    else:
        result["events"] = []
    ContractTransaction.objects.filter(pk=call.pk).update(result=result)
