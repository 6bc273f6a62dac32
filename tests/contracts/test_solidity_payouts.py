"""Snapshot payouts: who is paid, how much, and what the contract says about those who are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.solidity_chain import CALL_GAS, Receipt, Reverted
from tests.contracts.solidity_world import VERSIONS, World, deploy_payment_token, real

POOL = 1_000_000_000
# 4.5 M here and 5.4 M in an engine that starts each call with cold storage.
HUNDRED_HOLDERS_GAS = 8_000_000


def pay(world: World, snapshot: int, *, amount: int = POOL, page: int = 0, length: int = 100) -> Receipt:
    return world.payout.send(
        "executeAmountSnapshot", world.asset.address, snapshot, page, length, amount, gas=CALL_GAS
    )


def pay_named(world: World, snapshot: int, holders: list[str], amount: int = POOL) -> Receipt:
    return world.payout.send(
        "executeAmountSnapshotByAddresses", world.asset.address, snapshot, holders, amount, gas=CALL_GAS
    )


def shares(world: World, amount: int) -> list[int]:
    return [amount * balance // sum(world.balances) for balance in world.balances]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_hundred_holders_are_paid_their_share_within_the_gas_limit(version: str) -> None:
    world = World([1000 + 7 * n for n in range(100)], version=version)
    world.fund(POOL)
    receipt = pay(world, world.snapshot())

    failed, succeeded, paid, executed = receipt.output
    assert executed
    assert list(succeeded) == world.holders
    assert list(paid) == shares(world, POOL)
    assert real(failed) == []
    assert len(failed) == 100
    assert world.received() == shares(world, POOL)
    assert receipt.log_count == 101
    event = receipt.event("AmountSnapshotExecuted")
    assert (event["snapshotID"], event["pageIndex"], event["pageLength"], event["amount"]) == (
        1,
        0,
        100,
        POOL,
    )
    assert event["succeeded"] == succeeded
    assert event["paidAmount"] == paid
    assert receipt.gas_used < HUNDRED_HOLDERS_GAS < CALL_GAS


def test_a_second_identical_call_pays_nobody_and_reports_all_as_failed() -> None:
    world = World([10] * 100)
    world.fund(2 * POOL)
    snapshot = world.snapshot()
    pay(world, snapshot)
    failed, succeeded, paid, executed = pay(world, snapshot).output

    assert executed
    assert list(failed) == world.holders
    assert real(succeeded) == []
    assert set(paid) == {0}
    assert world.token.view("balanceOf", world.payout.address) == POOL


def test_a_short_pool_pays_in_order_and_the_rest_after_funding() -> None:
    world = World([10] * 5)
    world.fund(2 * POOL // 5)
    snapshot = world.snapshot()
    failed, succeeded, _, _ = pay(world, snapshot).output
    assert real(succeeded) == world.holders[:2]
    assert real(failed) == world.holders[2:]

    world.fund(POOL)
    failed, succeeded, _, _ = pay(world, snapshot).output
    assert real(succeeded) == world.holders[2:]
    assert real(failed) == world.holders[:2]
    assert world.received() == [POOL // 5] * 5


@pytest.mark.parametrize(
    ("function", "value"), [("dissociate", None), ("setFrozen", True), ("setKyc", False)]
)
def test_a_holder_the_token_refuses_is_failed_while_the_others_are_paid(
    function: str, value: bool | None
) -> None:
    world = World([10] * 4)
    world.token.send("setKycMany", [*world.holders, world.payout.address], True)
    world.token.send("setKycRequired", True)
    world.fund(POOL)
    refused = world.holders[1]
    world.token.send(function, *([refused] if value is None else [refused, value]))
    snapshot = world.snapshot()
    failed, succeeded, _, _ = pay(world, snapshot).output

    assert real(failed) == [refused]
    assert real(succeeded) == [h for h in world.holders if h != refused]
    assert world.received() == [POOL // 4, 0, POOL // 4, POOL // 4]

    world.token.send("associateMany", [refused])
    world.token.send("setFrozen", refused, False)
    world.token.send("setKyc", refused, True)
    assert pay_named(world, snapshot, [refused]).output == ((f"0x{0:040x}",), (refused,), (POOL // 4,))


def test_a_paused_payment_token_fails_everybody_and_reverts_nothing() -> None:
    world = World([10] * 3)
    world.fund(POOL)
    world.token.send("setPaused", True)
    failed, succeeded, _, _ = pay(world, world.snapshot()).output
    assert real(failed) == world.holders
    assert real(succeeded) == []


def test_arrays_have_the_page_length_and_an_empty_page_is_not_executed() -> None:
    world = World([10] * 5)
    world.fund(POOL)
    snapshot = world.snapshot()
    failed, succeeded, paid, executed = pay(world, snapshot, page=1, length=3).output
    assert executed
    assert real(succeeded) == world.holders[3:]
    assert (len(failed), len(succeeded), len(paid)) == (3, 3, 3)
    assert pay(world, snapshot, page=2, length=3).output == ((), (), (), False)


def test_named_holders_are_paid_once_even_if_named_twice_and_zero_addresses_are_passed_over() -> None:
    world = World([10] * 2)
    world.fund(POOL)
    first, second = world.holders
    receipt = pay_named(world, world.snapshot(), [first, f"0x{0:040x}", first, second])
    failed, succeeded, _ = receipt.output
    assert real(succeeded) == [first, second]
    assert real(failed) == [first]
    assert receipt.event("AmountSnapshotByAddressesExecuted")["amount"] == POOL
    assert world.received() == [POOL // 2, POOL // 2]


def test_a_holder_due_nothing_succeeds_with_nothing_once() -> None:
    world = World([1, 10**12])
    world.fund(100)
    snapshot = world.snapshot()
    small = world.holders[0]
    assert pay_named(world, snapshot, [small], 100).output[1:] == ((small,), (0,))
    assert pay_named(world, snapshot, [small], 100).output[0] == (small,)


def test_an_old_snapshot_is_paid_as_it_was_though_the_holder_has_sold() -> None:
    world = World([30, 10])
    world.fund(400)
    snapshot = world.snapshot()
    world.asset.send("transfer", world.holders[1], 30, sender=world.holders[0])
    pay(world, snapshot, amount=400)
    assert world.received() == [300, 100]


def test_a_new_snapshot_pays_the_same_holders_again() -> None:
    world = World([10])
    world.fund(200)
    for _ in range(2):
        pay(world, world.snapshot(), amount=100)
    assert world.received() == [200]


def test_a_percentage_is_taken_of_what_is_left_when_each_call_begins() -> None:
    world = World([10] * 4)
    world.fund(1000)
    snapshot = world.snapshot()
    call = ("executePercentageSnapshot", world.asset.address, snapshot)
    first = world.payout.send(*call, 0, 2, 50_00)
    second = world.payout.send(*call, 1, 2, 50_00)
    assert first.output[2] == (125, 125)  # 50 % of 1000 over four
    assert second.output[2] == (93, 93)  # 50 % of the remaining 750 over four, rounded down
    assert second.event("PercentageSnapshotExecuted")["percentage"] == 50_00


def test_more_than_everything_is_refused_by_page_but_not_by_name() -> None:
    world = World([10] * 2)
    world.fund(1000)
    snapshot = world.snapshot()
    with pytest.raises(Reverted, match="InvalidPercentage"):
        world.payout.send("executePercentageSnapshot", world.asset.address, snapshot, 0, 2, 100_01)
    by_name = world.payout.send(
        "executePercentageSnapshotByAddresses", world.asset.address, snapshot, world.holders, 150_00
    )
    assert by_name.output[2] == (750, 0)
    assert real(by_name.output[0]) == [world.holders[1]]


def test_a_new_payment_token_is_used_and_the_old_one_cannot_come_back() -> None:
    world = World([10])
    old, new = world.token, deploy_payment_token(world.chain, decimals=2)
    receipt = world.payout.send("updatePaymentToken", new.address)
    assert receipt.event("PaymentTokenChanged") == {"paymentToken": new.address}
    assert world.payout.view("getPaymentToken") == new.address
    assert world.payout.view("getPaymentTokenDecimals") == 2
    with pytest.raises(Reverted, match="AssociateTokenFailed"):
        world.payout.send("updatePaymentToken", old.address)
    with pytest.raises(Reverted, match="InvalidPaymentToken"):
        world.payout.send("updatePaymentToken", f"0x{0:040x}")


@settings(max_examples=40, deadline=None)
@given(
    balances=st.lists(st.integers(1, 10**30), min_size=1, max_size=12),
    amount=st.integers(0, 10**24),
)
def test_fixed_pays_the_floor_of_the_share_and_keeps_less_than_one_unit_per_holder(
    balances: list[int], amount: int
) -> None:
    world = World(balances)
    world.fund(amount)
    _, succeeded, paid, _ = pay(world, world.snapshot(), amount=amount, length=len(balances)).output
    assert list(succeeded) == world.holders
    assert list(paid) == shares(world, amount) == world.received()
    assert 0 <= amount - sum(paid) < len(balances)


def test_a_token_that_runs_out_of_room_pays_the_first_holders_of_every_call() -> None:
    world = World([10] * 7)
    world.fund(POOL)
    snapshot = world.snapshot()
    world.token.send("setMostTransfers", 3)

    first = pay_named(world, snapshot, world.holders)
    second = pay_named(world, snapshot, world.holders[3:])

    assert real(first.output[1]) == world.holders[:3]
    assert real(first.output[0]) == world.holders[3:]
    assert real(second.output[1]) == world.holders[3:6]
    assert real(second.output[0]) == world.holders[6:]
