"""The DFNS custodian with the real SDK against the devnet's DFNS."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from eth_utils.crypto import keccak
from hiero_sdk_python import AccountId, PublicKey, TransactionId, TransferTransaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.custody.base import SECP256K1_ORDER, verify
from contracts.gateways.errors import Conflict, Refused
from tests.devnet.custody_office import SCHEMES, Office, office


@pytest.fixture(params=SCHEMES)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path, request.param) as opened:
        yield opened


@pytest.fixture
def secp(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path, "SECP256K1") as opened:
        yield opened


def test_a_signature_verifies_with_the_key_read_from_the_wallet(desk: Office) -> None:
    answer = desk.sign(b"exactly these bytes")
    assert answer.status == "SIGNED"
    assert answer.signature is not None
    assert verify(desk.wallet.scheme, desk.wallet.public_key, b"exactly these bytes", answer.signature)
    assert not verify(desk.wallet.scheme, desk.wallet.public_key, b"exactly those bytes", answer.signature)


def test_what_was_asked_to_be_signed_is_in_the_answer(desk: Office) -> None:
    answer = desk.sign(b"body")
    assert answer.payload == (b"body" if desk.wallet.scheme == "ED25519" else keccak(b"body"))
    assert answer.is_for(desk.wallet.scheme, b"body")
    assert not answer.is_for(desk.wallet.scheme, b"another body")


def test_the_bytes_of_the_hedera_sdk_are_signed_so_that_the_sdk_verifies_them(desk: Office) -> None:
    public = bytes.fromhex(desk.wallet.public_key)
    is_ed25519 = desk.wallet.scheme == "ED25519"
    with pytest.warns(UserWarning) if is_ed25519 else nullcontext():
        key = PublicKey.from_bytes_ed25519(public) if is_ed25519 else PublicKey.from_bytes_ecdsa(public)
    payer = AccountId.from_string("0.0.1001")
    transfer = TransferTransaction().add_hbar_transfer(payer, -1).add_hbar_transfer(AccountId(0, 0, 98), 1)
    transfer.set_transaction_id(TransactionId.generate(payer)).set_node_account_ids([AccountId(0, 0, 3)])
    transfer.freeze()
    body = transfer.build_transaction_body().SerializeToString()
    signature = desk.sign(body).signature
    assert signature is not None
    key.verify(signature, body)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=st.binary(min_size=1, max_size=200))
def test_s_is_always_low_although_custody_answers_high_ones_too(secp: Office, body: bytes) -> None:
    signature = secp.sign(body, external_id=f"batch:{body.hex()[:100]}:{len(body)}").signature
    assert signature is not None
    assert int.from_bytes(signature[32:], "big") <= SECP256K1_ORDER // 2
    assert verify("SECP256K1", secp.wallet.public_key, body, signature)


def test_custody_really_answers_high_s_at_times(secp: Office) -> None:
    for number in range(24):
        secp.sign(b"%d" % number, external_id=f"batch:{number}")
    raw = [document["signature"]["s"] for document in secp.server.signatures()]
    assert any(int(s, 16) > SECP256K1_ORDER // 2 for s in raw)


def test_the_same_external_id_and_body_give_the_first_signature_again(desk: Office) -> None:
    first = desk.sign(b"body", external_id="batch:1")
    assert desk.sign(b"body", external_id="batch:1") == first


def test_the_same_external_id_with_another_body_is_a_conflict_that_names_the_first(desk: Office) -> None:
    first = desk.sign(b"body", external_id="batch:1")
    with pytest.raises(Conflict) as caught:
        desk.sign(b"another body", external_id="batch:1")
    assert caught.value.duplicate_id == first.reference
    assert not desk.fetch(first.reference).is_for(desk.wallet.scheme, b"another body")


def test_a_pending_approval_is_polled_until_it_is_signed(desk: Office) -> None:
    desk.faults.set("custody.approval", {"mode": "pending"})
    answer = desk.sign(b"body")
    assert (answer.status, answer.signature) == ("PENDING", None)
    assert answer.reason.startswith("approval ap-")
    assert desk.fetch(answer.reference) == answer
    assert desk.server.approve() == [answer.reference]
    signed = desk.fetch(answer.reference)
    assert signed.status == "SIGNED"
    assert signed.signature is not None
    assert verify(desk.wallet.scheme, desk.wallet.public_key, b"body", signed.signature)


def test_asking_again_while_an_approval_is_pending_gives_the_same_request(desk: Office) -> None:
    desk.faults.set("custody.approval", {"mode": "pending"}, count=1)
    assert desk.sign(b"body") == desk.sign(b"body")
    assert len(desk.server.pending()) == 1


def test_a_rejection_says_why(desk: Office) -> None:
    desk.faults.set("custody.approval", {"mode": "pending"})
    answer = desk.sign(b"body")
    desk.server.reject(answer.reference, reason="not this month")
    rejected = desk.fetch(answer.reference)
    assert (rejected.status, rejected.reason, rejected.signature) == ("REJECTED", "not this month", None)
    assert desk.server.approve() == []


def test_the_wallet_is_described_as_custody_has_it(desk: Office) -> None:
    assert desk.wallet.account is None
    desk.server.set_address(desk.env["DFNS_WALLET_ID"], "0.0.1001")
    desk.server.set_status(desk.env["DFNS_WALLET_ID"], "Inactive")
    facts = desk.custodian.describe(desk.env["DFNS_WALLET_ID"])
    assert facts.account == "0.0.1001"
    assert facts.public_key == desk.env["DFNS_WALLET_PUBLIC_KEY"]
    assert (facts.network, facts.is_active) == ("HederaTestnet", False)


def test_a_stellar_wallet_has_its_own_form_of_account(secp: Office) -> None:
    wallet = secp.server.add_wallet("reserve", network="StellarTestnet", scheme="ED25519")
    facts = secp.custodian.describe(wallet["id"])
    assert facts.scheme == "ED25519"
    assert facts.account == wallet["address"]
    assert facts.account is not None and facts.account.startswith("G")


@pytest.mark.parametrize("credential", ["ED25519", "P256", "SECP256K1", "RSA"])
def test_every_kind_of_service_account_key_signs_user_actions(tmp_path: Path, credential: str) -> None:
    with office(tmp_path, credential=credential) as desk:
        assert desk.sign().status == "SIGNED"


def test_a_signature_costs_the_requests_the_budget_counts(desk: Office) -> None:
    desk.sign()
    assert len(desk.server.requests()) == desk.custodian.requests_per_signature


@pytest.mark.parametrize("wallet", ["", "../keys", "wa-4kq2x-9tz0c/../x", "key-4kq2x-9tz0c-8m3v5b7n1p6d2f4h"])
def test_an_id_that_is_none_is_refused_before_anything_is_sent(secp: Office, wallet: str) -> None:
    with pytest.raises(Refused, match="is not a DFNS id"):
        secp.custodian.describe(wallet)
    assert secp.server.requests() == []


@pytest.mark.parametrize("external_id", ["", "Überweisung", "batch 1", "x" * 129])
def test_an_external_id_outside_ascii_is_refused_before_anything_is_sent(
    secp: Office, external_id: str
) -> None:
    with pytest.raises(Refused, match="ASCII"):
        secp.sign(external_id=external_id)
    assert secp.server.requests() == []


def test_an_unknown_wallet_is_refused(secp: Office) -> None:
    with pytest.raises(Refused, match="does not exist") as caught:
        secp.custodian.describe("wa-00000-00000-0000000000000000")
    assert caught.value.status == 404
