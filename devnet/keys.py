"""Public keys as Hedera knows them: verification and the EVM address behind a key."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_utils.crypto import keccak

ED25519, ECDSA = "ED25519", "ECDSA_SECP256K1"
# The digest is keccak256; Prehashed only takes its length from the algorithm named here.
_KECCAK = ec.ECDSA(utils.Prehashed(SHA256()))


def normalise(key_hex: str, key_type: str | None = None) -> tuple[str, str]:
    """(key type, raw key hex: 32 bytes or 33 compressed) from a raw public key; raises ValueError."""
    raw = bytes.fromhex(key_hex.removeprefix("0x"))
    if len(raw) == 32 and key_type in (None, ED25519):
        return ED25519, raw.hex()
    if len(raw) in (33, 65) and key_type in (None, ECDSA):
        return ECDSA, _point(raw).public_bytes(Encoding.X962, PublicFormat.CompressedPoint).hex()
    raise ValueError(f"not an Ed25519 (32 bytes) or secp256k1 (33 or 65 bytes) public key: {key_hex}")


def evm_alias(key_type: str, key_hex: str) -> str | None:
    """The address a secp256k1 key has on an EVM; None for Ed25519 (the account keeps its long-zero form)."""
    if key_type != ECDSA:
        return None
    raw = _point(bytes.fromhex(key_hex)).public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return "0x" + keccak(raw[1:])[-20:].hex()


def is_signed(key_type: str, public_key: bytes, body: bytes, signature: bytes) -> bool:
    try:
        if key_type == ED25519:
            ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, body)
        elif len(signature) != 64:
            return False
        else:
            _point(public_key).verify(_der(signature), keccak(body), _KECCAK)
    except InvalidSignature:
        return False
    return True


def _point(raw: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), raw)


def _der(signature: bytes) -> bytes:
    return utils.encode_dss_signature(
        int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    )
