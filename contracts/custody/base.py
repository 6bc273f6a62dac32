"""What Paydate asks of a custodian, and how it checks the answer itself."""

from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_utils.crypto import keccak

ED25519 = "ED25519"
SECP256K1 = "SECP256K1"
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
TEST_NETWORKS = frozenset({"testnet", "previewnet", "futurenet", "local"})

SignatureStatus = Literal["SIGNED", "PENDING", "REJECTED", "FAILED"]


@dataclass(frozen=True, slots=True)
class WalletFacts:
    """A wallet as custody describes it; `network` in custody's own spelling.

    `public_key` is lower-case hex without prefix: 32 bytes for ED25519, 33 (compressed) for SECP256K1.
    `account` is `0.0.x` or a Stellar `G...` address, None while custody does not know it.
    """

    custody_wallet_id: str
    custody_key_id: str
    network: str
    scheme: str
    public_key: str
    account: str | None
    is_active: bool


@dataclass(frozen=True, slots=True)
class SignatureAnswer:
    """`signature` is 64 bytes r||s, low-S for SECP256K1, and only set when SIGNED.

    `payload` is what custody was asked to sign, None when it does not say so in a form we know.
    """

    reference: str
    status: SignatureStatus
    signature: bytes | None = None
    reason: str = ""
    payload: bytes | None = None

    def is_for(self, scheme: str, body: bytes, network: str = "") -> bool:
        return self.payload is not None and self.payload == request_of(scheme, body, network)


class Custodian(Protocol):
    """Signs exactly the bytes it is given. All methods raise the errors of `contracts.gateways.errors`.

    Asking again with the same body and external id is always safe: it gives the first signature again, and
    nothing is ever broadcast. So both Unavailable and OutcomeUnknown may simply be retried here.
    """

    @property
    def requests_per_signature(self) -> int:
        """What one `sign` costs of the custody budget."""

    def check(self) -> None:
        """Asks for something harmless, to see whether custody answers and knows us."""

    def describe(self, wallet_id: str) -> WalletFacts: ...

    def sign(
        self, *, key_id: str, scheme: str, body: bytes, external_id: str, network: str
    ) -> SignatureAnswer: ...

    def fetch(self, *, key_id: str, reference: str) -> SignatureAnswer: ...


def custodian(name: str) -> Custodian:
    """The custodian of this process by its name in `Wallet.custodian`, built from the settings.

    Raises ImproperlyConfigured with all missing settings named. Changed settings give a new custodian.
    """
    # Imported late: the DFNS SDK is large, and only the signer needs it.
    if name == "DFNS":
        from contracts.custody import dfns

        return dfns.from_settings()
    if name == "LOCAL":
        from contracts.custody import local

        return local.from_settings()
    raise ValueError(f"no custodian is named {name!r}; there are DFNS and LOCAL")


def is_stellar(network: str) -> bool:
    return network.startswith("stellar-")


def request_of(scheme: str, body: bytes, network: str = "") -> bytes:
    """What custody is handed for a body: on Stellar the envelope itself, elsewhere what is signed."""
    return body if is_stellar(network) else payload_of(scheme, body)


def payload_of(scheme: str, body: bytes, network: str = "") -> bytes:
    """What is signed for a body: the body for ED25519, its keccak-256 for SECP256K1, as Hedera wants it; on a
    network of Stellar the envelope's hash. ValueError where scheme and network do not fit, or for what is no envelope.
    """
    if is_stellar(network):
        if scheme != ED25519:
            raise ValueError(f"Stellar accounts sign with {ED25519}, not with {scheme}")
        # Imported late: only the signer needs the SDK here.
        from contracts.custody.stellar import envelope_hash

        return envelope_hash(body, network)
    if scheme == ED25519:
        return body
    if scheme == SECP256K1:
        return keccak(body)
    raise ValueError(f"unknown key scheme {scheme!r}; there are {ED25519} and {SECP256K1}")


def evm_alias(public_key: str) -> str:
    """The EVM address of a SECP256K1 key; a transfer to it makes an account that only this key can use."""
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), _key_bytes(public_key))
    return "0x" + keccak(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:])[-20:].hex()


def low_s(r: int, s: int) -> bytes:
    """r||s of a SECP256K1 signature, with the smaller of the two equally valid s, each 32 bytes."""
    s = min(s, SECP256K1_ORDER - s)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(scheme: str, public_key: str | bytes, body: bytes, signature: bytes, network: str = "") -> bool:
    """Whether `signature` is the key's word on exactly these bytes; high-S and malformed input are False.

    `public_key` as in WalletFacts, or its bytes.
    """
    if len(signature) != 64:
        return False
    check = {ED25519: _verify_ed25519, SECP256K1: _verify_secp256k1}[scheme]
    try:
        check(_key_bytes(public_key), payload_of(scheme, body, network), signature)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_test_network(network: str) -> bool:
    """For names like `testnet` and `hedera-testnet`; an unknown name counts as the real network."""
    return network.rpartition("-")[2] in TEST_NETWORKS


def _key_bytes(public_key: str | bytes) -> bytes:
    return bytes.fromhex(public_key.removeprefix("0x")) if isinstance(public_key, str) else public_key


def _verify_ed25519(public_key: bytes, payload: bytes, signature: bytes) -> None:
    ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, payload)


def _verify_secp256k1(public_key: bytes, digest: bytes, signature: bytes) -> None:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if s > SECP256K1_ORDER // 2:
        raise InvalidSignature
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), public_key)
    # keccak-256 has the length of SHA-256, which is all that Prehashed looks at.
    key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
