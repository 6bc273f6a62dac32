"""Dividends and coupons: record date, amounts, payment date and what a cancellation changes."""

import pytest

from tests.contracts.solidity_chain import Receipt, Reverted
from tests.contracts.solidity_world import (
    BOND_FIXED_RATE,
    BOND_VARIABLE_RATE,
    EQUITY,
    VERSIONS,
    YEAR,
    World,
    real,
)

UNIT = 10**6


def distribute(world: World, action: int, page: int = 0, length: int = 10) -> Receipt:
    return world.payout.send("executeDistribution", world.asset.address, action, page, length)


def distribute_to(world: World, action: int, holders: list[str]) -> Receipt:
    return world.payout.send("executeDistributionByAddresses", world.asset.address, action, holders)


def equity(balances: list[int], version: str = "AssetToken") -> World:
    world = World(balances, version=version)
    world.fund(1_000_000 * UNIT)
    return world


def bond(balances: list[int], version: str = "AssetToken", kind: int = BOND_FIXED_RATE) -> World:
    world = World(balances, version=version, security_type=kind)
    world.fund(1_000_000 * UNIT)
    return world


@pytest.mark.parametrize("version", VERSIONS)
def test_a_dividend_pays_balance_times_amount_to_the_holders_of_the_record_date(version: str) -> None:
    world = equity([1_00, 3_33, 50], version)  # two decimals: 1, 3.33 and 0.5 shares
    dividend = world.set_dividend(amount=25)  # 2.5 per share
    world.chain.advance(101)
    world.asset.send("transfer", world.holders[0], 50, sender=world.holders[2])
    world.chain.advance(100)
    receipt = distribute(world, dividend)

    assert list(real(receipt.output[1])) == world.holders
    assert receipt.output[2][:3] == (2_500_000, 8_325_000, 1_250_000)
    assert receipt.output[3] is True
    event = receipt.event("DistributionExecuted")
    assert (event["distributionID"], event["pageLength"]) == (dividend, 10)
    assert event["paidAmount"] == receipt.output[2]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", [BOND_FIXED_RATE, BOND_VARIABLE_RATE])
def test_a_coupon_pays_nominal_times_rate_times_time(version: str, kind: int) -> None:
    world = bond([2_00, 1_50], version, kind)  # 2 and 1.5 bonds of 1000
    coupon = world.set_coupon()  # 5 % for half a year
    world.chain.advance(201)
    receipt = distribute(world, coupon)
    assert receipt.output[2][:2] == (50 * UNIT, 37_500_000)
    amount = world.asset.view("getCouponAmountFor", coupon, world.holders[0])
    assert amount == (2_00 * 1000_00 * 5_00 * (YEAR // 2), 10 ** (2 + 2 + 4) * YEAR, True)


def test_a_dividend_is_answered_with_its_terms_and_its_holders_only_after_the_record_date() -> None:
    world = equity([10, 20])
    dividend = world.set_dividend(record_in=100, execution_in=200, amount=25)
    start = world.chain.now
    terms = (start + 100, start + 200, 25, 1)
    assert world.asset.view("getDividendsCount") == 1
    assert world.asset.view("getDividend", dividend) == ((terms, 0), False)

    world.chain.advance(100)  # the record date itself is not yet past
    assert world.asset.view("getTotalDividendHolders", dividend) == 0
    assert world.asset.view("getDividendHolders", dividend, 0, 10) == ()
    assert world.asset.view("getDividendAmountFor", dividend, world.holders[0]) == (0, 0, False)

    world.chain.advance(1)
    assert world.asset.view("getTotalDividendHolders", dividend) == 2
    assert world.asset.view("getDividendAmountFor", dividend, world.holders[1]) == (500, 10**3, True)


def test_the_first_transaction_after_the_record_date_fixes_the_holders() -> None:
    world = equity([10, 20])
    dividend = world.set_dividend()
    world.asset.send("mint", world.holders[0], 5)  # still before
    world.chain.advance(101)
    assert world.asset.view("getDividend", dividend)[0][1] == 0  # nobody has acted: the live list answers
    assert list(world.asset.view("getDividendHolders", dividend, 0, 10)) == world.holders

    sale = world.asset.send("transfer", world.holders[1], 15, sender=world.holders[0])
    assert sale.event("SnapshotTriggered")["snapshotId"] == 1
    assert world.asset.view("getDividend", dividend)[0][1] == 1
    assert list(world.asset.view("getDividendHolders", dividend, 0, 10)) == world.holders
    amounts = [world.asset.view("getDividendAmountFor", dividend, h)[0] for h in world.holders]
    assert amounts == [15 * 25, 20 * 25]
    assert world.asset.view("getTotalSecurityHolders") == 1


def test_record_dates_that_passed_unseen_are_taken_in_their_order_before_a_snapshot_by_hand() -> None:
    world = equity([10])
    later, earlier = world.set_dividend(record_in=90), world.set_dividend(record_in=30)
    world.chain.advance(100)
    assert world.snapshot() == 3
    assert world.asset.view("getDividend", earlier)[0][1] == 1
    assert world.asset.view("getDividend", later)[0][1] == 2


def test_frozen_shares_earn_their_dividend() -> None:
    world = equity([1_00])
    world.asset.send("setFrozenTokens", world.holders[0], 1_00)
    dividend = world.set_dividend(amount=10)
    world.chain.advance(201)
    assert distribute(world, dividend).output[2][0] == UNIT


def test_nothing_is_paid_before_the_execution_date_and_any_time_after() -> None:
    world = equity([1_00])
    dividend = world.set_dividend(execution_in=200)
    due = world.chain.now + 200
    world.chain.advance(199)
    with pytest.raises(Reverted, match="NotPaymentDate") as refused:
        distribute(world, dividend)
    assert refused.value.args_ == {"paymentDateInit": due, "requestedDate": due - 1}
    world.chain.advance(50 * YEAR)
    assert real(distribute(world, dividend).output[1]) == world.holders


def test_a_distribution_is_paid_once_to_each_holder_by_page_and_by_name() -> None:
    world = equity([10, 10, 10])
    dividend = world.set_dividend()
    world.chain.advance(201)
    receipt = distribute_to(world, dividend, world.holders[1:])
    assert list(receipt.event("DistributionByAddressesExecuted")["holders"]) == world.holders[1:]
    failed, succeeded, _, _ = distribute(world, dividend).output
    assert real(succeeded) == world.holders[:1]
    assert real(failed) == world.holders[1:]


def test_two_distributions_are_paid_side_by_side() -> None:
    world = equity([1_00])
    both = [world.set_dividend(amount=10), world.set_dividend(amount=20)]
    world.chain.advance(201)
    for dividend in both:
        distribute(world, dividend)
    assert world.received() == [3 * UNIT]


def test_a_distribution_and_a_snapshot_of_the_same_number_do_not_hinder_each_other() -> None:
    world = equity([1_00])
    dividend = world.set_dividend(amount=10)
    world.chain.advance(201)
    distribute(world, dividend)
    snapshot = world.snapshot()  # the record date's own snapshot is the one before
    by_number = ("executeAmountSnapshot", world.asset.address, dividend, 0, 1, 5)
    assert (dividend, snapshot) == (1, 2)
    assert world.payout.send(*by_number).output[2] == (5,)
    assert world.received() == [UNIT + 5]


def test_a_cancelled_dividend_is_marked_and_yet_paid() -> None:
    world = equity([1_00])
    dividend = world.set_dividend(amount=10)
    assert world.asset.send("cancelDividend", dividend).output == (True,)
    assert world.asset.view("getDividend", dividend)[1] is True
    world.chain.advance(201)
    distribute(world, dividend)
    assert world.received() == [UNIT]


def test_a_cancelled_coupon_reverts_its_page() -> None:
    world = bond([1_00])
    coupon = world.set_coupon()
    world.asset.send("cancelCoupon", coupon)
    world.chain.advance(201)
    assert world.asset.view("getCoupon", coupon)[1] is True
    assert world.asset.view("getCouponAmountFor", coupon, world.holders[0]) == (0, 0, True)
    with pytest.raises(Reverted, match="Panic"):
        distribute(world, coupon)


def test_after_the_execution_date_only_force_cancels_and_only_once() -> None:
    world = equity([1_00])
    dividend = world.set_dividend()
    world.chain.advance(200)
    with pytest.raises(Reverted, match="AlreadyExecuted"):
        world.asset.send("cancelDividend", dividend)
    world.asset.send("forceCancelDividend", dividend)
    with pytest.raises(Reverted, match="AlreadyCancelled"):
        world.asset.send("forceCancelDividend", dividend)


def test_a_page_of_coupons_previews_holders_and_amounts_together() -> None:
    world = bond([1_00, 2_00, 3_00])
    coupon = world.set_coupon()
    world.chain.advance(101)
    coupons, holders = world.asset.view("getCouponsFor", coupon, 1, 2)
    assert list(holders) == world.holders[2:]
    assert coupons[0] == world.asset.view("getCouponFor", coupon, world.holders[2])
    assert coupons[0][0] == 3_00
    assert coupons[0][6] == world.asset.view("getCouponAmountFor", coupon, world.holders[2])


def test_equities_have_dividends_and_bonds_have_coupons() -> None:
    with pytest.raises(Reverted, match="WrongSecurityType"):
        bond([1]).set_dividend()
    with pytest.raises(Reverted, match="WrongSecurityType"):
        equity([1]).set_coupon()


@pytest.mark.parametrize(
    ("record_in", "execution_in", "error"), [(0, 10, "WrongTimestamp"), (20, 10, "WrongDates")]
)
def test_dates_in_the_past_or_out_of_order_are_refused(record_in: int, execution_in: int, error: str) -> None:
    with pytest.raises(Reverted, match=error):
        equity([1]).set_dividend(record_in, execution_in)


def test_an_action_nobody_set_is_refused() -> None:
    world = World([1], security_type=EQUITY)
    for action in (0, 1):
        with pytest.raises(Reverted, match="UnknownCorporateAction"):
            world.asset.view("getDividend", action)
