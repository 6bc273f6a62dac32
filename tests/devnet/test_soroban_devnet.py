"""Stellar through the whole devnet: its settings, its control address, and custody's signatures."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dfns_sdk import DfnsClient, DfnsClientConfig, KeySigner
from stellar_sdk import DecoratedSignature, Keypair, SorobanServer, TransactionEnvelope, scval
from stellar_sdk.contract import ContractClient

from contracts.custody.dfns import DfnsCustodian
from devnet.client import DevnetClient, DevnetError
from devnet.runtime import Devnet, settings_for
from devnet.soroban.codec import PASSPHRASE
from tests.devnet.custody_office import config_of
from tests.devnet.stellar_desk import CHECK, WHOLE, returned


@pytest.fixture
def devnet(tmp_path: Path) -> Iterator[Devnet]:
    running = Devnet(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def control(devnet: Devnet) -> DevnetClient:
    return DevnetClient.of(devnet.state_dir)


def unsigned_check(url: str, contract: str, account: str) -> TransactionEnvelope:
    call = ContractClient(contract, url, PASSPHRASE).invoke(
        CHECK, [], source=account, parse_result_xdr_fn=scval.from_int128
    )
    assert call.built_transaction is not None
    return call.built_transaction


def test_the_settings_point_here_also_before_it_runs(tmp_path: Path) -> None:
    written = settings_for(tmp_path)
    running = Devnet(tmp_path)
    running.start()
    try:
        env = running.env()
        assert env == written
        assert env["STELLAR_NETWORK"] == "local"
        with SorobanServer(env["SOROBAN_RPC_URL"]) as rpc:
            assert rpc.get_network().passphrase == PASSPHRASE
    finally:
        running.stop()


def test_custody_signs_a_check_as_a_transaction(devnet: Devnet, control: DevnetClient) -> None:
    wallet = control.stellar_wallet()
    env = devnet.env()
    assert env["DFNS_STELLAR_WALLET_ID"] == wallet["wallet_id"]
    made = control.create_investment()
    assert made["owner"] == wallet["account"]
    control.set_reserve_answer(made["contract"], 2**100)
    envelope = unsigned_check(env["SOROBAN_RPC_URL"], made["contract"], wallet["account"])
    custodian = DfnsCustodian(config_of(env))
    facts = custodian.describe(wallet["wallet_id"])
    answer = custodian.sign(
        key_id=facts.custody_key_id,
        scheme=facts.scheme,
        body=envelope.to_xdr_object().to_xdr_bytes(),
        external_id="check:1",
        network="stellar-local",
    )
    custodian.close()
    assert answer.signature is not None
    settle(control, env["SOROBAN_RPC_URL"], envelope, wallet["account"], answer.signature)


def test_many_contracts_of_one_token_are_made_in_one_ledger(control: DevnetClient) -> None:
    made = control.create_investments(3)
    found = [control.investment(contract) for contract in made["contracts"]]
    assert len(set(made["contracts"])) == 3
    assert {(one["owner"], one["data"]["token"], one["required"]) for one in found} == {
        (made["owner"], made["token"], 0)
    }
    assert len({one["live_until"] for one in found}) == 1


def test_custody_signs_a_whole_transaction_for_the_local_network(
    devnet: Devnet, control: DevnetClient
) -> None:
    wallet, env = control.stellar_wallet(), devnet.env()
    made = control.create_investment()
    control.set_reserve_answer(made["contract"], 2**100)
    envelope = unsigned_check(env["SOROBAN_RPC_URL"], made["contract"], wallet["account"])
    signer = KeySigner(
        env["DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID"],
        env["DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH"],
        env["DFNS_APP_ORIGIN"],
    )
    token = env["DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN"]
    with DfnsClient(DfnsClientConfig(token, base_url=env["DFNS_BASE_URL"], signer=signer)) as client:
        asked = {
            "kind": "Transaction",
            "network": "StellarLocal",
            "transaction": "0x" + envelope.to_xdr_object().to_xdr_bytes().hex(),
        }
        answer = client.keys.generate_signature(wallet["key_id"], asked)
    signature = bytes.fromhex(answer["signature"]["encoded"][2:])
    settle(control, env["SOROBAN_RPC_URL"], envelope, wallet["account"], signature)


def settle(
    control: DevnetClient, url: str, envelope: TransactionEnvelope, account: str, signature: bytes
) -> None:
    """Sends it with this signature and finds the laid down answer in the ledger."""
    key = Keypair.from_public_key(account)
    key.verify(envelope.hash(), signature)
    envelope.signatures.append(DecoratedSignature(key.signature_hint(), signature))
    with SorobanServer(url) as rpc:
        assert rpc.send_transaction(envelope).status.value == "PENDING"
        assert control.stellar_status()["waiting"] == 1
        control.close_ledger()
        assert returned(rpc.get_transaction(envelope.hash_hex())) == 2**100


def test_the_owner_of_the_devnet_moves_a_contract_as_it_pleases(control: DevnetClient) -> None:
    owner = Keypair.random().public_key
    token = control.create_stellar_token(symbol="EURC", decimals=6)
    made = control.create_investment(owner=owner, token=token, i_rate=800, return_months=6)
    assert made["token"] == token
    contract = made["contract"]
    investment = control.invest(contract, 2_000 * WHOLE)
    assert investment["token_id"] == 1
    assert control.top_up_reserve(contract, 5)["reserve_contributions"] == 5
    assert control.set_investment_books(contract, reserve=0)["reserve"] == 0
    control.advance(24 * 86_400)
    info = control.investment(contract)
    assert info["required"] == investment["regular_payment"]
    assert control.stellar_call(contract, CHECK) == info["required"]
    control.set_reserve_answer(contract, -(2**127))
    assert control.stellar_call(contract, CHECK) == -(2**127)
    control.set_reserve_answer(contract, None)
    assert control.investment(contract)["answer"] is None
    control.set_investment_state(contract, 3)
    assert control.investment(contract)["data"]["state"] == 3
    assert control.archive(contract) < control.stellar_status()["ledger"] + 1
    assert control.fund_stellar(owner, 5)["stroops"] == control.stellar_account(owner)["stroops"]
    before = control.stellar_status()["ledger"]
    assert control.close_ledger(3)["ledger"] >= before + 3


def test_what_cannot_be_is_refused_with_its_reason(control: DevnetClient) -> None:
    with pytest.raises(DevnetError, match="return_type"):
        control.create_investment(return_type=9)
    contract = control.create_investment()["contract"]
    with pytest.raises(DevnetError, match="i128"):
        control.set_reserve_answer(contract, 2**127)
    with pytest.raises(DevnetError, match="no book named savings"):
        control.set_investment_books(contract, savings=1)
    with pytest.raises(DevnetError, match="there is no contract"):
        control.investment("CA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUWDA")
    with pytest.raises(DevnetError, match=r"Error\(Contract, #1001\)"):
        control.stellar_call(contract, "unpause", [control.stellar_wallet()["account"]])
    with pytest.raises(DevnetError, match="not an account"):
        control.fund_stellar("0.0.3")


def test_an_investment_of_24_days_ago_is_due_within_the_horizon(control: DevnetClient) -> None:
    made = control.create_investment()
    control.invest(made["contract"], 1_000 * WHOLE, seconds_ago=24 * 86_400)
    books = control.investment(made["contract"])
    assert books["required"] == 871354166 - books["balances"]["reserve"] == 371354166
