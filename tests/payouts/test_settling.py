"""Settling: what the contract's events say about each holder, whoever caused them, and why one was not paid."""

import logging
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django.fixtures import Settings

from contracts.models import AuditEvent, ContractTransaction
from payouts.models import Distribution, Payment
from payouts.services.paying import pay_batch
from payouts.services.showing import compare_with_chain, failures_of
from reserves.models import Draw, Reservation
from tests.running import Status, assert_all_paid_once, expected_units, start, until_planned
from tests.world import Pump, Setting, World


def until_called_with(
    pump: Pump, distribution: Distribution, before: Callable[[], None] = lambda: None
) -> ContractTransaction:
    """The chain has executed the batch's call, after ``before`` was done, and nobody has settled it yet."""
    until_planned(pump, distribution)
    before()
    with pump.without("payouts.pay_batch"):
        pay_batch(distribution.batches.get().pk)
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


FAILURES = [
    ("dissociate", [], "the holder's account is not associated with the payment token"),
    ("setFrozen", [True], "the holder's account is frozen for the payment token"),
    ("setKyc", [False], "the holder's account has no KYC for the payment token"),
]


@pytest.mark.parametrize(("function", "arguments", "reason"), FAILURES, ids=["association", "freeze", "kyc"])
def test_a_holder_that_cannot_receive_fails_with_the_proven_cause(
    world: World, pump: Pump, function: str, arguments: list[bool], reason: str
) -> None:
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
    assert compare_with_chain(distribution).differing == ()
    assert Reservation.objects.get().closed_at is not None


def test_holders_fail_for_lack_of_money_only_when_that_is_proved(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3, fund=90_000_000)
    distribution = start(setting, amount="90")
    until_planned(pump, distribution)
    payout = setting.made["payout_contract"]["id"]
    setting.world.control.do_call(payout, "transferPaymentToken", [setting.made["payer"]["id"], 89_999_999])

    pump.until_status(distribution, Status.FAILED)

    assert failures_of(distribution) == [("Contract has insufficient payment token balance", 3)]
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


def test_a_holder_paid_by_another_tool_with_the_same_snapshot_is_paid_with_that_amount(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=4)
    distribution = start(setting, amount="90")
    until_planned(pump, distribution)
    early = setting.holders[:2]
    pay_with_another_tool(setting, distribution, early)

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    by_time = {line.paid_at for line in distribution.payments.filter(holder__in=early)}
    assert by_time.isdisjoint(line.paid_at for line in distribution.payments.exclude(holder__in=early))
    assert Draw.objects.count() == 2
    assert Reservation.objects.get().drawn_units == distribution.paid_units


def test_a_batch_that_failed_for_good_still_sees_whom_the_chain_has_paid(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    until_planned(pump, distribution)
    pay_with_another_tool(setting, distribution, setting.holders[:1])
    world.fault("consensus.gas", base=5_000_000, per_transfer=1)

    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)

    statuses = dict(distribution.payments.values_list("holder", "status"))
    assert statuses == dict.fromkeys(setting.holders, "FAILED") | {setting.holders[0]: "PAID"}
    assert failures_of(distribution) == [("INSUFFICIENT_GAS", 2)]
    assert compare_with_chain(distribution).differing == ()


@pytest.mark.parametrize("change", ["missing", "twice", "stranger", "no event"])
def test_a_result_that_does_not_name_exactly_the_frozen_list_settles_nothing(
    world: World, pump: Pump, change: str
) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    call = until_called_with(pump, distribution)
    spoil(call, change)

    batch = distribution.batches.get()
    pay_batch(batch.pk)

    batch.refresh_from_db()
    assert batch.status == "PROCESSING"
    assert "does not name exactly" in batch.waiting_reason or "0 result events" in batch.waiting_reason
    assert set(distribution.payments.values_list("status", flat=True)) == {"PENDING"}
    assert not Draw.objects.exists()


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


def test_a_second_success_for_a_paid_holder_is_critical_and_changes_nothing(
    world: World, pump: Pump, caplog: pytest.LogCaptureFixture
) -> None:
    setting = world.asset(holders=2)
    distribution = start(setting, amount="90")
    until_called_with(pump, distribution)
    holder = setting.holders[0]
    distribution.payments.filter(holder=holder).update(status="PAID", paid_units=7, paid_at="1.000000001")

    with caplog.at_level(logging.CRITICAL):
        pump.until_status(distribution, Status.COMPLETED)

    assert any("paid_twice" in record.getMessage() for record in caplog.records)
    line = distribution.payments.get(holder=holder)
    assert (line.status, line.paid_units) == ("PAID", 7)
    assert holder in compare_with_chain(distribution).differing


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

    pay_batch(batch.pk)

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
    else:
        result["events"] = []
    ContractTransaction.objects.filter(pk=call.pk).update(result=result)
