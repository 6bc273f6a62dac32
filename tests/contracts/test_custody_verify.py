"""Our own check of a signature, before it is stored and sent."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts.custody.base import SECP256K1_ORDER, custodian, is_test_network, low_s, payload_of, verify

KEY = ec.derive_private_key(0xC0FFEE, ec.SECP256K1())
PUBLIC = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def _sign(body: bytes) -> tuple[int, int]:
    return decode_dss_signature(KEY.sign(keccak(body), ec.ECDSA(Prehashed(hashes.SHA256()))))


@given(body=st.binary(max_size=300))
def test_low_s_is_canonical_and_valid(body: bytes) -> None:
    r, s = _sign(body)
    signature = low_s(r, s)
    assert signature == low_s(r, SECP256K1_ORDER - s)
    assert len(signature) == 64
    assert int.from_bytes(signature[32:], "big") <= SECP256K1_ORDER // 2
    assert verify("SECP256K1", PUBLIC, body, signature)


@given(body=st.binary(max_size=300))
def test_a_high_s_is_not_accepted(body: bytes) -> None:
    r, s = _sign(body)
    high = max(s, SECP256K1_ORDER - s)
    assert not verify("SECP256K1", PUBLIC, body, r.to_bytes(32, "big") + high.to_bytes(32, "big"))


@given(body=st.binary(max_size=300), noise=st.binary(min_size=64, max_size=64))
def test_noise_is_no_signature(body: bytes, noise: bytes) -> None:
    assert not verify("SECP256K1", PUBLIC, body, noise)
    assert not verify(
        "ED25519",
        ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw(),
        body,
        noise,
    )


@given(signature=st.binary(max_size=130).filter(lambda value: len(value) != 64))
def test_a_signature_of_another_length_is_none(signature: bytes) -> None:
    assert not verify("SECP256K1", PUBLIC, b"body", signature)


@pytest.mark.parametrize("public_key", ["", "zz", "02" + "00" * 31, b"\x02" + bytes(32), PUBLIC.hex()[:-2]])
def test_a_public_key_that_is_none_verifies_nothing(public_key: str | bytes) -> None:
    assert not verify("SECP256K1", public_key, b"body", low_s(*_sign(b"body")))


def test_the_public_key_may_be_bytes_or_hex() -> None:
    signature = low_s(*_sign(b"body"))
    for public_key in (PUBLIC, PUBLIC.hex(), f"0x{PUBLIC.hex()}"):
        assert verify("SECP256K1", public_key, b"body", signature)


def test_an_unknown_scheme_or_custodian_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="there are ED25519 and SECP256K1"):
        payload_of("RSA", b"body")
    with pytest.raises(ValueError, match="there are DFNS and LOCAL"):
        custodian("PAPER")


@pytest.mark.parametrize("network", ["testnet", "local", "hedera-previewnet", "stellar-testnet"])
def test_test_networks_are_known_by_name(network: str) -> None:
    assert is_test_network(network)


@pytest.mark.parametrize("network", ["mainnet", "hedera-mainnet", "public", "", "Hedera", "testnet-2"])
def test_any_other_network_counts_as_the_real_one(network: str) -> None:
    assert not is_test_network(network)
