"""What the doctor finds on the way to the chain, and on it: mirror, nodes, clocks, wallets, assets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.doctor import network
from contracts.gateways import relay
from contracts.models import Contract, Wallet
from contracts.services.identity import CLAIM
from contracts.services.registering import add_wallet
from contracts.services.wallets import stop_for_fence, stop_wallet
from devnet.others.roles import ASSET_ROLES
from devnet.records import NS
from devnet.runtime import Devnet
from payouts.services.preflight import PAYOUT_ROLE
from tests.config.doctored import Clinic
from tests.contracts.web_server import Say, WebServer
from tests.factories.contracts import WalletFactory
from tests.world import Setting


@pytest.fixture
def own(clinic: Clinic) -> Setting:
    """An asset beside the shared one, to be spoiled."""
    return clinic.world.asset(holders=1)


def label(setting: Setting) -> str:
    return f"asset {setting.asset.symbol} {setting.asset.address}"


def account(clinic: Clinic) -> str:
    return str(clinic.setting.asset.payout_contract.wallet.account)


# --- the way there ----------------------------------------------------------------------------------------


def test_a_mirror_node_that_is_away(clinic: Clinic) -> None:
    clinic.world.fault("mirror.down")
    report = clinic.finds("mirror", "cannot be reached", "HEDERA_MIRROR_URL")
    assert {
        name: report.status(name) for name in ("chain time", "network", "account", "asset")
    } == dict.fromkeys(("chain time", "network", "account", "asset"), "skipped")
    assert report.status("consensus nodes") == report.status("custody") == "ok"


def test_the_mirror_node_of_another_network_by_its_accounts(clinic: Clinic, tmp_path: Path) -> None:
    other = Devnet(tmp_path, block_seconds=0.2)
    other.clock.advance(clinic.world.net.clock.offset_ns() // NS)
    other.start()
    try:
        clinic.settings.HEDERA_MIRROR_URL = other.mirror.url
        report = clinic.finds("network", account(clinic), "a mirror node of local")
    finally:
        other.stop()
    assert report.status("account") == report.status("asset") == "skipped"


def test_the_mirror_node_of_another_network_by_its_nodes(clinic: Clinic) -> None:
    clinic.settings.HEDERA_NODES += ",0.0.77=127.0.0.1:1"
    report = clinic.look()
    assert report.status("network") == "failed"
    assert "does not list the consensus nodes 0.0.77" in report.named("network")[0]["words"]


def test_the_public_mirror_node_of_another_network_by_its_name(clinic: Clinic) -> None:
    clinic.settings.HEDERA_NETWORK = "testnet"
    clinic.settings.HEDERA_MIRROR_URL = "https://mainnet-public.mirrornode.hedera.com"
    assert network._other_by_name() == "HEDERA_MIRROR_URL is mainnet's, HEDERA_NETWORK says testnet"
    clinic.settings.HEDERA_MIRROR_URL = "https://testnet.mirrornode.hedera.com"
    assert network._other_by_name() == ""


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        ("a_minute_ahead", "this machine's clock is ahead, or the mirror node lags"),
        ("a_minute_behind", "this machine's clock is 60 s behind the chain's"),
    ],
)
def test_a_clock_that_is_apart_from_the_chains(clinic: Clinic, clock: str, words: str) -> None:
    clinic.settings.CLOCK_OFFSET = f"tests.config.doctored.{clock}"
    report = clinic.look()
    assert [result["name"] for result in report.wrong()] == ["chain time", "ledger time"], report.wrong()
    (found,) = report.named("chain time")
    assert words in found["words"]
    for result in report.wrong():
        assert result["status"] == "failed"
        assert "let NTP set this machine's clock" in result["fix"]


def test_a_chain_whose_clock_is_apart_from_ours(clinic: Clinic) -> None:
    """That of the Stellar network moves as well, with its next ledger."""
    clinic.world.fault("clock.chain_offset", seconds=60)
    clinic.world.control.do_close_block()
    try:
        clinic.finds(
            "chain time", "s behind the chain's", "let NTP set this machine's clock", perhaps=["ledger time"]
        )
    finally:
        # A chain's time never runs back, so Paydate's follows.
        clinic.world.clear("clock.chain_offset")
        clinic.world.advance(60)


def test_one_node_that_is_down_is_no_reason_to_stop(clinic: Clinic) -> None:
    clinic.world.fault("consensus.node_down", node="0.0.4")
    clinic.finds("consensus nodes", "1 of 3 do not answer: 0.0.4 at", "allow outgoing TCP", status="warning")


def test_no_node_that_answers(clinic: Clinic) -> None:
    for node in ("0.0.3", "0.0.4", "0.0.5"):
        clinic.world.fault("consensus.node_down", node=node)
    clinic.finds("consensus nodes", "3 of 3 do not answer", "HEDERA_NODES")


@contextmanager
def relay_says(clinic: Clinic, *answers: Say) -> Iterator[None]:
    with WebServer(*answers) as server:
        clinic.settings.HEDERA_RPC_URL = server.url
        yield


def test_a_relay_of_another_chain(clinic: Clinic) -> None:
    with relay_says(clinic, Say({"result": hex(relay.CHAIN_IDS["mainnet"])})):
        clinic.finds("relay", "is on chain 295, local is 298", "correct HEDERA_RPC_URL")
    with relay_says(clinic, Say({"result": hex(relay.CHAIN_IDS["local"])})):
        assert clinic.look().wrong() == []


def test_an_address_that_is_no_relay(clinic: Clinic) -> None:
    with relay_says(clinic, Say(b"<html>", status=404)):
        clinic.finds("relay", "does not answer like one", "check HEDERA_RPC_URL")


# --- wallets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("DFNS_WALLET_PUBLIC_KEY", "02" + "ab" * 32), ("DFNS_HEDERA_ACCOUNT_ID", "0.0.987654")],
)
def test_a_promise_of_the_settings_that_is_not_kept(clinic: Clinic, name: str, value: str) -> None:
    setattr(clinic.settings, name, value)
    clinic.finds("promises", name, "correct")


def test_a_wallet_of_another_network(clinic: Clinic) -> None:
    WalletFactory(network="hedera-testnet", account="0.0.4242")
    clinic.finds("wallet 0.0.4242", "HEDERA_NETWORK says local", "register a wallet here")


def test_a_stopped_wallet(clinic: Clinic) -> None:
    wallet = clinic.setting.asset.payout_contract.wallet
    stop_wallet(wallet, "custody returned a foreign signature")
    clinic.finds(f"wallet {wallet.account}", "custody returned a foreign signature", "start the wallet")


def test_a_wallet_that_the_fence_stopped(clinic: Clinic) -> None:
    wallet = clinic.setting.asset.payout_contract.wallet
    stop_for_fence(wallet, f"another system signs with this wallet; end it, and run {CLAIM}")
    clinic.finds(
        f"wallet {wallet.account}",
        "another system signs with this wallet",
        "manage.py claim_wallets --reason",
    )


def test_an_account_without_money_for_fees(clinic: Clinic) -> None:
    poor = clinic.world.control.do_wallet("poor", hbar=3)
    clinic.world.control.do_close_block()
    add_wallet(
        custodian_name="DFNS",
        custody_wallet_id=poor["wallet_id"],
        account=poor["account"],
        label="poor",
        by="tests",
    )
    clinic.finds(f"account {poor['account']}", "3 HBAR are left, one call may cost 20", "send it HBAR")


def test_an_account_that_another_key_controls(clinic: Clinic) -> None:
    """The other registered wallet shows that the network is the right one."""
    foreign = clinic.world.control.do_wallet("edwards", "ED25519")
    clinic.world.control.do_close_block()
    WalletFactory(account=foreign["account"], custodian="LOCAL", evm_address=foreign["evm_address"])
    clinic.finds(f"account {foreign['account']}", "controlled by another key", "manage.py add_wallet")


def test_an_account_that_does_not_exist(clinic: Clinic) -> None:
    WalletFactory(account="0.0.987654", custodian="LOCAL")
    clinic.finds("account 0.0.987654", "does not exist on hedera-local", "manage.py add_wallet")


def test_an_account_that_a_transfer_to_its_address_made_waits_for_its_first_signature(clinic: Clinic) -> None:
    key = clinic.setting.asset.payout_contract.wallet
    strange = WalletFactory(
        account=hollow(clinic, "0x" + "12" * 20),
        key_scheme=key.key_scheme,
        public_key=key.public_key,
        custodian="LOCAL",
    )
    clinic.finds(f"account {strange.account}", "has no key yet", "manage.py add_wallet")


def hollow(clinic: Clinic, address: str) -> str:
    (made,) = clinic.world.control.do_add_accounts([address])
    clinic.world.control.do_close_block()
    return str(made["account"])


def test_nothing_registered_yet_is_nothing_wrong(clinic: Clinic) -> None:
    clinic.setting.asset.delete()
    Contract.objects.all().delete()
    Wallet.objects.all().delete()
    report = clinic.look()
    assert report.wrong() == []
    assert {report.named(name)[0]["words"] for name in ("wallet", "account", "asset")} == {
        "none registered yet"
    }


# --- assets -----------------------------------------------------------------------------------------------


def test_a_payout_contract_that_does_not_know_the_wallet(clinic: Clinic, own: Setting) -> None:
    payout = own.made["payout_contract"]["id"]
    clinic.world.control.do_call(payout, "revokeRole", [PAYOUT_ROLE, account(clinic)])
    clinic.world.control.do_close_block()
    clinic.finds(label(own), "lacks the role PAYOUT", "grant it")


def test_a_payout_contract_that_is_paused(clinic: Clinic, own: Setting) -> None:
    clinic.world.control.do_pause(own.made["payout_contract"]["id"])
    clinic.world.control.do_close_block()
    clinic.finds(label(own), "is paused", "unpause it")


def test_an_asset_that_would_refuse_the_snapshot(clinic: Clinic, own: Setting) -> None:
    role = ASSET_ROLES[own.asset.interface_version]["SNAPSHOT"]
    clinic.world.control.do_call(own.asset.address, "revokeRole", [role, account(clinic)])
    clinic.world.control.do_close_block()
    clinic.finds(label(own), "would refuse the snapshot", "grant the wallet the snapshot role")


def test_a_payout_contract_that_may_not_hold_its_money(clinic: Clinic, own: Setting) -> None:
    clinic.world.control.do_call(own.money, "dissociate", [own.made["payout_contract"]["id"]])
    clinic.world.control.do_close_block()
    clinic.finds(label(own), "is not associated with its payment token", "associate it")


def test_a_contract_that_a_person_blocked(clinic: Clinic, own: Setting) -> None:
    Contract.objects.filter(pk=own.asset.payout_contract_id).update(status=Contract.Status.BLOCKED)
    clinic.finds(label(own), "is BLOCKED", "top up its reserve")
