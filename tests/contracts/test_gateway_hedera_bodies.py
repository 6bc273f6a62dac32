"""The bytes that custody signs and the bytes that are stored, made by the real SDK."""

import hashlib
import socket
import warnings
from dataclasses import replace
from typing import Any

import pytest
from hiero_sdk_python import PrivateKey
from hiero_sdk_python.hapi.services import transaction_contents_pb2, transaction_pb2
from hypothesis import given
from hypothesis import strategies as st

from contracts.abi import interface
from contracts.gateways import hedera

SPEC = hedera.CallSpec(
    payer="0.0.1002",
    contract="0.0.1001",
    call_data=bytes.fromhex("4e176347") + bytes(32),
    gas=3_000_000,
    max_fee_tinybars=2_000_000_001,
    memo="pd1:main:batch:abc:1",
    valid_start_ns=1_795_166_752_000_000_007,
    valid_seconds=120,
)
KEYS = {"ED25519": PrivateKey.generate_ed25519, "SECP256K1": PrivateKey.generate_ecdsa}


def parsed(body: bytes) -> Any:
    return transaction_pb2.TransactionBody.FromString(body)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a body is built without asking anybody")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("no_network")
def test_a_call_body_says_exactly_what_the_row_says() -> None:
    body = parsed(hedera.build_call(SPEC, node="0.0.4"))
    start = body.transactionID.transactionValidStart
    assert (body.transactionID.accountID.accountNum, start.seconds, start.nanos) == (1002, 1_795_166_752, 7)
    assert body.nodeAccountID.accountNum == 4
    assert body.transactionFee == 2_000_000_001
    assert body.transactionValidDuration.seconds == 120
    assert body.memo == "pd1:main:batch:abc:1"
    assert body.contractCall.contractID.contractNum == 1001
    assert body.contractCall.gas == 3_000_000
    assert body.contractCall.amount == 0
    assert body.contractCall.functionParameters == SPEC.call_data


@given(st.integers(1, 4_000_000_000 * 10**9))
def test_the_start_of_validity_survives_to_the_nanosecond(start_ns: int) -> None:
    body = parsed(hedera.build_call(replace(SPEC, valid_start_ns=start_ns), node="0.0.4"))
    start = body.transactionID.transactionValidStart
    assert start.seconds * 10**9 + start.nanos == start_ns


def test_the_same_row_gives_the_same_bytes_and_another_node_only_another_node() -> None:
    one, again, other = (hedera.build_call(SPEC, node=node) for node in ("0.0.4", "0.0.4", "0.0.5"))
    changed = parsed(one)
    changed.nodeAccountID.accountNum = 5
    assert one == again
    assert one != other
    assert changed == parsed(other)


def test_a_transfer_to_itself_names_the_payer_once() -> None:
    body = parsed(hedera.build_transfer(SPEC.envelope, node="0.0.4"))
    amounts = body.cryptoTransfer.transfers.accountAmounts
    assert [(entry.accountID.accountNum, entry.amount) for entry in amounts] == [(1002, 0)]
    assert body.memo == SPEC.memo


def test_the_transaction_id_is_written_as_the_mirror_writes_it() -> None:
    assert hedera.transaction_id_text("0.0.5", 1_700_000_000_000_000_007) == "0.0.5-1700000000-000000007"
    assert hedera.transaction_id_text("0.0.5", 1_700_000_000_123_456_789) == "0.0.5-1700000000-123456789"


@pytest.mark.parametrize(
    "change",
    [
        {"gas": 0},
        {"gas": 15_000_001},
        {"memo": "x" * 101},
        {"memo": "ä"},
        {"valid_seconds": 14},
        {"valid_seconds": 181},
        {"valid_start_ns": 0},
        {"valid_start_ns": 1.5e18},
        {"max_fee_tinybars": 0},
        {"max_fee_tinybars": 2.0},
        {"payer": "0x" + "11" * 20},
        {"payer": "0.0.5-vfmkw"},
        {"contract": "0.0." + "ab" * 20},
    ],
)
def test_what_the_network_would_not_take_is_not_built(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        hedera.build_call(replace(SPEC, **change), node="0.0.4")


@pytest.mark.parametrize("scheme", KEYS)
def test_signed_bytes_hold_the_stored_body_and_a_signature_that_verifies(scheme: hedera.Scheme) -> None:
    key, body = KEYS[scheme](), hedera.build_call(SPEC, node="0.0.4")
    public = key.public_key()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signed = hedera.assemble(
            body, scheme=scheme, public_key=public.to_bytes_raw(), signature=key.sign(body)
        )
    message = transaction_pb2.Transaction.FromString(signed.raw)
    inner = transaction_contents_pb2.SignedTransaction.FromString(message.signedTransactionBytes)
    pair = inner.sigMap.sigPair[0]
    assert inner.bodyBytes == body
    assert signed.hash == hashlib.sha384(message.signedTransactionBytes).digest()
    assert len(inner.sigMap.sigPair) == 1
    assert pair.pubKeyPrefix == public.to_bytes_raw()
    public.verify(pair.ed25519 if scheme == "ED25519" else pair.ECDSA_secp256k1, body)


def test_an_uncompressed_public_key_gives_the_same_bytes() -> None:
    key, body = PrivateKey.generate_ecdsa(), hedera.build_call(SPEC, node="0.0.4")
    signature = key.sign(body)
    forms = [key.public_key().to_bytes_ecdsa(compressed=compressed) for compressed in (True, False)]
    one, two = (
        hedera.assemble(body, scheme="SECP256K1", public_key=form, signature=signature) for form in forms
    )
    assert one == two


def test_a_signature_of_another_length_is_refused() -> None:
    key, body = PrivateKey.generate_ed25519(), hedera.build_call(SPEC, node="0.0.4")
    with pytest.raises(ValueError, match="64 bytes"):
        hedera.assemble(
            body, scheme="ED25519", public_key=key.public_key().to_bytes_raw(), signature=b"\1" * 65
        )


def test_a_body_with_fields_the_sdk_does_not_know_stays_as_it_is() -> None:
    """The SDK must carry the bytes, not rebuild them: rebuilt bytes would not fit the signature."""
    body = hedera.build_call(SPEC, node="0.0.4") + bytes.fromhex("ba9f0401aa")
    key = PrivateKey.generate_ed25519()
    signed = hedera.assemble(
        body, scheme="ED25519", public_key=key.public_key().to_bytes_raw(), signature=key.sign(body)
    )
    message = transaction_pb2.Transaction.FromString(signed.raw)
    assert (
        transaction_contents_pb2.SignedTransaction.FromString(message.signedTransactionBytes).bodyBytes
        == body
    )


def test_a_hundred_holders_fit_into_one_transaction() -> None:
    holders = ["0x" + f"{number:040x}" for number in range(1, 101)]
    data = interface("lccf", "1.1").encode(
        "executeAmountSnapshotByAddresses", ["0x" + "11" * 20, 1, holders, 10**12]
    )
    key, body = PrivateKey.generate_ecdsa(), hedera.build_call(replace(SPEC, call_data=data), node="0.0.4")
    public = key.public_key().to_bytes_raw()
    signed = hedera.assemble(body, scheme="SECP256K1", public_key=public, signature=key.sign(body))
    assert len(signed.raw) < 6144
