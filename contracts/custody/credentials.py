"""Looks at the service account's key before it is used, and says what is wrong without quoting it."""

import re
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_WHOLE = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----\s.*\s-----END \1-----", re.DOTALL)
_ENCRYPTED = "Proc-Type: 4,ENCRYPTED"


class UnusableKey(ValueError):
    """The text is `what is wrong; the fix`."""


def kind_of_key(text: str) -> str:
    """In words, as in `ECDSA secp256r1`, of a PEM, one with literal backslash-n, or its path. Raises UnusableKey."""
    pem = _pem(text)
    label = _LABEL.search(pem)
    if label is None:
        raise UnusableKey("it holds no PEM text; give the private key that openssl wrote, or its path")
    if not label[1].endswith("PRIVATE KEY"):
        raise UnusableKey(f"it is a {label[1].lower()}; give the private key that belongs to it")
    if label[1].startswith("ENCRYPTED") or _ENCRYPTED in pem:
        raise UnusableKey(
            "it is encrypted with a passphrase; write it without: openssl pkey -in key.pem -out plain.pem"
        )
    if not _WHOLE.search(pem):
        raise UnusableKey(
            "it is cut off or has lost its line breaks; keep them, or write each as \\n on one line"
        )
    return _kind(pem)


def _pem(text: str) -> str:
    if "-----BEGIN" in text:
        return text.replace("\\n", "\n")
    try:
        return Path(text).read_text()
    except (OSError, ValueError):
        raise UnusableKey(
            "it names no file that this process can read; correct the path or its rights"
        ) from None


def _kind(pem: str) -> str:
    """Raised outside of the handler, because the library's error and its frames could quote the key."""
    key = _loaded(pem)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "Ed25519"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"ECDSA {key.curve.name}"
    if isinstance(key, rsa.RSAPrivateKey):
        return f"RSA {key.key_size}"
    if key is None:
        raise UnusableKey("its content is damaged; copy it again, whole")
    raise UnusableKey("its kind cannot sign for custody; make an Ed25519, ECDSA or RSA key")


def _loaded(pem: str) -> object | None:
    try:
        return load_pem_private_key(pem.strip().encode() + b"\n", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
