"""What the doctor finds on Stellar: RPC, wallets, investment contracts and their checks."""

from datetime import timedelta
from typing import Any

import pytest

from config.doctor.signing import MEMO
from contracts import clock
from contracts.gateways import soroban
from contracts.gateways.errors import Refused
from contracts.gateways.soroban_accounts import expired_envelope
from contracts.models import Contract, ContractTransaction, Wallet
from contracts.services.wallets import stop_wallet
from reserves.services import checking, ticketing
from tests.config.doctored import Clinic
from tests.contracts.stellar_office import added, stellar_wallet
from tests.factories.contracts import InvestmentContractFactory, WalletFactory
from tests.world import World

DAY_LEDGERS = 17_280
ON_CHAIN = ("Stellar network", "ledger time", "source account", "investment", "reserve")


def owned(world: World, **columns: Any) -> Contract:
    """An investment contract that was registered as an operator would, and checked a moment ago."""
    wallet = stellar_wallet(world)
    contract = added(wallet, world.control.do_create_investment(owner=wallet.account)["contract"])
    checked(contract)
    Contract.objects.filter(pk=contract.pk).update(**columns)
    contract.refresh_from_db()
    return contract


def checked(contract: Contract) -> None:
    for pk in ticketing.open_tickets([contract.address]):
        checking.check(pk)


def investment(contract: Contract) -> str:
    return f"investment {contract.label} {contract.address}"


def reserve(contract: Contract) -> str:
    return f"reserve {contract.label} {contract.address}"


def test_a_sound_investment_contract_is_said_to_be_sound(clinic: Clinic) -> None:
    contract = owned(clinic.world)
    report = clinic.look()
    assert report.wrong() == []
    names = ("Soroban RPC", *ON_CHAIN[:2], f"source account {contract.wallet.account}")
    assert {report.status(name) for name in names} == {"ok"}
    words = report.named(investment(contract))[0]["words"]
    assert words.startswith("its owner is its wallet, and its state is kept for another ")
    assert report.named(reserve(contract))[0]["words"].startswith(
        f"{contract.label} has capacity to serve payments"
    )
    assert report.named("reserve checks")[0]["words"] == "of 1 investment contracts, mode on_change"
    assert report.status(f"custody of {contract.wallet.account}") == "ok"


# --- the RPC ----------------------------------------------------------------------------------------------


def test_without_an_rpc_the_rest_is_skipped_with_its_reason(clinic: Clinic) -> None:
    clinic.settings.SOROBAN_RPC_URL = ""
    report = clinic.look()
    assert report.wrong() == []
    assert report.code == 0
    (line,) = report.named("Soroban RPC")
    assert (line["status"], line["words"]) == (
        "skipped",
        "SOROBAN_RPC_URL is empty: nothing on Stellar is checked or followed",
    )
    assert {report.status(name) for name in ON_CHAIN} == {"skipped"}


def test_registered_contracts_that_nobody_checks_without_an_rpc(clinic: Clinic) -> None:
    owned(clinic.world)
    clinic.settings.SOROBAN_RPC_URL = ""
    clinic.finds("reserve checks", "1 investment contracts are registered", "set SOROBAN_RPC_URL")


def test_contracts_of_another_network_are_checked_by_nobody_here(clinic: Clinic) -> None:
    InvestmentContractFactory(network="stellar-testnet", wallet=stellar_wallet(clinic.world))
    clinic.finds("reserve checks", "on stellar-testnet, and nobody checks them", "correct STELLAR_NETWORK")


def test_an_rpc_that_is_away(clinic: Clinic) -> None:
    contract = owned(clinic.world)
    clinic.world.fault("soroban.down")
    report = clinic.finds("Soroban RPC", "does not answer", "check SOROBAN_RPC_URL")
    assert {report.status(name) for name in ON_CHAIN} == {"skipped"}
    assert report.status(f"custody of {contract.wallet.account}") == "ok"


def test_an_rpc_of_another_network(clinic: Clinic) -> None:
    clinic.settings.STELLAR_NETWORK = "testnet"
    report = clinic.finds(
        "Stellar network",
        "SOROBAN_RPC_URL serves local, STELLAR_NETWORK is testnet",
        "correct SOROBAN_RPC_URL or STELLAR_NETWORK",
    )
    assert report.status("investment") == report.status("source account") == "skipped"


def test_an_rpc_that_forgets_within_a_day(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devnet.soroban.server.RETENTION", 720)
    clinic.finds(
        "Soroban RPC", "keeps 720 of them, less than a day", "an RPC that keeps more", status="warning"
    )


def test_an_rpc_that_is_behind(clinic: Clinic) -> None:
    """The mirror node's block is new, so it is not the clock."""
    clinic.world.advance(100)
    clinic.world.fault("soroban.lag", ledgers=12, match="getTransaction")
    clinic.finds("ledger time", "or the Soroban RPC lags", "take another Soroban RPC")


# --- wallets ----------------------------------------------------------------------------------------------


def test_a_stellar_wallet_of_another_network(clinic: Clinic) -> None:
    WalletFactory(network="stellar-testnet", role="SOURCE", account="GSTRANGE")
    clinic.finds("source GSTRANGE", "STELLAR_NETWORK says local", "register a wallet here")


def test_a_stopped_stellar_wallet(clinic: Clinic) -> None:
    wallet = stellar_wallet(clinic.world)
    stop_wallet(wallet, "custody's approval came too late")
    clinic.finds(f"source {wallet.account}", "custody's approval came too late", "start the wallet")


def test_a_wallet_that_is_not_the_one_of_the_settings(clinic: Clinic) -> None:
    stellar_wallet(clinic.world)
    clinic.settings.DFNS_STELLAR_WALLET_ID = "wa-other-00000-0123456789abcdef"
    clinic.finds("wallet of the settings", "DFNS_STELLAR_WALLET_ID is wa-other", "manage.py add_wallet")


def test_a_wallet_of_the_settings_that_is_not_registered_yet(clinic: Clinic) -> None:
    named = clinic.world.control.do_stellar_wallet()["wallet_id"]
    clinic.settings.DFNS_STELLAR_WALLET_ID = named
    assert "not registered yet" in clinic.look().named("wallet of the settings")[0]["words"]
    stellar_wallet(clinic.world)
    assert (
        clinic.look().named("wallet of the settings")[0]["words"]
        == "the wallet of the settings is registered"
    )


def test_an_account_of_another_key(clinic: Clinic) -> None:
    wallet = stellar_wallet(clinic.world)
    other = clinic.world.control.do_stellar_wallet("other")["account"]
    Wallet.objects.filter(pk=wallet.pk).update(account=other)
    clinic.finds(f"source account {other}", "the account of its key is", "register the wallet again")


def test_an_account_that_nobody_has_funded(clinic: Clinic) -> None:
    public_key = "ab" * 32
    account = soroban.account_of(public_key)
    WalletFactory(
        network="stellar-local", role="SOURCE", custodian="LOCAL", public_key=public_key, account=account
    )
    clinic.finds(f"source account {account}", "there is no account", "fund it")


@pytest.mark.parametrize(
    ("xlm", "status", "words"),
    [(1, "failed", "0 XLM above its reserve are left"), (9, "warning", "8 XLM above its reserve are left")],
)
def test_an_account_with_little_for_fees(clinic: Clinic, xlm: int, status: str, words: str) -> None:
    wallet = stellar_wallet(clinic.world)
    clinic.settings.DFNS_STELLAR_WALLET_ID = ""
    made = clinic.world.control.do_stellar_wallet(f"poor {xlm}", xlm)
    facts = clinic.world.net.dfns.stellar_wallet(f"poor {xlm}")
    Wallet.objects.filter(pk=wallet.pk).update(
        account=made["account"],
        custody_wallet_id=made["wallet_id"],
        custody_key_id=made["key_id"],
        public_key=facts["signingKey"]["publicKey"],
    )
    clinic.finds(f"source account {made['account']}", words, "send it XLM for fees", status=status)


# --- contracts --------------------------------------------------------------------------------------------


def test_a_contract_that_is_not_there(clinic: Clinic) -> None:
    contract = owned(clinic.world, address="CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD2KM")
    clinic.finds(investment(contract), "there is no contract", "check STELLAR_NETWORK")


def test_a_contract_of_another_owner(clinic: Clinic) -> None:
    other = clinic.world.control.do_stellar_wallet("other")["account"]
    address = clinic.world.control.do_create_investment(owner=other)["contract"]
    contract = owned(clinic.world, address=address)
    clinic.finds(investment(contract), f"is {other}, not the wallet", "manage.py add_contract")


def test_a_contract_whose_state_ends_soon(clinic: Clinic) -> None:
    contract = owned(clinic.world)
    clinic.world.control.do_archive(contract.address, ledgers=3 * DAY_LEDGERS + 100)
    clinic.finds(
        investment(contract),
        "the network archives its state in 3 days",
        f"manage.py extend_ttl {contract.address}",
        status="warning",
    )


def test_a_contract_whose_state_is_archived(clinic: Clinic) -> None:
    contract = owned(clinic.world)
    clinic.world.control.do_archive(contract.address)
    clinic.finds(investment(contract), "its state is archived", f"manage.py extend_ttl {contract.address}")


# --- their checks -----------------------------------------------------------------------------------------


def test_a_reserve_that_was_not_asked_about_for_long(clinic: Clinic) -> None:
    contract = owned(clinic.world, checked_at=clock.now() - timedelta(minutes=16))
    clinic.finds(reserve(contract), "stale", "see that beat and a worker")


def test_a_contract_that_was_never_checked(clinic: Clinic) -> None:
    contract = owned(clinic.world, checked_at=None)
    assert clinic.look().named(reserve(contract))[0]["words"] == "added just now, and not checked yet"
    Contract.objects.filter(pk=contract.pk).update(created_at=clock.now() - timedelta(minutes=16))
    clinic.finds(reserve(contract), "was never checked", "see that beat and a worker")


def test_a_check_that_failed(clinic: Clinic) -> None:
    contract = owned(clinic.world)
    clinic.world.control.do_set_reserve_answer(contract.address, -1)
    checked(contract)
    clinic.world.control.do_set_reserve_answer(contract.address)
    clinic.finds(reserve(contract), "NEGATIVE", "docs/troubleshooting.md")


def test_a_contract_that_is_blocked_is_a_warning_because_the_installation_works(clinic: Clinic) -> None:
    contract = owned(clinic.world)
    clinic.world.control.do_set_reserve_answer(contract.address, 5)
    checked(contract)
    clinic.finds(reserve(contract), "requires adding 0.0000005 USDC", "docs/reserves.md", status="warning")


# --- a tried signature ------------------------------------------------------------------------------------


def test_custody_signs_an_envelope_that_no_node_takes(clinic: Clinic) -> None:
    contract = owned(clinic.world)
    ContractTransaction.objects.all().delete()
    report = clinic.look("--sign-test")
    assert report.wrong() == []
    (line,) = report.named(f"sign test {contract.wallet.account}")
    assert line["words"].startswith("signed with ED25519 in ")
    assert line["words"].endswith("expired an hour ago, NOT sent")
    assert not ContractTransaction.objects.exists()
    tried = [one for one in clinic.world.net.dfns.signatures() if one.get("externalId", "").startswith(MEMO)]
    assert "Transaction" in [one["requestBody"]["kind"] for one in tried]


def test_no_node_would_take_it(clinic: Clinic) -> None:
    account = stellar_wallet(clinic.world).account
    ended_at = clock.now_ns() // clock.NANOSECONDS - 3600
    raw = expired_envelope(account, number=clock.now_ns(), ended_at=ended_at)
    with pytest.raises(Refused, match="txTOO_LATE"):
        soroban.broadcast(raw)
