"""The key from a file, for development."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ImproperlyConfigured
from hiero_sdk_python import PrivateKey

from contracts.custody.base import SECP256K1_ORDER, verify
from contracts.custody.local import LocalConfig, LocalCustodian
from contracts.gateways.errors import Refused

ED25519_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SECP256K1_KEY = ec.derive_private_key(0xC0FFEE, ec.SECP256K1())
PKCS8, SEC1 = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL


def _pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


FORMS = {
    "ed25519 PKCS8": ("ED25519", _pem(ED25519_KEY, PKCS8)),
    "ed25519 on one line": ("ED25519", _pem(ED25519_KEY, PKCS8).replace("\n", "\\n")),
    "ed25519 hex": ("ED25519", "ed25519:" + bytes(range(32)).hex()),
    "ed25519 of Hedera": ("ED25519", PrivateKey.generate_ed25519().to_string_der()),
    "secp256k1 PKCS8": ("SECP256K1", _pem(SECP256K1_KEY, PKCS8)),
    "secp256k1 SEC1": ("SECP256K1", _pem(SECP256K1_KEY, SEC1)),
    "secp256k1 hex": ("SECP256K1", "secp256k1:0x" + (0xC0FFEE).to_bytes(32, "big").hex()),
    "secp256k1 of Hedera": ("SECP256K1", PrivateKey.generate_ecdsa().to_string_der()),
}
USELESS = {
    "nothing": "",
    "words": "my secret words",
    "32 bytes of an unsaid scheme": bytes(range(32)).hex(),
    "too short": "secp256k1:00ff",
    "zero": "secp256k1:" + bytes(32).hex(),
    "unknown scheme": "rsa:" + bytes(range(32)).hex(),
    "another curve": _pem(ec.generate_private_key(ec.SECP256R1()), PKCS8),
    "a broken PEM": "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----",
}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return _written(tmp_path / "key", FORMS["secp256k1 PKCS8"][1])


def _written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def _local(path: Path | str, network: str = "local") -> LocalCustodian:
    return LocalCustodian(LocalConfig(key_file=str(path), network=network))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_key_signs_and_verifies(tmp_path: Path, form: str) -> None:
    scheme, text = FORMS[form]
    local = _local(_written(tmp_path / "key", text + "\n"))
    facts = local.describe("payer")
    assert (facts.scheme, facts.custody_wallet_id, facts.account) == (scheme, "payer", None)
    answer = local.sign(
        key_id=facts.custody_key_id, scheme=scheme, body=b"body", external_id="b:1", network="hedera-local"
    )
    assert answer.is_for(scheme, b"body")
    assert answer.signature is not None
    assert verify(scheme, facts.public_key, b"body", answer.signature)


@pytest.mark.parametrize("form", USELESS)
def test_what_is_no_key_is_named_and_never_quoted(tmp_path: Path, form: str) -> None:
    path = _written(tmp_path / "key", USELESS[form])
    with pytest.raises(ImproperlyConfigured, match=r"CUSTODY_LOCAL_KEY_FILE.*Accepted: ") as caught:
        _local(path)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_asking_again_gives_the_same_signature(key_file: Path) -> None:
    local = _local(key_file)
    first, again = (
        local.sign(key_id=local.key_id, scheme="SECP256K1", body=b"body", external_id="b:1", network="local")
        for _ in range(2)
    )
    assert first == again


def test_s_is_always_low(key_file: Path) -> None:
    local = _local(key_file)
    for number in range(64):
        answer = local.sign(
            key_id=local.key_id, scheme="SECP256K1", body=b"%d" % number, external_id="b", network="local"
        )
        assert answer.signature is not None
        assert int.from_bytes(answer.signature[32:], "big") <= SECP256K1_ORDER // 2


@pytest.mark.parametrize("network", ["mainnet", "something new"])
def test_the_real_network_is_refused_with_the_way_out(key_file: Path, network: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="custodian DFNS"):
        _local(key_file, network=network)


def test_a_wallet_of_the_real_network_is_not_signed_for(key_file: Path) -> None:
    local = _local(key_file)
    with pytest.raises(Refused, match="hedera-mainnet"):
        local.sign(
            key_id=local.key_id, scheme="SECP256K1", body=b"body", external_id="b", network="hedera-mainnet"
        )


def test_a_wallet_registered_with_another_key_is_not_signed_for(key_file: Path) -> None:
    local = _local(key_file)
    with pytest.raises(Refused, match=local.key_id):
        local.sign(key_id="local-other", scheme="SECP256K1", body=b"b", external_id="b", network="local")
    with pytest.raises(Refused, match="SECP256K1"):
        local.sign(key_id=local.key_id, scheme="ED25519", body=b"b", external_id="b", network="local")


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_a_file_everybody_can_read_is_refused_with_the_fix(tmp_path: Path, mode: int) -> None:
    path = _written(tmp_path / "key", FORMS["ed25519 hex"][1], mode)
    with pytest.raises(ImproperlyConfigured, match=f"chmod 600 {path}"):
        _local(path)


def test_a_missing_file_or_setting_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        _local(tmp_path / "absent")
    with pytest.raises(ImproperlyConfigured, match=r"CUSTODY_LOCAL_KEY_FILE is missing"):
        _local("")


def test_there_is_nothing_to_fetch_later(key_file: Path) -> None:
    with pytest.raises(Refused, match="answers at once"):
        _local(key_file).fetch(key_id="local", reference="local-1")
