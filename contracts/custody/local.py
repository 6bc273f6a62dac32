"""A key from a file, for development and test networks only: on the real network keys belong in custody."""

import hashlib
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from contracts.custody.base import (
    ED25519,
    SECP256K1,
    SignatureAnswer,
    WalletFacts,
    is_test_network,
    low_s,
    payload_of,
    request_of,
)
from contracts.gateways.errors import Refused

SETTING = "CUSTODY_LOCAL_KEY_FILE"
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
FORMATS = (
    "an unencrypted PEM, Hedera's DER in hex, or 'ed25519:' or 'secp256k1:' and 32 bytes in hex; "
    "Ed25519 or secp256k1 either way"
)


@dataclass(frozen=True, slots=True)
class LocalConfig:
    key_file: str
    network: str


def from_settings() -> "LocalCustodian":
    """The custodian of the present settings; the same object as long as they stay the same."""
    return _custodian(
        LocalConfig(key_file=settings.CUSTODY_LOCAL_KEY_FILE or "", network=settings.HEDERA_NETWORK)
    )


@lru_cache(maxsize=4)
def _custodian(config: LocalConfig) -> "LocalCustodian":
    return LocalCustodian(config)


class LocalCustodian:
    requests_per_signature = 0

    def __init__(self, config: LocalConfig) -> None:
        """Raises ImproperlyConfigured for a real network, a file everybody can read, and an unusable key."""
        if not is_test_network(config.network):
            raise ImproperlyConfigured(
                f"{SETTING} is for test networks: HEDERA_NETWORK is {config.network}, where keys belong in "
                f"custody. Remove {SETTING} and give the wallet the custodian DFNS."
            )
        self._network = config.network
        self._key = _read_key(config.key_file)
        self.scheme = ED25519 if isinstance(self._key, ed25519.Ed25519PrivateKey) else SECP256K1
        self.public_key = _public_bytes(self._key).hex()
        # Named after the key, so that a wallet registered with one key never signs with another.
        self.key_id = f"local-{hashlib.sha256(bytes.fromhex(self.public_key)).hexdigest()[:16]}"

    def check(self) -> None:
        """The key was read when this was made; there is nobody to ask."""

    def describe(self, wallet_id: str) -> WalletFacts:
        """A file knows no account: `account` is always None."""
        return WalletFacts(wallet_id, self.key_id, self._network, self.scheme, self.public_key, None, True)

    def sign(
        self, *, key_id: str, scheme: str, body: bytes, external_id: str, network: str
    ) -> SignatureAnswer:
        if not is_test_network(network):
            raise Refused(
                f"the local key does not sign for {network}: keys of real networks belong in custody"
            )
        if (key_id, scheme) != (self.key_id, self.scheme):
            raise Refused(f"the local key is {self.key_id} ({self.scheme}), not {key_id} ({scheme})")
        payload, asked = payload_of(scheme, body, network), request_of(scheme, body, network)
        reference = f"local-{hashlib.sha256(payload).hexdigest()[:16]}"
        return SignatureAnswer(reference, "SIGNED", self._signature(payload), payload=asked)

    def fetch(self, *, key_id: str, reference: str) -> SignatureAnswer:
        raise Refused("the local key answers at once and keeps nothing to ask for later")

    def _signature(self, payload: bytes) -> bytes:
        """Deterministic for both schemes: asking again gives the same bytes, as custody's externalId does."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(payload)
        algorithm = ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True)
        return low_s(*decode_dss_signature(self._key.sign(payload, algorithm)))


def _read_key(path: str) -> PrivateKey:
    if not path:
        raise ImproperlyConfigured(
            f"{SETTING} is missing: name the file that holds the local key ({FORMATS})."
        )
    _check_rights(path)
    key = _load_key(path)
    if key is None:
        raise ImproperlyConfigured(f"{SETTING}: {path} holds no key that can be used. Accepted: {FORMATS}.")
    return key


def _load_key(path: str) -> PrivateKey | None:
    """None instead of an error, because an error and its frames could quote the key."""
    try:
        return _parse(Path(path).read_text().strip())
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _check_rights(path: str) -> None:
    try:
        mode = stat.S_IMODE(Path(path).stat().st_mode)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{SETTING}: {path} cannot be read ({error.strerror}); correct the path."
        ) from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ImproperlyConfigured(
            f"{SETTING}: everybody on this machine can read {path}; run: chmod 600 {path}"
        )


def _parse(text: str) -> PrivateKey | None:
    """None for a key of another kind; raises ValueError for what is no key."""
    if "-----BEGIN" in text:
        return _ours(load_pem_private_key(text.replace("\\n", "\n").encode(), password=None))
    scheme, _, digits = text.rpartition(":")
    raw = bytes.fromhex(digits.removeprefix("0x"))
    if scheme == "ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(raw)
    if scheme == "secp256k1" and len(raw) == 32:
        return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256K1())
    # Without a prefix 32 bytes could be either scheme, and the wrong guess would be a stranger's account.
    return _ours(load_der_private_key(raw, password=None)) if not scheme else None


def _ours(key: object) -> PrivateKey | None:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256K1):
        return key
    return None


def _public_bytes(key: PrivateKey) -> bytes:
    public = key.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return public.public_bytes_raw()
    return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
