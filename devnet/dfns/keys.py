"""Keys of the local DFNS. They are made at run time, sign for real, and are worth nothing."""

import secrets
import string
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

CURVES = {"EdDSA": "ed25519", "ECDSA": "secp256k1"}
PRIVATE = "privateKey"

SigningKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
CredentialKey = SigningKey | rsa.RSAPrivateKey
CREDENTIAL_KINDS: Mapping[str, Callable[[], CredentialKey]] = {
    "ED25519": ed25519.Ed25519PrivateKey.generate,
    "P256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "SECP256K1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "RSA": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
}


def new_id(kind: str) -> str:
    """An id of DFNS's form, for instance `wa-4kq2x-9tz0c-8m3v5b7n1p6d2f4h`."""
    alphabet = string.ascii_lowercase + string.digits
    parts = ("".join(secrets.choice(alphabet) for _ in range(length)) for length in (5, 5, 16))
    return "-".join((kind, *parts))


def new_key(scheme: str, *, created: str) -> dict[str, Any]:
    """A key document; `publicKey` is 32 bytes for EdDSA and 33, compressed, for ECDSA, in hex."""
    is_eddsa = scheme == "EdDSA"
    private = ed25519.Ed25519PrivateKey.generate() if is_eddsa else ec.generate_private_key(ec.SECP256K1())
    return {
        "id": new_id("key"),
        "scheme": scheme,
        "curve": CURVES[scheme],
        "publicKey": _public_bytes(private).hex(),
        "status": "Active",
        "custodial": True,
        "dateCreated": created,
        PRIVATE: _pem(private),
    }


def new_credential(kind: str) -> tuple[str, str]:
    """Private and public PEM for a service account; `kind` is one of CREDENTIAL_KINDS."""
    if kind not in CREDENTIAL_KINDS:
        raise ValueError(f"a credential key is one of {', '.join(CREDENTIAL_KINDS)}")
    private = CREDENTIAL_KINDS[kind]()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return _pem(private), public.decode()


def sign_payload(key: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """DFNS's `signature` object: EdDSA over the payload, ECDSA over the payload as a 32-byte digest.

    As with DFNS, s of an ECDSA signature may be high; the optional `recid` is left out.
    """
    private = _private_key(key[PRIVATE])
    if isinstance(private, ed25519.Ed25519PrivateKey):
        signature = private.sign(payload)
        return _parts(signature[:32], signature[32:])
    if isinstance(private, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(private.sign(payload, ec.ECDSA(Prehashed(hashes.SHA256()))))
        return _parts(r.to_bytes(32, "big"), s.to_bytes(32, "big"))
    raise TypeError(f"no key of this API signs as {type(private).__name__}")


def ed25519_seed(key: dict[str, Any]) -> bytes | None:
    """The 32 bytes of a key document's private part; None for a key of another curve."""
    private = _private_key(key[PRIVATE])
    return private.private_bytes_raw() if isinstance(private, ed25519.Ed25519PrivateKey) else None


def verify_credential(public_pem: str, message: bytes, signature: bytes) -> bool:
    """A service account's signature, as DFNS's own signers make it: Ed25519, ECDSA with SHA-256, or RSA."""
    public = _public_key(public_pem)
    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, message)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=64)
def _private_key(pem: str) -> PrivateKeyTypes:
    return load_pem_private_key(pem.encode(), password=None)


@lru_cache(maxsize=64)
def _public_key(pem: str) -> PublicKeyTypes:
    return load_pem_public_key(pem.encode())


def _parts(r: bytes, s: bytes) -> dict[str, Any]:
    return {"r": f"0x{r.hex()}", "s": f"0x{s.hex()}", "encoded": f"0x{r.hex()}{s.hex()}"}


def _pem(private: CredentialKey) -> str:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public_bytes(private: SigningKey) -> bytes:
    public = private.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return public.public_bytes_raw()
    return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
