"""Bond cash-out: money first, then the burn; one refused burn takes the whole page back."""

import pytest

from tests.contracts.solidity_chain import ADMIN, Receipt, Reverted
from tests.contracts.solidity_world import BOND_FIXED_RATE, REDEEMER, VERSIONS, YEAR, World, real

UNIT = 10**6
BOND = 1000 * UNIT


def matured(balances: list[int], version: str = "AssetToken") -> World:
    world = World(balances, version=version, security_type=BOND_FIXED_RATE)
    world.asset.send("grantRole", REDEEMER[version], world.payout.address)
    world.fund(1_000_000 * UNIT)
    world.chain.advance(YEAR)
    return world


def cash_out(world: World, page: int = 0, length: int = 10) -> Receipt:
    return world.payout.send("executeBondCashOut", world.asset.address, page, length)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_principal_is_paid_and_the_bond_burnt(version: str) -> None:
    world = matured([1_00, 2_50], version)
    principal = world.asset.view("getPrincipalFor", world.holders[1])
    assert principal == (2_50 * 1000_00, 10**4)
    receipt = cash_out(world)

    assert real(receipt.output[1]) == world.holders
    assert receipt.output[2][:2] == (BOND, 2_500 * UNIT)
    assert receipt.event("CashOutExecuted")["paidAmount"] == receipt.output[2]
    assert world.received() == [BOND, 2_500 * UNIT]
    assert world.asset.view("totalSupply") == 0
    assert cash_out(world).output == ((), (), (), False)


@pytest.mark.parametrize("version", VERSIONS)
def test_before_maturity_nothing_is_cashed_out(version: str) -> None:
    world = World([1_00], version=version, security_type=BOND_FIXED_RATE)
    maturity = world.chain.now + YEAR
    world.chain.advance(YEAR - 1)
    with pytest.raises(Reverted, match="NotPaymentDate") as refused:
        cash_out(world)
    assert refused.value.args_ == {"paymentDateInit": maturity, "requestedDate": maturity - 1}


def test_page_one_after_page_zero_skips_holders_because_the_list_shrinks() -> None:
    world = matured([1_00] * 6)
    cash_out(world, page=0, length=2)
    assert cash_out(world, page=1, length=2).output[3] is True
    paid = [units > 0 for units in world.received()]
    assert sum(paid) == 4
    while cash_out(world, page=0, length=2).output[3]:
        pass
    assert world.received() == [BOND] * 6


def test_a_holder_without_money_for_him_fails_and_keeps_his_bond() -> None:
    world = World([1_00, 1_00], security_type=BOND_FIXED_RATE)
    world.asset.send("grantRole", REDEEMER["AssetToken"], world.payout.address)
    world.fund(BOND)
    world.chain.advance(YEAR)
    failed, succeeded, _, _ = cash_out(world).output
    assert real(succeeded) == world.holders[:1]
    assert real(failed) == world.holders[1:]
    assert [world.asset.view("balanceOf", h) for h in world.holders] == [0, 1_00]


def test_named_holders_are_cashed_out_and_a_second_call_finds_nothing_to_pay() -> None:
    world = matured([1_00, 1_00])
    call = ("executeBondCashOutByAddresses", world.asset.address, world.holders[1:])
    receipt = world.payout.send(*call)
    assert receipt.output[1:] == ((world.holders[1],), (BOND,))
    assert receipt.event("CashOutByAddressesExecuted")["holders"] == (world.holders[1],)
    assert world.payout.send(*call).output[2] == (0,)
    assert world.received() == [0, BOND]


def test_one_refused_burn_takes_the_whole_page_back() -> None:
    world = matured([1_00] * 3)
    world.asset.send("setKyc", world.holders[2], False)
    with pytest.raises(Reverted):
        cash_out(world)
    assert world.received() == [0, 0, 0]
    assert cash_out(world, page=0, length=2).output[2] == (BOND, BOND)


def test_without_the_redeemer_role_or_with_a_paused_bond_the_page_reverts() -> None:
    world = matured([1_00])
    world.asset.send("pause")
    with pytest.raises(Reverted):
        cash_out(world)
    world.asset.send("unpause")
    world.asset.send("revokeRole", REDEEMER["AssetToken"], world.payout.address)
    with pytest.raises(Reverted):
        cash_out(world)
    assert world.received() == [0]


def test_the_bond_itself_refuses_to_redeem_early() -> None:
    world = World([1_00], security_type=BOND_FIXED_RATE)
    with pytest.raises(Reverted, match="BondMaturityDateWrong"):
        world.asset.send("fullRedeemAtMaturity", world.holders[0])


def test_an_8_0_bond_can_be_given_a_later_maturity() -> None:
    world = World([1_00], version="AssetToken8", security_type=BOND_FIXED_RATE)
    later = world.chain.now + 2 * YEAR
    event = world.asset.send("setMaturityDate", later).event("MaturityDateUpdated")
    assert event["maturityDate"] == later == world.asset.view("getMaturityDate")
    world.chain.advance(YEAR)
    with pytest.raises(Reverted, match="NotPaymentDate"):
        cash_out(world)


def test_bond_facts_are_answered_under_the_names_of_each_version() -> None:
    seven = World([1], security_type=BOND_FIXED_RATE)
    currency = "0x455552"
    start = seven.chain.now
    assert seven.asset.view("getBondDetails") == (currency, 1000_00, 2, start, start + YEAR)
    eight = World([1], version="AssetToken8", security_type=BOND_FIXED_RATE).asset
    names = (
        "getNominalValueCurrency",
        "getNominalValue",
        "getNominalValueDecimals",
        "getMaturityDate",
        "version",
    )
    assert [eight.view(name) for name in names] == [currency, 1000_00, 2, start + YEAR, "8.0.0"]
    assert eight.view("getERC20Metadata") == (("Ferry Works", "FRY", "ES0000000001", 2), BOND_FIXED_RATE)
    assert eight.view("hasRole", REDEEMER["AssetToken8"], ADMIN)
