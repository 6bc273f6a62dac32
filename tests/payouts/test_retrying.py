"""Retries: exactly what failed, by whoever comes first, and only when the chain has said its last word."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from contracts.amounts import format_units
from contracts.models import AuditEvent, Contract, Hold
from contracts.services.holds import place_hold
from payouts.models import Batch, Distribution
from payouts.services import retrying
from payouts.services.choosing import EVERYTHING, NotRetryable, Wanted, preview
from payouts.services.finishing import finish_distribution
from payouts.services.retrying import create, lock, retry_distribution
from payouts.services.showing import compare_with_chain
from reserves.models import Reservation
from reserves.services.reserving import BalanceAt, InsufficientReserve
from tests.factories import BatchFactory, DistributionFactory, PaymentFactory, TransactionFactory
from tests.factories.contracts import evm_address
from tests.payouts.test_settling import FAILURES, pay_with_another_tool
from tests.running import Status, assert_all_paid_once, expected_units, moves, start, until_planned
from tests.world import Pump, Setting, World


def unpaid(
    setting: Setting,
    pump: Pump,
    *holders: str,
    function: str = "setFrozen",
    arguments: tuple[Any, ...] = (True,),
) -> Distribution:
    """A run of 90 whose ``holders`` could not be paid."""
    for holder in holders:
        setting.ask_money(function, holder, *arguments)
    ended = pump.until_status(start(setting, amount="90"), Status.PARTIALLY_COMPLETED, Status.FAILED)
    pump.world.advance(10)
    return ended


def thaw(setting: Setting, *holders: str) -> None:
    for holder in holders:
        setting.ask_money("setFrozen", holder, False)


def undo(setting: Setting, function: str, holders: list[str]) -> None:
    if function == "dissociate":
        setting.ask_money("associateMany", holders)
        return
    for holder in holders:
        setting.ask_money(function, holder, function == "setKyc")


def shown(units: int) -> str:
    return format_units(units, decimals=6, symbol="USDC")


def retry(distribution: Distribution, wanted: Wanted = EVERYTHING) -> retrying.Retried:
    return retry_distribution(distribution, wanted, by="olivia", reason="they are thawed")


def called(distribution: Distribution) -> list[list[str]]:
    """The holders of each retry, in order."""
    return [batch.holders for batch in distribution.batches.filter(kind="RETRY").order_by("number")]


@pytest.mark.parametrize("cause", FAILURES)
def test_after_the_cause_is_gone_a_retry_pays_exactly_those(world: World, pump: Pump, cause: str) -> None:
    function, arguments, _ = FAILURES[cause]
    setting = world.asset(holders=4)
    unlucky = setting.holders[1:3]
    if function == "setKyc":
        setting.ask_money("setKycRequired", True)
        for holder in [*setting.holders, setting.made["payout_contract"]["evm_address"]]:
            setting.ask_money("setKyc", holder, True)
    distribution = unpaid(setting, pump, *unlucky, function=function, arguments=tuple(arguments))
    lines = distribution.payments.filter(status="FAILED")
    assert {(line.holder, line.failure_cause) for line in lines} == {(holder, cause) for holder in unlucky}

    undo(setting, function, unlucky)
    made = retry(distribution)
    assert (made.lines, made.batches) == (2, 1)
    assert made.units == sum(expected_units(distribution)[holder] for holder in unlucky)
    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    assert called(distribution) == [unlucky]
    assert moves(distribution)[-3:] == ["PARTIALLY_COMPLETED", "PROCESSING", "COMPLETED"]
    assert Reservation.objects.get().closed_at is not None


def test_a_retry_is_a_child_of_its_batch_and_names_who_and_why(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, setting.holders[0])
    first = distribution.batches.get()
    ended_at = distribution.ended_at
    thaw(setting, setting.holders[0])

    retry(distribution)

    batch = distribution.batches.get(kind="RETRY")
    assert (batch.parent, batch.retry_count, batch.number, batch.total) == (first, 1, first.number + 1, 1)
    line = distribution.payments.get(holder=setting.holders[0])
    assert (line.status, line.batch, line.failure_reason, line.failure_cause) == ("PENDING", batch, "", "")
    assert (distribution.status, distribution.ended_at, distribution.failed_count) == ("PROCESSING", None, 0)
    assert distribution.next_retry_at is None
    told = AuditEvent.objects.get(noun="distribution", source="PARTIALLY_COMPLETED", target="PROCESSING")
    said = f"retry of 1 failed line, {shown(line.expected_units)}, in 1 batch: they are thawed"
    assert (told.by, told.reason) == ("olivia", said)
    assert AuditEvent.objects.filter(noun="batch", object_id=batch.pk, by="olivia", target="PENDING").exists()
    pump.until_status(distribution, Status.COMPLETED)
    assert distribution.ended_at is not None and ended_at is not None and distribution.ended_at > ended_at
    assert distribution.executed_at < distribution.completed_at


def test_a_holder_paid_by_someone_else_in_between_ends_paid_and_is_not_sent_again(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=4)
    early, late = setting.holders[:2]
    distribution = unpaid(setting, pump, early, late)
    thaw(setting, early, late)
    pay_with_another_tool(setting, distribution, [early])
    world.advance(10)

    retry(distribution)
    pump.until_status(distribution, Status.COMPLETED)

    assert called(distribution) == [[late]]
    assert_all_paid_once(setting, distribution)
    assert Reservation.objects.get().drawn_units == distribution.paid_units


def test_when_all_were_paid_by_someone_else_the_run_is_completed_without_a_call(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, pump, setting.holders[0])
    thaw(setting, setting.holders[0])
    pay_with_another_tool(setting, distribution, setting.holders[:1])
    world.advance(10)

    with pytest.raises(NotRetryable, match="it is COMPLETED: nothing failed"):
        retry(distribution)

    assert_all_paid_once(setting, distribution)
    assert moves(distribution)[-2:] == ["PARTIALLY_COMPLETED", "COMPLETED"]
    assert distribution.status_reason == ""
    assert called(distribution) == []
    assert Reservation.objects.get().closed_at is not None


def test_only_the_named_holders_or_batch_are_retried_and_the_others_wait(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.BATCH_SIZE = 2
    setting = world.asset(holders=6)
    frozen = [setting.holders[0], setting.holders[2], setting.holders[5]]
    distribution = unpaid(setting, pump, *frozen)
    numbers = {line.holder: line.batch.number for line in distribution.payments.select_related("batch")}
    thaw(setting, *frozen)

    retry(distribution, Wanted(holders=(frozen[1],)))
    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)
    retry(distribution, Wanted(batch=numbers[frozen[2]]))
    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)
    assert called(distribution) == [[frozen[1]], [frozen[2]]]
    assert distribution.payments.get(status="FAILED").holder == frozen[0]
    kept = Reservation.objects.get()
    assert (kept.remaining_units, kept.closed_at) == (expected_units(distribution)[frozen[0]], None)

    with pytest.raises(NotRetryable, match=f"nothing in batch {numbers[frozen[2]]} is FAILED"):
        retry(distribution, Wanted(batch=numbers[frozen[2]]))
    retry(distribution)
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_what_failed_again_is_found_in_its_newer_batch(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    first = distribution.batches.get()
    retry(distribution)
    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)
    second = distribution.batches.get(kind="RETRY")

    with pytest.raises(
        NotRetryable, match=f"what failed in batch {first.number} was retried in batch {second.number}"
    ):
        retry(distribution, Wanted(batch=first.number))
    thaw(setting, setting.holders[0])
    retry(distribution, Wanted(batch=second.number))
    pump.until_status(distribution, Status.COMPLETED)
    assert distribution.batches.get(kind="RETRY", parent=second).retry_count == 2


def test_retries_are_filled_up_across_batches_in_plan_order(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.BATCH_SIZE = 2
    setting = world.asset(holders=6)
    frozen = [setting.holders[0], setting.holders[2], setting.holders[3], setting.holders[4]]
    distribution = unpaid(setting, pump, *frozen)
    thaw(setting, *frozen)
    settings.BATCH_SIZE = 3

    made = retry(distribution)

    in_order = [line.holder for line in distribution.payments.order_by("ordinal") if line.holder in frozen]
    assert made.batches == 2
    assert called(distribution) == [in_order[:3], in_order[3:]]
    merged, single = distribution.batches.filter(kind="RETRY").order_by("number")
    assert merged.parent is None and single.parent is not None
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_a_run_that_paid_nobody_is_retried_too(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, *setting.holders)
    assert distribution.status == Status.FAILED
    thaw(setting, *setting.holders)

    retry(distribution)

    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
    assert moves(distribution)[-3:] == ["FAILED", "PROCESSING", "COMPLETED"]


def test_a_retry_whose_rings_were_all_lost_is_found_by_the_sweeper(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, pump, setting.holders[0])
    thaw(setting, setting.holders[0])

    retry(distribution)
    pump.rings.clear()

    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_with_the_money_gone_a_retry_is_refused_naming_what_is_missing(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3, fund=90_000_000)
    distribution = unpaid(setting, pump, setting.holders[0])
    thaw(setting, setting.holders[0])
    needed = expected_units(distribution)[setting.holders[0]]
    gone = setting.contract_balance() - 1
    take(setting, gone)

    with pytest.raises(NotRetryable) as refused:
        retry(distribution)

    assert str(refused.value).startswith(
        f"needs {shown(needed)}, free are 0.000001 USDC, missing {shown(needed - 1)}; top up 0.0."
    )
    distribution.refresh_from_db()
    assert distribution.status == Status.PARTIALLY_COMPLETED
    assert distribution.payments.get(status="FAILED").batch == distribution.batches.get()
    setting.top_up(gone)
    world.control.do_close_block()
    retry(distribution)
    pump.until_status(distribution, Status.COMPLETED)
    assert setting.contract_balance() == distribution.dust_units


def take(setting: Setting, units: int) -> None:
    """Somebody takes money out of the payout contract, past Paydate."""
    payout = setting.made["payout_contract"]["id"]
    setting.world.control.do_call(payout, "transferPaymentToken", [setting.made["payer"]["id"], units])
    setting.world.control.do_close_block()


def test_money_that_was_given_back_may_belong_to_another_run_by_now(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.MAX_BATCH_RETRIES = 0
    setting = world.asset(holders=3, fund=90_000_000)
    distribution = unpaid(setting, pump, setting.holders[0])
    assert Reservation.objects.get().closed_at is not None, "nothing is tried again by itself"
    thaw(setting, setting.holders[0])
    left = setting.contract_balance()
    other = until_planned(
        pump, start(setting, amount=f"0.{left - 1:06d}" if left < 10**6 else f"{(left - 1) // 10**6}")
    )

    with pytest.raises(NotRetryable, match=r"missing [\d.]+ USDC"):
        retry(distribution)

    pump.until_status(other, Status.COMPLETED)
    world.advance(10)
    setting.top_up(90_000_000)
    world.control.do_close_block()
    retry(distribution)
    pump.until_status(distribution, Status.COMPLETED)
    assert compare_with_chain(distribution).differing == ()


def test_kept_money_is_not_given_to_another_run(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3, fund=90_000_000)
    distribution = unpaid(setting, pump, setting.holders[0])
    other = pump.until_status(start(setting, amount="1"), Status.HELD)
    assert f"free are {shown(distribution.dust_units or 0)}" in other.status_reason

    thaw(setting, setting.holders[0])
    retry(distribution)

    pump.until_status(distribution, Status.COMPLETED)


def run_of(failed: int, *, per_batch: int = 100, **more: Any) -> Distribution:
    """An ended run in rows only, with its reservation; on no chain."""
    distribution = DistributionFactory(
        planned=True, status="PARTIALLY_COMPLETED", failed_count=failed, **more
    )
    for first in range(0, failed, per_batch):
        total = min(per_batch, failed - first)
        holders = [evm_address(500_000 + first + n) for n in range(total)]
        batch = BatchFactory(distribution=distribution, status="FAILED", total=total, holders=holders)
        for n, holder in enumerate(holders):
            PaymentFactory(
                distribution=distribution,
                batch=batch,
                failed=True,
                holder=holder,
                ordinal=first + n,
                expected_units=5,
            )
    contract = distribution.asset.payout_contract
    Reservation.objects.create(contract=contract, distribution_uid=distribution.uid, units=5 * failed)
    return distribution


RICH = BalanceAt(10**12, 1, 10)


@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_once_make_one_retry() -> None:
    pk = run_of(3).pk
    ready, made, refused = threading.Barrier(2), [], []

    def press(name: str) -> None:
        distribution = Distribution.objects.get(pk=pk)
        ready.wait()
        try:
            with retrying.transaction.atomic():
                lock(distribution)
                made.append(create(distribution, distribution.payments.all(), RICH, by=name, reason=""))
        except NotRetryable as error:
            refused.append(str(error))
        finally:
            connection.close()

    presses = [threading.Thread(target=press, args=(name,)) for name in ("olivia", "peter")]
    for one in presses:
        one.start()
    for one in presses:
        one.join()

    assert len(made) == 1 and len(refused) == 1
    winner = AuditEvent.objects.get(noun="distribution", target="PROCESSING").by
    assert refused[0].startswith(f"a retry by {winner} is under way since ")
    assert Batch.objects.filter(kind="RETRY").count() == 1


@pytest.mark.django_db
class TestRules:
    def create(self, distribution: Distribution, balance: BalanceAt = RICH) -> retrying.Retried:
        lock(distribution)
        return create(distribution, distribution.payments.all(), balance, by="olivia", reason="")

    @pytest.mark.parametrize("status", ["PLANNED", "SIGNED", "SUBMITTED"])
    def test_nothing_is_taken_while_a_call_is_open(self, status: str) -> None:
        distribution = run_of(3)
        batch = distribution.batches.get()
        trait = {"PLANNED": {}, "SIGNED": {"signed": True}, "SUBMITTED": {"submitted": True}}[status]
        TransactionFactory(group_uid=distribution.uid, subject=batch.subject, **trait)

        with pytest.raises(NotRetryable, match="a call of this distribution is still under way"):
            self.create(distribution)

    def test_nothing_is_taken_while_a_batch_is_open(self) -> None:
        distribution = run_of(3)
        BatchFactory(distribution=distribution, status="PROCESSING")

        with pytest.raises(NotRetryable, match="still under way"):
            self.create(distribution)

    def test_only_failed_lines_are_taken(self) -> None:
        distribution = run_of(5)
        paid, waived, skipped, *left = distribution.payments.order_by("ordinal")
        distribution.payments.filter(pk=paid.pk).update(status="PAID", paid_units=5, paid_at="1.000000001")
        distribution.payments.filter(pk=waived.pk).update(status="WAIVED")
        distribution.payments.filter(pk=skipped.pk).update(status="SKIPPED", expected_units=0)

        assert self.create(distribution).lines == 2

        batch = distribution.batches.get(kind="RETRY")
        assert batch.holders == [line.holder for line in left]
        assert {line.batch_id for line in distribution.payments.filter(status="PENDING")} == {batch.pk}
        assert distribution.paid_count == 1

    def test_too_little_money_changes_nothing(self) -> None:
        distribution = run_of(3)
        with pytest.raises(InsufficientReserve), retrying.transaction.atomic():
            self.create(distribution, BalanceAt(14, 1, 10))
        assert not distribution.batches.filter(kind="RETRY").exists()
        assert distribution.payments.filter(status="FAILED").count() == 3

    def test_the_number_of_statements_does_not_depend_on_the_number_of_lines(
        self, settings: Settings
    ) -> None:
        settings.BATCH_SIZE = 10
        few, many = run_of(12, per_batch=4), run_of(120, per_batch=4)
        counts = []
        for distribution in (few, many):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                self.create(distribution)
            counts.append(len(queries))
        assert counts[0] == counts[1] < 35
        assert many.batches.filter(kind="RETRY").count() == 12

    def test_a_learned_size_is_kept(self) -> None:
        distribution = run_of(20)
        Contract.objects.update(learned_batch_size=14)
        assert preview(distribution, EVERYTHING).calls == 2
        self.create(distribution)
        assert [batch.total for batch in distribution.batches.filter(kind="RETRY").order_by("number")] == [
            14,
            6,
        ]

    def test_a_finished_retry_judges_by_the_lines_and_not_by_batches_that_were_cut(self) -> None:
        distribution = run_of(4)
        self.create(distribution)
        parent = distribution.batches.get(kind="RETRY")
        half = parent.holders[:2]
        for number, holders in ((50, half), (51, parent.holders[2:])):
            child = BatchFactory(
                distribution=distribution,
                number=number,
                kind="SPLIT_CHILD",
                parent=parent,
                status="COMPLETED",
                total=2,
                holders=holders,
            )
            distribution.payments.filter(holder__in=holders).update(
                batch=child, status="PAID", paid_units=5, paid_at=f"1.0000000{number}"
            )
        Batch.objects.filter(pk=parent.pk).update(status="SPLIT")

        assert finish_distribution(distribution)

        assert (distribution.status, distribution.failed_count) == ("COMPLETED", 0)
        assert (distribution.executed_at, distribution.completed_at) == ("1.000000050", "1.000000051")

    def test_a_cut_batch_names_its_children(self) -> None:
        distribution = run_of(4, per_batch=2)
        parent = BatchFactory(distribution=distribution, status="SPLIT", number=70_090)
        distribution.batches.filter(status="FAILED").update(parent=parent)
        children = ", ".join(
            str(n) for n in distribution.batches.filter(parent=parent).values_list("number", flat=True)
        )

        with pytest.raises(NotRetryable, match=f"batch 70090 was cut into {children}; name one of those"):
            preview(distribution, Wanted(batch=70_090))


@pytest.mark.django_db
class TestRefusals:
    def refusal(self, distribution: Distribution, wanted: Wanted = EVERYTHING) -> str:
        with pytest.raises(NotRetryable) as caught:
            preview(distribution, wanted)
        return str(caught.value)

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            ("PENDING", "it is PENDING: nobody was paid, so there is nothing to retry"),
            ("CANCELLED", "it is CANCELLED: nobody was paid, so there is nothing to retry"),
            ("COMPLETED", "it is COMPLETED: nothing failed, there is nothing to retry"),
            ("PROCESSING", "it is PROCESSING: what failed can be retried when the run has ended"),
        ],
    )
    def test_a_status_that_does_not_allow_it(self, status: str, said: str) -> None:
        distribution = DistributionFactory(planned=status != "PENDING", status=status)
        assert self.refusal(distribution) == said

    def test_a_run_that_failed_before_it_had_lines(self) -> None:
        distribution = DistributionFactory(status="FAILED")
        assert self.refusal(distribution) == "nothing failed: there is nothing to retry"

    def test_a_hold(self) -> None:
        distribution = run_of(1)
        place_hold(
            scope=Hold.Scope.ASSET,
            object_uid=distribution.asset.uid,
            cause=Hold.Cause.OPERATOR,
            reason="the coupon is disputed",
            by="olivia",
        )
        assert self.refusal(distribution) == "held: the coupon is disputed; lift the hold first"

    def test_a_blocked_contract(self) -> None:
        distribution = run_of(1)
        contract = distribution.asset.payout_contract
        contract.status = "BLOCKED"
        contract.save()
        assert "is BLOCKED" in self.refusal(distribution)

    def test_batches_that_are_unknown_open_or_all_paid(self) -> None:
        distribution = run_of(1)
        others = [evm_address(700_000 + n) for n in range(3)]
        BatchFactory(distribution=distribution, number=70_077, status="PROCESSING", holders=others)
        BatchFactory(distribution=distribution, number=70_078, status="COMPLETED", holders=others)
        assert (
            self.refusal(distribution, Wanted(batch=70_099)) == "there is no batch 70099 in this distribution"
        )
        assert self.refusal(distribution, Wanted(batch=70_077)).startswith("batch 70077 is PROCESSING; ")
        assert self.refusal(distribution, Wanted(batch=70_078)).startswith("nothing in batch 70078 is FAILED")

    def test_holders_that_cannot_be_retried_are_named_all_at_once(self) -> None:
        distribution = run_of(1)
        paid = PaymentFactory(distribution=distribution, ordinal=8, paid=True)
        waiting = PaymentFactory(distribution=distribution, ordinal=9)
        stranger = "0x" + "ab" * 20
        failed = distribution.payments.get(status="FAILED")
        said = self.refusal(
            distribution, Wanted(holders=(failed.holder, paid.holder, waiting.holder, stranger))
        )
        assert failed.holder not in said
        assert f"{paid.holder} is PAID: 5.002 USDC at {paid.paid_at}; nobody is paid twice" in said
        assert f"{waiting.holder} is PENDING, not sent yet" in said
        assert f"{stranger} is no holder of this distribution" in said

    def test_of_many_wrong_holders_a_few_are_named_and_the_rest_counted(self) -> None:
        strangers = tuple(evm_address(900_000 + n) for n in range(9))
        assert self.refusal(run_of(1), Wanted(holders=strangers)).endswith("; and 4 more")
