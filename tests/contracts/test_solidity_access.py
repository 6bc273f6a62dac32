"""Who may do what: roles, pause, initialisation, association and the payment token's own refusals."""

from typing import Any

import pytest

from contracts.abi import Interface
from tests.contracts.solidity_chain import ADMIN, STRANGER, TOKEN_SERVICE, Chain, Contract, Reverted, artifact
from tests.contracts.solidity_world import (
    DEFAULT_ADMIN,
    VERSIONS,
    World,
    deploy_asset,
    deploy_payment_token,
    payout_role,
)

PAYOUT = payout_role("payout")
ZERO = f"0x{0:040x}"


def calls(world: World) -> dict[str, tuple[Any, ...]]:
    """Every function of the payout contract that changes something, with harmless arguments."""
    asset = world.asset.address
    return {
        "executeDistribution": (asset, 1, 0, 1),
        "executeDistributionByAddresses": (asset, 1, []),
        "executeAmountSnapshot": (asset, 1, 0, 1, 1),
        "executeAmountSnapshotByAddresses": (asset, 1, [], 1),
        "executePercentageSnapshot": (asset, 1, 0, 1, 1),
        "executePercentageSnapshotByAddresses": (asset, 1, [], 1),
        "executeBondCashOut": (asset, 0, 1),
        "executeBondCashOutByAddresses": (asset, []),
        "transferPaymentToken": (ADMIN, 1),
        "updatePaymentToken": (world.token.address,),
        "pause": (),
        "grantRole": (PAYOUT, STRANGER),
        "revokeRole": (PAYOUT, ADMIN),
    }


def test_a_stranger_may_do_nothing() -> None:
    world = World([1])
    for function, args in calls(world).items():
        with pytest.raises(Reverted, match="AccountHasNoRole"):
            world.payout.send(function, *args, sender=STRANGER)


def test_while_paused_nothing_works_but_unpause() -> None:
    world = World([1])
    event = world.payout.send("pause").event("LifeCycleCashFlowPaused")
    assert event == {"operator": ADMIN}
    assert world.payout.view("isPaused") is True
    for function, args in {**calls(world), "renounceRole": (PAYOUT,)}.items():
        with pytest.raises(Reverted, match="LifeCycleCashFlowIsPaused"):
            world.payout.send(function, *args)
    world.payout.send("unpause").event("LifeCycleCashFlowUnpaused")
    with pytest.raises(Reverted, match="LifeCycleCashFlowIsUnpaused"):
        world.payout.send("unpause")


def test_another_asset_is_refused() -> None:
    world = World([1])
    other = deploy_asset(world.chain).address
    for function, args in calls(world).items():
        if function.startswith("execute"):
            with pytest.raises(Reverted, match="InvalidAsset") as refused:
                world.payout.send(function, other, *args[1:])
            assert refused.value.args_ == {"asset": other}


def test_roles_are_granted_listed_revoked_and_renounced() -> None:
    payout = World([1]).payout
    granted = payout.send("grantRole", PAYOUT, STRANGER).event("RoleGranted")
    assert granted == {"operator": ADMIN, "account": STRANGER, "role": PAYOUT}
    assert payout.view("getRoleMembers", PAYOUT, 0, 10) == (ADMIN, STRANGER)
    assert payout.view("getRoleMemberCount", PAYOUT) == 2
    assert payout.view("getRoleCountFor", STRANGER) == 1
    with pytest.raises(Reverted, match="AccountAssignedToRole"):
        payout.send("grantRole", PAYOUT, STRANGER)

    payout.send("revokeRole", PAYOUT, ADMIN)
    payout.send("renounceRole", PAYOUT, sender=STRANGER)
    assert payout.view("getRoleMembers", PAYOUT, 0, 10) == ()
    assert not payout.view("hasRole", PAYOUT, STRANGER)
    with pytest.raises(Reverted, match="AccountNotAssignedToRole"):
        payout.send("revokeRole", PAYOUT, STRANGER)


def test_money_can_be_taken_out_up_to_the_balance() -> None:
    world = World([1])
    world.fund(100)
    with pytest.raises(Reverted, match="NotEnoughBalance"):
        world.payout.send("transferPaymentToken", ADMIN, 101)
    with pytest.raises(Reverted, match="TransferERC20TokenFailed"):
        world.payout.send("transferPaymentToken", STRANGER, 1)  # not associated
    receipt = world.payout.send("transferPaymentToken", ADMIN, 100)
    assert receipt.event("PaymentTokenTransferred") == {"to": ADMIN, "amount": 100}
    assert world.token.view("balanceOf", ADMIN) == 100


def test_a_payout_contract_is_initialised_once_and_associates_itself() -> None:
    world = World([1])
    assert world.token.view("isAssociated", world.payout.address) is True
    assert world.payout.view("getPaymentTokenDecimals") == 6
    assert world.payout.view("hasRole", DEFAULT_ADMIN, ADMIN) is True
    with pytest.raises(Reverted, match="InvalidInitialization"):
        world.payout.send("initialize", world.asset.address, world.token.address, [])


def test_a_payment_token_that_cannot_be_associated_stops_the_initialisation() -> None:
    chain = Chain()
    asset, token = deploy_asset(chain), deploy_payment_token(chain)
    payout = chain.deploy("LifeCycleCashFlow")
    token.send("associateMany", [payout.address])
    with pytest.raises(Reverted, match="AssociateTokenFailed"):
        payout.send("initialize", asset.address, token.address, [])


def test_the_token_service_answers_in_response_codes() -> None:
    chain = Chain()
    token = deploy_payment_token(chain)
    service = Contract(chain, TOKEN_SERVICE, Interface(artifact("HtsStub")["abi"]))
    answers = [service.send("associateToken", STRANGER, token.address).output for _ in range(2)]
    answers += [
        service.send("associateToken", STRANGER, nothing).output for nothing in (ADMIN, TOKEN_SERVICE)
    ]
    assert answers == [(22,), (194,), (167,), (167,)]
    with pytest.raises(Reverted, match="OnlyTokenService"):
        token.send("associateByService", STRANGER)


def test_an_account_associates_itself() -> None:
    token = deploy_payment_token(Chain())
    token.send("associate", sender=STRANGER)
    assert token.view("isAssociated", STRANGER) is True


@pytest.mark.parametrize(
    ("function", "args", "error"),
    [
        ("dissociate", (STRANGER,), "TokenNotAssociatedToAccount"),
        ("setFrozen", (STRANGER, True), "AccountFrozenForToken"),
        ("setKycRequired", (True,), "AccountKycNotGrantedForToken"),
        ("setPaused", (True,), "TokenIsPaused"),
    ],
)
def test_a_payment_token_names_the_cause_of_a_refusal(
    function: str, args: tuple[Any, ...], error: str
) -> None:
    token = deploy_payment_token(Chain())
    token.send("associate", sender=STRANGER)
    token.send("mintMany", [ADMIN, STRANGER], [10, 10])
    token.send(function, *args)
    for sender, receiver in ((ADMIN, STRANGER), (STRANGER, ADMIN)):
        with pytest.raises(Reverted, match=error):
            token.send("transfer", receiver, 1, sender=sender)


def test_a_payment_token_is_an_erc20_with_allowances() -> None:
    token = deploy_payment_token(Chain(), decimals=2)
    token.send("associate", sender=STRANGER)
    token.send("mint", ADMIN, 10)
    token.send("approve", STRANGER, 6)
    token.send("transferFrom", ADMIN, STRANGER, 4, sender=STRANGER)
    assert [token.view("balanceOf", who) for who in (ADMIN, STRANGER)] == [6, 4]
    assert (token.view("totalSupply"), token.view("decimals"), token.view("symbol")) == (10, 2, "DEUR")
    with pytest.raises(Reverted, match="InsufficientAllowance"):
        token.send("transferFrom", ADMIN, STRANGER, 3, sender=STRANGER)
    with pytest.raises(Reverted, match="InsufficientBalance"):
        token.send("transfer", STRANGER, 7)


def test_only_the_owner_governs_a_payment_token() -> None:
    token = deploy_payment_token(Chain())
    governing: dict[str, tuple[Any, ...]] = {
        "mint": (STRANGER, 1),
        "mintMany": ([], []),
        "associateMany": ([],),
        "dissociate": (ADMIN,),
        "setFrozen": (ADMIN, True),
        "setKyc": (STRANGER, True),
        "setKycMany": ([], True),
        "setKycRequired": (False,),
        "setPaused": (True,),
    }
    for function, args in governing.items():
        with pytest.raises(Reverted, match="OnlyOwner"):
            token.send(function, *args, sender=STRANGER)


@pytest.mark.parametrize(("version", "view"), list(zip(VERSIONS, ("isPaused", "paused"), strict=True)))
def test_a_paused_asset_moves_nothing_and_says_so(version: str, view: str) -> None:
    asset = deploy_asset(Chain(), version)
    asset.send("mint", ADMIN, 5)
    asset.send("pause")
    assert asset.view(view) is True
    for function, args in {"mint": (ADMIN, 1), "burn": (ADMIN, 1), "transfer": (STRANGER, 1)}.items():
        with pytest.raises(Reverted, match="TokenIsPaused"):
            asset.send(function, *args)
    asset.send("unpause")
    assert asset.view(view) is False
    with pytest.raises(Reverted, match="TokenIsUnpaused"):
        asset.send("unpause")


@pytest.mark.parametrize("version", VERSIONS)
def test_an_asset_is_governed_by_role_holders_only(version: str) -> None:
    asset = deploy_asset(Chain(), version)
    soon = asset.chain.now + 10
    governing: dict[str, tuple[Any, ...]] = {
        "mint": (STRANGER, 1),
        "mintMany": ([], []),
        "burn": (ADMIN, 0),
        "setFrozenTokens": (ADMIN, 0),
        "setKyc": (ADMIN, True),
        "setDividend": ((soon, soon, 1, 0),),
        "fullRedeemAtMaturity": (ADMIN,),
        "pause": (),
        "grantRole": (DEFAULT_ADMIN, STRANGER),
    }
    for function, args in governing.items():
        with pytest.raises(Reverted, match="AccountHasNoRole"):
            asset.send(function, *args, sender=STRANGER)


def test_tokens_are_not_issued_to_nobody_nor_lists_of_unequal_length() -> None:
    asset = deploy_asset(Chain())
    with pytest.raises(Reverted, match="ZeroAddress"):
        asset.send("mint", ZERO, 1)
    with pytest.raises(Reverted, match="LengthMismatch"):
        asset.send("mintMany", [ADMIN], [])
    with pytest.raises(Reverted, match="SupplyTooLarge"):
        asset.send("mint", ADMIN, 2**208)
