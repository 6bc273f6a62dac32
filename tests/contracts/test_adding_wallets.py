"""manage.py add_wallet for Stellar: custody, settings and chain say the same, or a sentence says what to correct."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings
from stellar_sdk import Keypair

from contracts.models import AuditEvent, Wallet
from tests.factories.contracts import WalletFactory
from tests.payouts.commands import run
from tests.world import World


@pytest.fixture
def made(world: World) -> dict[str, str]:
    """The devnet's own custody wallet on Stellar, with a funded account."""
    wallet: dict[str, str] = world.control.do_stellar_wallet()
    return wallet


def refused(*words: str) -> str:
    ended = run("add_wallet", *words)
    assert (ended.code, ended.out) == (2, "")
    assert not Wallet.objects.filter(role="SOURCE").exists()
    return ended.err.strip()


def other_wallet(world: World, settings: Settings, name: str, *, funded: bool = True) -> dict[str, Any]:
    """Another one of custody, and no setting that says which it has to be."""
    settings.DFNS_STELLAR_WALLET_ID = ""
    wallet = world.net.dfns.stellar_wallet(f"stellar {name}")
    if funded:
        world.control.do_fund_stellar(wallet["address"])
    return wallet


def test_a_wallet_of_stellar_is_its_key_as_custody_says(made: dict[str, str]) -> None:
    ended = run("add_wallet", made["wallet_id"], "--label", "reserve")

    assert (ended.code, ended.out) == (0, f"{made['account']} ED25519 stellar-local\n")
    wallet = Wallet.objects.get()
    assert (wallet.network, wallet.role, wallet.account) == ("stellar-local", "SOURCE", made["account"])
    assert (wallet.custody_key_id, wallet.evm_address, wallet.label) == (made["key_id"], "", "reserve")
    assert AuditEvent.objects.get(what="register").target == made["account"]


def test_again_it_is_the_same_row_with_a_new_label(made: dict[str, str]) -> None:
    for label in ("reserve", "reserve of the fund"):
        assert (
            run("add_wallet", made["wallet_id"], f"--account={made['account']}", f"--label={label}").code == 0
        )
    assert Wallet.objects.get().label == "reserve of the fund"


def test_an_account_that_is_not_the_keys_is_refused(made: dict[str, str]) -> None:
    stranger = Keypair.random().public_key
    assert refused(made["wallet_id"], f"--account={stranger}") == (
        f"--account says {stranger}, the account of the wallet's key is {made['account']}; correct it"
    )


def test_custody_that_names_another_account_is_refused(world: World, settings: Settings) -> None:
    wallet, stranger = other_wallet(world, settings, "renamed"), Keypair.random().public_key
    world.net.dfns.set_address(wallet["id"], stranger)
    assert refused(wallet["id"]).startswith(f"custody says {stranger}, the account of the wallet's key is G")


def test_a_wallet_other_than_the_settings_name_is_refused(made: dict[str, str], settings: Settings) -> None:
    settings.DFNS_STELLAR_WALLET_ID = "wa-aaaaa-bbbbb-cccccccccccccccc"
    assert refused(made["wallet_id"]) == (
        f"DFNS_STELLAR_WALLET_ID is wa-aaaaa-bbbbb-cccccccccccccccc, the wallet given is {made['wallet_id']}; "
        "correct one"
    )


def test_an_account_that_is_not_funded_is_refused(world: World, settings: Settings) -> None:
    wallet = other_wallet(world, settings, "poor", funded=False)
    assert refused(wallet["id"]).startswith(
        f"there is no account {wallet['address']} on Stellar local; fund it"
    )


def test_another_network_behind_the_rpc_is_refused_with_both_settings(
    world: World, settings: Settings
) -> None:
    wallet = other_wallet(world, settings, "elsewhere")
    settings.STELLAR_NETWORK = "testnet"
    assert refused(wallet["id"]) == (
        "SOROBAN_RPC_URL serves local, STELLAR_NETWORK is testnet; correct one of them"
    )


def test_a_wallet_that_custody_has_on_another_network_is_refused(
    made: dict[str, str], settings: Settings
) -> None:
    settings.STELLAR_NETWORK = "public"
    words = refused(made["wallet_id"])
    assert words.startswith("custody says that the wallet is on Stellar")
    assert words.endswith("STELLAR_NETWORK is public; correct one")


def test_a_key_of_another_scheme_is_refused(world: World, settings: Settings) -> None:
    payer = world.control.do_wallet("paydate", "SECP256K1")
    assert refused(payer["wallet_id"], f"--account={Keypair.random().public_key}") == (
        "accounts of Stellar have ED25519 keys, this wallet has SECP256K1"
    )


def test_an_rpc_that_is_down_is_named(world: World, made: dict[str, str]) -> None:
    world.fault("soroban.down")
    words = refused(made["wallet_id"])
    assert words.startswith("the Soroban RPC could not be asked: ")
    assert words.endswith("check SOROBAN_RPC_URL and try again")


def test_a_custody_wallet_signs_for_one_account_only(made: dict[str, str]) -> None:
    WalletFactory(custody_wallet_id=made["wallet_id"], account="0.0.77")
    assert refused(made["wallet_id"]) == (
        f"{made['wallet_id']} is registered as 0.0.77 on hedera-local; give another custody wallet"
    )
