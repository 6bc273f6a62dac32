"""Wallets, keys and signatures of the local DFNS, as the SDK sees them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dfns_sdk import DfnsClient, DfnsClientConfig, DfnsError, KeySigner
from eth_utils.crypto import keccak
from hiero_sdk_python import AccountId, PublicKey, Transaction, TransactionId, TransferTransaction
from hiero_sdk_python.hapi.sdk.transaction_list_pb2 import TransactionList
from hiero_sdk_python.hapi.services.transaction_contents_pb2 import SignedTransaction
from stellar_sdk import Account, Asset, Keypair, Network, TransactionBuilder, TransactionEnvelope

from contracts.custody.base import verify
from tests.devnet.custody_office import SCHEMES, Office, office

DIGEST = "0x" + "11" * 32


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


@pytest.fixture
def client(desk: Office) -> Iterator[DfnsClient]:
    with _client(desk) as opened:
        yield opened


def _client(desk: Office) -> DfnsClient:
    signer = KeySigner(
        desk.env["DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID"],
        desk.env["DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH"],
        desk.env["DFNS_APP_ORIGIN"],
    )
    token = desk.env["DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN"]
    return DfnsClient(DfnsClientConfig(token, base_url=desk.server.url, signer=signer))


def _raw(answer: Any) -> bytes:
    return bytes.fromhex(answer["signature"]["encoded"][2:])


def test_wallets_are_created_listed_and_read(client: DfnsClient) -> None:
    made = client.wallets.create_wallet({"network": "StellarTestnet", "name": "reserve"})
    assert client.wallets.get_wallet(made["id"]) == made
    assert made["signingKey"]["scheme"] == "EdDSA"
    assert (
        made["address"]
        == Keypair.from_raw_ed25519_public_key(bytes.fromhex(made["signingKey"]["publicKey"])).public_key
    )
    assert made in client.wallets.list_wallets()["items"]


def test_lists_are_paged(desk: Office, client: DfnsClient) -> None:
    for number in range(4):
        desk.server.add_wallet(f"wallet-{number}")
    names, token = [], None
    while True:
        page = client.wallets.list_wallets({"limit": 2, "paginationToken": token})
        names += [wallet["name"] for wallet in page["items"]]
        token = page.get("nextPageToken")
        if token is None:
            break
    assert names == ["paydate", "wallet-0", "wallet-1", "wallet-2", "wallet-3"]


def test_a_key_never_shows_its_private_part(desk: Office, client: DfnsClient) -> None:
    key = client.keys.get_key(desk.wallet.custody_key_id)
    assert (key["scheme"], key["curve"], key["publicKey"]) == ("ECDSA", "secp256k1", desk.wallet.public_key)
    assert "private" not in str(key).lower()


def test_a_new_secp256k1_wallet_has_the_evm_alias_of_its_key(desk: Office, client: DfnsClient) -> None:
    alias = PublicKey.from_bytes_ecdsa(bytes.fromhex(desk.wallet.public_key)).to_evm_address().to_string()
    address = client.wallets.get_wallet(desk.env["DFNS_WALLET_ID"])["address"]
    assert address.removeprefix("0x") == alias.removeprefix("0x")


@pytest.mark.parametrize(
    "asked",
    [{"name": "reserve"}, {"network": "Bitcoin"}, {"network": "Stellar", "signingKey": {"scheme": "ECDSA"}}],
)
def test_a_wallet_that_cannot_be_is_refused(client: DfnsClient, asked: dict[str, Any]) -> None:
    with pytest.raises(DfnsError) as caught:
        client.wallets.create_wallet(asked)
    assert caught.value.status_code == 400


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "Hash", "hash": "0x11"},
        {"kind": "Hash"},
        {"kind": "Message", "message": "0x11"},
        {"kind": "Eip712"},
        {"kind": "Transaction", "transaction": "0x11", "network": "HederaTestnet"},
        {"kind": "Transaction", "transaction": "0x11"},
    ],
)
def test_what_cannot_be_signed_is_refused(desk: Office, client: DfnsClient, asked: dict[str, Any]) -> None:
    with pytest.raises(DfnsError) as caught:
        client.keys.generate_signature(desk.wallet.custody_key_id, asked)
    assert caught.value.status_code == 400
    assert desk.server.signatures() == []


def test_a_body_outside_ascii_never_matches_what_was_signed(desk: Office, client: DfnsClient) -> None:
    asked = {"kind": "Hash", "hash": DIGEST, "externalId": "Überweisung"}
    with pytest.raises(DfnsError, match="another payload"):
        client.keys.generate_signature(desk.wallet.custody_key_id, asked)


def test_a_conflict_names_the_duplicate(desk: Office, client: DfnsClient) -> None:
    asked = {"kind": "Hash", "hash": DIGEST, "externalId": "batch:1"}
    first = client.keys.generate_signature(desk.wallet.custody_key_id, asked)
    other_key = desk.server.add_wallet("other")["signingKey"]["id"]
    with pytest.raises(DfnsError) as caught:
        client.keys.generate_signature(other_key, asked)
    assert caught.value.status_code == 409
    assert caught.value.details == {"duplicate": {"id": first["id"], "externalId": "batch:1"}}


def test_without_an_external_id_every_request_is_a_new_one(desk: Office, client: DfnsClient) -> None:
    key = desk.wallet.custody_key_id
    made = [client.keys.generate_signature(key, {"kind": "Hash", "hash": DIGEST})["id"] for _ in range(2)]
    assert [item["id"] for item in client.keys.list_signatures(key)["items"]] == made
    assert len(set(made)) == 2


def test_a_signature_is_found_under_its_own_key_only(desk: Office, client: DfnsClient) -> None:
    made = client.keys.generate_signature(desk.wallet.custody_key_id, {"kind": "Hash", "hash": DIGEST})
    other_key = desk.server.add_wallet("other")["signingKey"]["id"]
    with pytest.raises(DfnsError) as caught:
        client.keys.get_signature(other_key, made["id"])
    assert caught.value.status_code == 404


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_hedera_transaction_comes_back_signed(tmp_path: Path, scheme: str) -> None:
    payer = AccountId.from_string("0.0.1001")
    transfer = TransferTransaction().add_hbar_transfer(payer, -1).add_hbar_transfer(AccountId(0, 0, 98), 1)
    transfer.set_transaction_id(TransactionId.generate(payer)).set_node_account_ids([AccountId(0, 0, 3)])
    transfer.freeze()
    asked = {
        "kind": "Transaction",
        "network": "HederaTestnet",
        "transaction": f"0x{transfer.to_bytes().hex()}",
    }
    with office(tmp_path, scheme) as desk, _client(desk) as client:
        answer = client.keys.generate_signature(desk.wallet.custody_key_id, asked)
    data = bytes.fromhex(answer["signedData"][2:])
    signed = SignedTransaction.FromString(
        TransactionList.FromString(data).transaction_list[0].signedTransactionBytes
    )
    pair = signed.sigMap.sigPair[0]
    assert _raw(answer) == (pair.ed25519 or pair.ECDSA_secp256k1)
    assert Transaction.from_bytes(data).transaction_id == transfer.transaction_id
    if scheme == "ED25519":
        assert verify(scheme, desk.wallet.public_key, signed.bodyBytes, _raw(answer))


def test_a_stellar_transaction_comes_back_signed(desk: Office, client: DfnsClient) -> None:
    wallet = desk.server.add_wallet("reserve", network="StellarTestnet", scheme="ED25519")
    passphrase = Network.TESTNET_NETWORK_PASSPHRASE
    builder = TransactionBuilder(Account(wallet["address"], 1), network_passphrase=passphrase)
    envelope = builder.append_payment_op(wallet["address"], Asset.native(), "1").set_timeout(30).build()
    asked = {
        "kind": "Transaction",
        "network": "StellarTestnet",
        "transaction": f"0x{envelope.to_xdr_object().to_xdr_bytes().hex()}",
    }
    answer = client.keys.generate_signature(wallet["signingKey"]["id"], asked)
    Keypair.from_public_key(wallet["address"]).verify(envelope.hash(), _raw(answer))
    signed = TransactionEnvelope.from_xdr_object(
        type(envelope.to_xdr_object()).from_xdr_bytes(bytes.fromhex(answer["signedData"][2:])), passphrase
    )
    assert signed.signatures[0].signature == _raw(answer)


def test_requests_are_counted_with_their_external_id(desk: Office) -> None:
    desk.sign(b"body", external_id="batch:1")
    path = f"/keys/{desk.wallet.custody_key_id}/signatures"
    assert desk.server.requests()[-1] == {"method": "POST", "path": path, "external_id": "batch:1"}
    assert desk.server.request_counts() == {
        "POST /auth/action/init": 1,
        "POST /auth/action": 1,
        f"POST {path}": 1,
    }
    assert desk.signatures_asked() == 1


def test_an_unknown_address_is_answered_in_the_envelope(client: DfnsClient) -> None:
    with pytest.raises(DfnsError, match="Not found: GET /vaults"):
        client.vaults.list_vaults()


def test_a_hash_is_signed_as_it_is(desk: Office, client: DfnsClient) -> None:
    digest = keccak(b"body")
    answer = client.keys.generate_signature(
        desk.wallet.custody_key_id, {"kind": "Hash", "hash": f"0x{digest.hex()}"}
    )
    assert answer["signature"]["encoded"] == answer["signature"]["r"] + answer["signature"]["s"][2:]
    PublicKey.from_bytes_ecdsa(bytes.fromhex(desk.wallet.public_key)).verify(_raw(answer), b"body")
