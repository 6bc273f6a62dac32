"""What the doctor finds out about custody, and that a tried signature is good for nothing."""

import base64
import json
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.conf import settings as django_settings

from config.doctor.signing import MEMO, expired_body, external_id
from contracts.custody.base import custodian
from contracts.custody.credentials import UnusableKey, kind_of_key
from contracts.gateways import hedera
from contracts.gateways.errors import Refused
from contracts.models import Contract, ContractTransaction, Wallet
from contracts.services.wallets import stop_wallet
from tests.config.doctored import Clinic

TOKEN = "DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN"
CREDENTIAL = "DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID"
KEY = "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH"
P256 = ec.generate_private_key(ec.SECP256R1())


def pem(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | x25519.X25519PrivateKey,
) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def sec1(password: bytes = b"") -> str:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return P256.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, lock).decode()


def locked() -> str:
    return P256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()


def public() -> str:
    return P256.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def account(clinic: Clinic) -> str:
    return str(clinic.setting.asset.payout_contract.wallet.account)


# --- the key of the service account -----------------------------------------------------------------------

GOOD_KEYS = [
    (pem(P256), "ECDSA secp256r1"),
    (sec1(), "ECDSA secp256r1"),
    (pem(ec.generate_private_key(ec.SECP256K1())), "ECDSA secp256k1"),
    (pem(ed25519.Ed25519PrivateKey.generate()), "Ed25519"),
    (pem(rsa.generate_private_key(65537, 2048)), "RSA 2048"),
]


@pytest.mark.parametrize(("text", "kind"), GOOD_KEYS)
def test_the_kinds_of_keys_that_can_be_used(text: str, kind: str, tmp_path: Path) -> None:
    assert kind_of_key(text) == kind_of_key(text.replace("\n", "\\n")) == kind
    (tmp_path / "key.pem").write_text(text)
    assert kind_of_key(str(tmp_path / "key.pem")) == kind


BAD_KEYS = {
    "encrypted": (locked(), "encrypted with a passphrase", "openssl pkey"),
    "encrypted in the old way": (sec1(b"secret"), "encrypted with a passphrase", "openssl pkey"),
    "the public part": (public(), "it is a public key", "give the private key"),
    "cut off": (pem(P256)[:120], "cut off", "write each as \\n"),
    "without line breaks": (pem(P256).replace("\n", ""), "lost its line breaks", "write each as \\n"),
    "damaged": (pem(P256).replace("\n", "\nAAAA", 1), "damaged", "copy it again"),
    "no file": ("/nowhere/key.pem", "names no file", "correct the path"),
    "of a kind that cannot sign": (
        pem(x25519.X25519PrivateKey.generate()),
        "cannot sign",
        "Ed25519, ECDSA or RSA",
    ),
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_an_unusable_key_is_described_and_never_quoted(clinic: Clinic, case: str) -> None:
    text, words, fix = BAD_KEYS[case]
    setattr(clinic.settings, KEY, text)
    report = clinic.finds("credential key", words, fix)
    assert report.status("custody") == report.status("custody of") == "skipped"
    lines = [line for line in text.splitlines() if len(line) > 30]
    assert not any(line in report.text for line in lines)


def test_a_file_without_a_key(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("to be done")
    with pytest.raises(UnusableKey, match="holds no PEM text; give the private key"):
        kind_of_key(str(tmp_path / "key.pem"))


# --- what custody says ------------------------------------------------------------------------------------


def test_a_token_that_custody_does_not_know(clinic: Clinic) -> None:
    setattr(clinic.settings, TOKEN, "planted-wrong-token-0123456789")
    report = clinic.finds("custody", "status=401", f"correct {TOKEN}")
    assert "planted" not in report.text
    assert report.status("account " + account(clinic)) == "ok"


def jwt(*, ends_in: int) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": int(time.time()) + ends_in}).encode()).decode()
    return f"e30.{claims.rstrip('=')}.c2ln"


def test_a_token_that_has_ended(clinic: Clinic) -> None:
    setattr(clinic.settings, TOKEN, jwt(ends_in=-3 * 86_400 + 60))
    report = clinic.finds("custody token", "ended 2 days ago", "make a new token")
    assert report.status("custody") == "skipped"


def test_a_token_that_ends_soon(clinic: Clinic) -> None:
    setattr(clinic.settings, TOKEN, jwt(ends_in=5 * 86_400 + 60))
    report = clinic.look()
    (line,) = report.named("custody token")
    assert (line["status"], line["words"]) == ("warning", "it ends in 5 days")
    assert "renew it" in line["fix"]


def test_a_custody_that_does_not_answer(clinic: Clinic) -> None:
    clinic.settings.DFNS_BASE_URL = "http://127.0.0.1:1"
    clinic.finds("custody", "does not answer", "DFNS_BASE_URL")


def test_a_missing_secret(clinic: Clinic) -> None:
    setattr(clinic.settings, CREDENTIAL, "")
    clinic.finds("custody secrets", f"missing: {CREDENTIAL}", ".env.signer")


def test_without_the_secrets_it_says_where_to_run_it(clinic: Clinic) -> None:
    for name in (TOKEN, CREDENTIAL, KEY):
        setattr(clinic.settings, name, "")
    report = clinic.look("--sign-test")
    assert report.code == 0
    assert report.wrong() == []
    (line,) = report.named("custody secrets")
    assert line["status"] == "skipped"
    assert "PAYDATE_PROCESS=signer manage.py doctor" in line["fix"]
    assert report.status("sign test") == "skipped"


def test_a_wallet_that_custody_has_switched_off(clinic: Clinic) -> None:
    wallet = clinic.setting.asset.payout_contract.wallet
    clinic.world.net.dfns.set_status(wallet.custody_wallet_id, "Inactive")
    try:
        clinic.finds(f"custody of {wallet.account}", "not active", "activate it")
    finally:
        clinic.world.net.dfns.set_status(wallet.custody_wallet_id, "Active")


def test_a_wallet_whose_key_in_custody_is_another(clinic: Clinic) -> None:
    Wallet.objects.update(custody_key_id="key-abcde-abcde-0123456789abcdef")
    clinic.finds(f"custody of {account(clinic)}", "its key id is key-abcde", "register the wallet again")


def test_a_wallet_that_custody_made_for_the_real_network(clinic: Clinic) -> None:
    made = clinic.world.net.dfns.add_wallet("real", network="Hedera")
    key = made["signingKey"]
    Wallet.objects.update(custody_wallet_id=made["id"], custody_key_id=key["id"], public_key=key["publicKey"])
    clinic.settings.DFNS_WALLET_ID = ""
    report = clinic.look()
    (line,) = report.named(f"custody of {account(clinic)}")
    # Its key is not the account's, so the chain complains as well.
    assert line["status"] == "failed"
    assert "custody made this wallet for Hedera, HEDERA_NETWORK is local" in line["words"]


# --- the signature that is tried --------------------------------------------------------------------------


@pytest.mark.parametrize("wallet", ["paydate", "edwards"])
def test_custody_signs_and_nothing_is_sent(clinic: Clinic, wallet: str) -> None:
    if wallet == "edwards":
        clinic.world.asset(holders=1, wallet="edwards", scheme="ED25519")
    report = clinic.look("--sign-test")
    assert report.wrong() == []
    lines = [result for result in report.results if result["name"].startswith("sign test")]
    for line in lines:
        assert "NOT sent" in line["words"]
        assert " ms and verified" in line["words"]
    assert len(lines) == Wallet.objects.count()
    schemes = {str(line["words"]).split()[2] for line in lines}
    assert schemes == {"SECP256K1", "ED25519"} if wallet == "edwards" else {"SECP256K1"}
    assert not ContractTransaction.objects.exists()
    assert clinic.world.records(MEMO) == []


def test_without_being_asked_it_signs_nothing(clinic: Clinic) -> None:
    clinic.world.net.dfns.forget_requests()
    assert not [result for result in clinic.look().results if result["name"].startswith("sign test")]
    assert clinic.world.signatures_asked() == 0


def test_every_tried_signature_is_a_new_one_for_custody(clinic: Clinic) -> None:
    for _ in range(2):
        clinic.look("--sign-test")
    asked = [one.get("externalId", "") for one in clinic.world.net.dfns.signatures()]
    tried = [name for name in asked if name.startswith("pd1-doctor-")]
    assert len(tried) >= 2
    assert len(set(tried)) == len(tried)


def test_no_node_takes_what_was_signed(clinic: Clinic) -> None:
    wallet = clinic.setting.asset.payout_contract.wallet
    body = expired_body(wallet.account)
    answer = custodian("DFNS").sign(
        key_id=wallet.custody_key_id,
        scheme=wallet.key_scheme,
        body=body,
        external_id=external_id(body),
        network=wallet.network,
    )
    signed = hedera.assemble(
        body,
        scheme="SECP256K1",
        public_key=bytes.fromhex(wallet.public_key),
        signature=answer.signature or b"",
    )
    with pytest.raises(Refused, match="TRANSACTION_EXPIRED"):
        hedera.broadcast(signed.raw, node=hedera.nodes()[0])


def test_the_wallet_of_the_settings_is_tried_before_it_is_registered(clinic: Clinic) -> None:
    clinic.setting.asset.delete()
    Contract.objects.all().delete()
    Wallet.objects.all().delete()
    report = clinic.look("--sign-test")
    assert report.wrong() == []
    assert "NOT sent" in report.named(f"sign test {account(clinic)}")[0]["words"]


def test_a_credential_that_custody_does_not_know(clinic: Clinic) -> None:
    """A read does not need the key, so only the tried signature can tell."""
    setattr(clinic.settings, KEY, pem(P256))
    assert clinic.look().wrong() == []
    report = clinic.look("--sign-test")
    (line,) = report.wrong()
    assert line["name"] == f"sign test {account(clinic)}"
    assert "custody refused to sign" in line["words"]
    assert CREDENTIAL in line["fix"]
    assert report.code == 1


def test_a_policy_that_asks_for_approval(clinic: Clinic) -> None:
    clinic.world.fault("custody.approval", mode="pending", match="pd1-doctor")
    report = clinic.look("--sign-test")
    (line,) = report.wrong()
    assert line["status"] == "warning"
    assert "waits for an approval" in line["words"]
    assert "CUSTODY_APPROVAL_LEAD" in line["fix"]


def test_nothing_is_tried_with_a_stopped_wallet(clinic: Clinic) -> None:
    clinic.world.net.dfns.forget_requests()
    stop_wallet(clinic.setting.asset.payout_contract.wallet, "suspicious")
    report = clinic.look("--sign-test")
    assert report.status(f"sign test {account(clinic)}") == "skipped"
    assert clinic.world.signatures_asked() == 0


def test_a_custody_that_is_asked_too_often(clinic: Clinic) -> None:
    clinic.world.fault("custody.error_rate", status=429, retry_after=7, match="pd1-doctor")
    line = clinic.look("--sign-test").named(f"sign test {account(clinic)}")[0]
    assert line["status"] == "skipped"
    assert "asked too often" in line["words"]
    # Now the budget is paused for everybody.
    again = clinic.look("--sign-test").named(f"sign test {account(clinic)}")[0]
    assert "custody budget" in again["words"]


def test_no_secret_is_ever_shown(clinic: Clinic) -> None:
    for name in (TOKEN, CREDENTIAL):
        setattr(clinic.settings, name, f"planted-{name}")
    text = clinic.look("--sign-test").text
    assert "planted" not in text
    assert str(django_settings.SECRET_KEY) not in text
