"""Bad input: each a sentence naming the fix, exit 2, and not a row written; troubles later are HELD in words."""

from collections.abc import Callable

import pytest
from django.apps import apps
from pytest_django.fixtures import Settings

from contracts.gateways import hedera
from contracts.models import ContractTransaction, Hold, Wallet
from contracts.services.holds import lift_hold
from tests.payouts.commands import run
from tests.running import Status, assert_all_paid_once, start
from tests.world import Pump, Setting, World


def rows() -> dict[str, int]:
    labels = ("contracts", "reserves", "payouts")
    return {
        model.__name__: model._default_manager.count()
        for label in labels
        for model in apps.get_app_config(label).get_models()
    }


def refused(*words: str) -> str:
    """What a refused command says; nothing was written by it."""
    before = rows()
    ended = run(*words)
    assert (ended.code, ended.out) == (2, "")
    assert rows() == before
    return ended.err.strip()


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("--amount=0", "the amount is 0; give one above 0"),
        ("--amount=-5", "the amount is -5; give one above 0"),
        ("--amount=", "'' is not a number; write it as in 1250.50 USDC"),
        ("--amount=1.0000001", "1.0000001 has too many decimals: USDC has 6; use at most 6 decimals"),
        ("--amount=ten", "'ten' is not a number; write it as in 1250.50 USDC"),
        ("--percentage=100.01", "100.01 is above 100 percent; give a percentage above 0 and up to 100"),
        ("--percentage=0", "the amount is 0; give one above 0"),
        ("--percentage=1.234", "1.234 has too many decimals; a percentage has at most 2"),
    ],
)
def test_an_amount_that_cannot_be_paid(world: World, amount: str, words: str) -> None:
    setting = world.spare_asset()

    assert refused("create_distribution", setting.asset.address, amount) == words


def test_an_asset_nobody_knows(world: World) -> None:
    world.spare_asset()

    words = refused("create_distribution", "0.0.424242", "--amount=5")
    assert words == "there is no asset '0.0.424242'; known are: PDD. Register it with manage.py add_asset"


def test_a_symbol_that_fits_two_assets(world: World) -> None:
    world.asset(holders=1)
    world.spare_asset()

    words = refused("create_distribution", "PDD", "--amount=5")
    assert words == "PDD fits more than one asset; give its address 0.0.x instead"


def test_an_asset_without_holders(world: World) -> None:
    setting = world.asset(holders=0)

    words = refused("create_distribution", setting.asset.address, "--amount=5")
    assert words == "the asset PDD has no holders; nobody could be paid. Check its address"


@pytest.mark.parametrize("which", ["payout_contract", "asset"])
def test_a_paused_contract(world: World, which: str) -> None:
    setting = world.asset(holders=1)
    world.control.do_pause(setting.made[which]["id"])
    world.control.do_close_block()

    assert "is paused; unpause it" in refused("create_distribution", setting.asset.address, "--amount=5")


def test_another_network_than_the_settings(world: World, settings: Settings) -> None:
    setting = world.spare_asset()
    settings.HEDERA_NETWORK = "testnet"

    words = refused("create_distribution", setting.asset.address, "--amount=5")
    assert words == "the asset is on hedera-local, HEDERA_NETWORK is testnet; start the other one"


def on_another_network(setting: Setting, settings: Settings) -> str:
    Wallet.objects.update(network="hedera-testnet")
    return "is on another network than the asset; give the contract a wallet on it"


def with_another_key(setting: Setting, settings: Settings) -> str:
    settings.DFNS_WALLET_PUBLIC_KEY = "02" + "ab" * 32
    return "DFNS_WALLET_PUBLIC_KEY differs from custody"


def with_another_account(setting: Setting, settings: Settings) -> str:
    settings.DFNS_HEDERA_ACCOUNT_ID = "0.0.99"
    return "DFNS_HEDERA_ACCOUNT_ID is 0.0.99, the wallet's account is"


def without_its_role(setting: Setting, settings: Settings) -> str:
    role = "0x88ad01da1e5558735d5b478c04a0f1667377fb68a98cb0278159d0b790f08c10"
    payout, payer = setting.made["payout_contract"]["id"], setting.made["payer"]["id"]
    setting.world.control.do_call(payout, "revokeRole", [role, payer])
    setting.world.control.do_close_block()
    return "lacks the role PAYOUT on"


def without_hbar(setting: Setting, settings: Settings) -> str:
    settings.HEDERA_MAX_FEE_HBAR = 10_000_000
    return "send it HBAR for fees"


@pytest.mark.parametrize(
    "spoil", [on_another_network, with_another_key, with_another_account, without_its_role, without_hbar]
)
def test_a_wallet_that_could_not_pay(
    world: World, settings: Settings, spoil: Callable[[Setting, Settings], str]
) -> None:
    setting = world.asset(holders=1)
    words = spoil(setting, settings)

    assert words in refused("create_distribution", setting.asset.address, "--amount=5")


def test_a_mirror_node_that_is_down(world: World, quick_retries: None) -> None:
    setting = world.spare_asset()
    world.fault("mirror.down")

    words = refused("create_distribution", setting.asset.address, "--amount=5")
    assert words.startswith("the chain could not be asked: the mirror node cannot be reached")
    assert words.endswith("Check HEDERA_MIRROR_URL and try again")


def test_a_mirror_node_that_goes_down_in_mid_run_makes_it_wait_and_then_complete(
    world: World, pump: Pump, quick_retries: None
) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    world.fault("mirror.down")

    def waits() -> bool:
        distribution.refresh_from_db()
        return "the chain could not be asked" in distribution.status_reason

    pump.run(waits)
    assert distribution.status == Status.PLANNING
    world.clear("mirror.down")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_consensus_nodes_that_are_down_hold_the_run_before_anything_is_signed(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    for node in hedera.nodes():
        world.fault("consensus.node_down", node=node)

    pump.until_status(distribution, Status.HELD)

    assert distribution.status_reason.startswith("no consensus node can be reached: node 0.0.")
    assert "check HEDERA_NETWORK, HEDERA_NODES and the firewall" in distribution.status_reason
    assert not ContractTransaction.objects.exists()
    world.clear("consensus.node_down")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_a_snapshot_refused_three_times_waits_for_a_person_who_can_start_it_again(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    distribution = start(setting, amount="90")
    world.fault("consensus.gas", base=5_000_000, per_transfer=1)
    pump.until_status(distribution, Status.HELD)
    assert "the snapshot failed 3 times: INSUFFICIENT_GAS" in distribution.status_reason
    for _ in range(8):
        world.advance(5)
        pump.beat()
    assert ContractTransaction.objects.count() == 3

    world.clear("consensus.gas")
    lift_hold(Hold.objects.open().get(), reason="the table was corrected", by="ann")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_a_wallet_or_asset_that_is_not_what_it_should_be_is_not_registered(world: World) -> None:
    setting = world.spare_asset()
    payer, wallet = setting.made["payer"]["id"], f"--wallet={setting.made['payer']['id']}"
    asset, payout = setting.asset.address, setting.made["payout_contract"]["id"]
    money = setting.made["payment_token"]["id"]

    for words, sentence in (
        (("add_asset", "0.0.424242", payout, wallet), "there is no asset token 0.0.424242 on hedera-local"),
        (
            ("add_asset", "0.0.7/8", payout, wallet),
            "the asset token cannot be at '0.0.7/8'; write its address",
        ),
        (
            ("add_asset", money, payout, wallet),
            "does not answer like an asset token; is it the asset's address?",
        ),
        (
            ("add_asset", asset, money, wallet),
            "does not answer like a payout contract; is it the right address?",
        ),
        (("add_asset", asset, payout, "--wallet=0.0.9"), "register it with manage.py add_wallet"),
        (
            ("add_wallet", "wa-aaaaa-bbbbb-cccccccccccccccc", f"--account={payer}"),
            "custody or the mirror node",
        ),
        (("add_wallet", "nonsense"), "custody or the mirror node could not be asked"),
        (("add_wallet", world.net.dfns.provision()["DFNS_WALLET_ID"], "--account=0.0.424242"), "correct one"),
    ):
        assert sentence in refused(*words)
