"""DFNS custody, through its SDK: https://docs.dfns.co

A signature costs three requests: a challenge, its completion with the service account's key, and the call
itself. Only the call has an effect, and its externalId makes a repetition harmless.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dfns_sdk import KeySigner
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from pydantic import SecretStr

from contracts.custody.base import (
    ED25519,
    SECP256K1,
    SignatureAnswer,
    SignatureStatus,
    WalletFacts,
    is_stellar,
    low_s,
    request_of,
)
from contracts.custody.dfns_connection import Access, Connection
from contracts.custody.stellar import DFNS_NETWORKS
from contracts.gateways.errors import Conflict, OutcomeUnknown, Refused

PRIVATE_KEY = "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH"
KEY_FORMATS = (
    "an unencrypted PEM (PKCS#8, SEC1 or PKCS#1; Ed25519, ECDSA or RSA) as text with line breaks, as one "
    "line with \\n for each line break, or as the path of such a file"
)
SCHEMES = {("EdDSA", "ed25519"): ED25519, ("ECDSA", "secp256k1"): SECP256K1}
KINDS = {ED25519: ("Message", "message"), SECP256K1: ("Hash", "hash")}
TRANSACTION = "Transaction"
SCHEME_OF_KIND = {kind: scheme for scheme, (kind, _) in KINDS.items()}
STATUSES: Mapping[str, SignatureStatus] = {
    "Pending": "PENDING",
    "Executing": "PENDING",
    "Signed": "SIGNED",
    "Confirmed": "SIGNED",
    "Rejected": "REJECTED",
    "Failed": "FAILED",
}
# The SDK puts ids into paths unescaped, so an id is checked before it is used. The last part is documented
# with 14 to 16 characters; published examples show 17.
ID = re.compile(r"(wa|key|sig)-[0-9a-z]{5}-[0-9a-z]{5}-[0-9a-z]{14,20}")
# ASCII only: the SDK signs escaped text and sends UTF-8, so other characters never match what was signed.
EXTERNAL_ID = re.compile(r"[0-9A-Za-z._:-]{1,128}")
ACCOUNT = re.compile(r"\d+\.\d+\.\d+|G[A-Z2-7]{55}")


@dataclass(frozen=True, slots=True)
class DfnsConfig:
    """The service account and where to reach DFNS."""

    token: SecretStr
    credential_id: SecretStr
    private_key: SecretStr
    app_origin: str
    base_url: str
    timeout_seconds: float

    def problems(self) -> list[str]:
        """What would stop every signature, each with the setting's name and never with its value."""
        texts = {
            "DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN": self.token.get_secret_value(),
            "DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID": self.credential_id.get_secret_value(),
            PRIVATE_KEY: self.private_key.get_secret_value(),
            "DFNS_APP_ORIGIN": self.app_origin,
            "DFNS_BASE_URL": self.base_url,
        }
        missing = [f"{name} is missing" for name, text in texts.items() if not text]
        foreign = [
            f"{name} has characters outside ASCII; copy it again"
            for name, text in texts.items()
            if not text.isascii()
        ]
        return missing + foreign


def from_settings() -> "DfnsCustodian":
    """The custodian of the present settings; the same object as long as they stay the same."""
    return _custodian(
        DfnsConfig(
            token=_secret(settings.DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN),
            credential_id=_secret(settings.DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID),
            private_key=_secret(settings.DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH),
            app_origin=settings.DFNS_APP_ORIGIN,
            base_url=settings.DFNS_BASE_URL,
            timeout_seconds=float(settings.CUSTODY_TIMEOUT_SECONDS),
        )
    )


@lru_cache(maxsize=4)
def _custodian(config: DfnsConfig) -> "DfnsCustodian":
    return DfnsCustodian(config)


class DfnsCustodian:
    requests_per_signature = 3

    def __init__(self, config: DfnsConfig) -> None:
        """Raises ImproperlyConfigured with everything that is wrong with the settings."""
        if problems := config.problems():
            raise ImproperlyConfigured("DFNS custody cannot be used: " + "; ".join(problems) + ".")
        access = Access(config.token.get_secret_value(), config.base_url, key_signer(config))
        self._connection = Connection(access, timeout=config.timeout_seconds)

    def check(self) -> None:
        """One page of one wallet: the same permission that `describe` needs."""
        self._connection.call(lambda client: client.wallets.list_wallets({"limit": "1"}))

    def describe(self, wallet_id: str) -> WalletFacts:
        _check_id("wa", wallet_id)
        return _wallet(self._connection.call(lambda client: client.wallets.get_wallet(wallet_id)))

    def sign(
        self, *, key_id: str, scheme: str, body: bytes, external_id: str, network: str
    ) -> SignatureAnswer:
        """Signs these bytes once per external id. Raises Conflict when DFNS has the id for other content.

        A transaction of Stellar is signed as one, under its network, whose passphrase goes into what is signed. For
        Hedera no network is passed on: given one, DFNS interprets what it signs; without, it signs as it is.
        """
        _check_id("key", key_id)
        if not EXTERNAL_ID.fullmatch(external_id):
            raise Refused("an externalId is 1 to 128 ASCII letters, digits and . _ : -")
        request = _request(scheme, body, network) | {"externalId": external_id}
        answer = _answer(
            self._connection.call(lambda client: client.keys.generate_signature(key_id, request))
        )
        if not answer.is_for(scheme, body, network):
            raise Conflict("custody answered for another content", duplicate_id=answer.reference, status=200)
        return answer

    def fetch(self, *, key_id: str, reference: str) -> SignatureAnswer:
        _check_id("key", key_id)
        _check_id("sig", reference)
        return _answer(self._connection.call(lambda client: client.keys.get_signature(key_id, reference)))

    def close(self) -> None:
        self._connection.close()


def _request(scheme: str, body: bytes, network: str) -> dict[str, str]:
    raw = "0x" + request_of(scheme, body, network).hex()
    if not is_stellar(network):
        kind, name = KINDS[scheme]
        return {"kind": kind, name: raw}
    if network not in DFNS_NETWORKS:
        raise Refused(f"DFNS has no network for {network}; there are {', '.join(DFNS_NETWORKS)}")
    return {"kind": TRANSACTION, "transaction": raw, "network": DFNS_NETWORKS[network]}


def key_signer(config: DfnsConfig) -> KeySigner:
    """Signs user actions with the service account's key: PEM, PEM with literal backslash-n, or a path."""
    signer = _load_signer(config)
    if signer is None:
        raise ImproperlyConfigured(f"{PRIVATE_KEY} cannot be read as a private key. Accepted: {KEY_FORMATS}.")
    return signer


def _load_signer(config: DfnsConfig) -> KeySigner | None:
    """None instead of an error, because an error and its frames could quote the key."""
    text = config.private_key.get_secret_value()
    try:
        pem = text.replace("\\n", "\n") if "-----BEGIN" in text else Path(text).read_text()
        return KeySigner(
            credential_id=config.credential_id.get_secret_value(),
            private_key=pem.strip() + "\n",
            app_origin=config.app_origin,
        )
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _secret(value: SecretStr | str) -> SecretStr:
    return value if isinstance(value, SecretStr) else SecretStr(value)


def _check_id(kind: str, value: str) -> None:
    match = ID.fullmatch(value)
    if not match or match[1] != kind:
        raise Refused(f"{value[:64]!r} is not a DFNS id of the form {kind}-xxxxx-xxxxx-xxxxxxxxxxxxxxxx")


def _wallet(raw: Mapping[str, Any]) -> WalletFacts:
    try:
        key = raw["signingKey"]
        scheme = SCHEMES.get((key["scheme"], key["curve"]))
        if scheme is None:
            raise Refused(
                f"Paydate signs with Ed25519 or secp256k1, this wallet has {key['scheme']} {key['curve']}"
            )
        address = str(raw.get("address") or "")
        return WalletFacts(
            custody_wallet_id=raw["id"],
            custody_key_id=key["id"],
            network=raw["network"],
            scheme=scheme,
            public_key=_public_key(scheme, key["publicKey"]),
            account=address if ACCOUNT.fullmatch(address) else None,
            is_active=raw["status"] == "Active",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"custody describes the wallet in an unknown form: {error!r}") from error


def _public_key(scheme: str, text: str) -> str:
    key = bytes.fromhex(text.removeprefix("0x"))
    if scheme == ED25519 and len(key) == 32:
        return key.hex()
    if scheme == SECP256K1:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), key)
        return point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint).hex()
    raise ValueError("the public key has a wrong length")


def _answer(raw: Mapping[str, Any]) -> SignatureAnswer:
    """Raises OutcomeUnknown for a form we do not know: DFNS has accepted something, asking again is safe."""
    try:
        status = STATUSES[raw["status"]]
        scheme, payload = _payload(raw.get("requestBody") or {})
        return SignatureAnswer(
            reference=raw["id"],
            status=status,
            signature=_signature(scheme, raw["signature"]) if status == "SIGNED" and scheme else None,
            reason=_reason(raw),
            payload=payload,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise OutcomeUnknown(f"custody answered in an unknown form: {error!r}") from error


def _payload(request: Mapping[str, Any]) -> tuple[str | None, bytes | None]:
    """Scheme and payload of the request DFNS says it answers; none for kinds that are not ours."""
    if request.get("kind") == TRANSACTION and request.get("network") in DFNS_NETWORKS.values():
        return ED25519, bytes.fromhex(request["transaction"].removeprefix("0x"))
    scheme = SCHEME_OF_KIND.get(request.get("kind", ""))
    if scheme is None:
        return None, None
    return scheme, bytes.fromhex(request[KINDS[scheme][1]].removeprefix("0x"))


def _signature(scheme: str, raw: Mapping[str, str]) -> bytes:
    """DFNS may leave out leading zeros of r and s, and does not promise a low s."""
    r, s = int(raw["r"], 16), int(raw["s"], 16)
    return low_s(r, s) if scheme == SECP256K1 else r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _reason(raw: Mapping[str, Any]) -> str:
    if raw.get("reason"):
        return str(raw["reason"])
    approval = raw.get("approvalId")
    return f"approval {approval}" if approval and raw["status"] == "Pending" else ""
