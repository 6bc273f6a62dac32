"""Wallets and their keys."""

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_utils.crypto import keccak
from stellar_sdk import StrKey

from devnet.dfns.errors import refusal
from devnet.dfns.keys import CURVES, PRIVATE, ed25519_seed, new_id, new_key
from devnet.dfns.store import Document, Store

# The scheme a new wallet gets when none is asked for.
NETWORKS = {
    "Hedera": "ECDSA",
    "HederaTestnet": "ECDSA",
    "Stellar": "EdDSA",
    "StellarTestnet": "EdDSA",
}


class Wallets:
    def __init__(self, store: Store, today: Callable[[], str]) -> None:
        self._store = store
        self._today = today

    def create(self, asked: dict[str, Any]) -> Document:
        """A wallet with a new key; the same externalId gives the first wallet again."""
        external_id = asked.get("externalId")
        known = self._store.by_external_id("wallet", external_id) if external_id else None
        if known is not None:
            return known
        network = asked.get("network")
        if network not in NETWORKS:
            raise refusal(400, f"network must be one of {', '.join(NETWORKS)}")
        scheme = (asked.get("signingKey") or {}).get("scheme") or NETWORKS[network]
        if scheme not in CURVES or (network.startswith("Stellar") and scheme != "EdDSA"):
            raise refusal(400, f"{network} has no keys of scheme {scheme!r}")
        return self._add(asked, network, new_key(scheme, created=self._today()))

    def get(self, wallet_id: str) -> Document:
        return self._found("wallet", wallet_id)

    def key(self, key_id: str) -> Document:
        """The whole key, its private part included."""
        return self._found("key", key_id)

    def seed_of(self, address: str) -> bytes | None:
        """Of the Ed25519 key whose wallet has this address."""
        wallets = self._store.every("wallet")
        wallet = next((one for one in wallets if one["address"] == address), None)
        return ed25519_seed(self.key(wallet["signingKey"]["id"])) if wallet else None

    def public_key(self, key_id: str) -> Document:
        """What GET /keys/{id} answers."""
        return {name: value for name, value in self.key(key_id).items() if name != PRIVATE}

    def page(self, *, limit: int, after: int) -> dict[str, Any]:
        items, more = self._store.page("wallet", limit=limit, after=after)
        return {"items": items} | ({"nextPageToken": str(more)} if more is not None else {})

    def set_address(self, wallet_id: str, address: str) -> None:
        """As when the account of a new Hedera key appears on chain."""
        self._store.put("wallet", self.get(wallet_id) | {"address": address})

    def set_status(self, wallet_id: str, status: str) -> None:
        """`Active`, `Inactive` or `Archived`."""
        self._store.put("wallet", self.get(wallet_id) | {"status": status})

    def _add(self, asked: dict[str, Any], network: str, key: Document) -> Document:
        wallet = {
            "id": new_id("wa"),
            "network": network,
            "address": _first_address(network, key),
            "signingKey": {name: key[name] for name in ("id", "scheme", "curve", "publicKey")},
            "status": "Active",
            "dateCreated": self._today(),
            "custodial": True,
            "tags": [],
        }
        wallet |= {name: asked[name] for name in ("name", "externalId") if asked.get(name)}
        self._store.put("key", key)
        self._store.put("wallet", wallet)
        return wallet

    def _found(self, kind: str, identifier: str) -> Document:
        document = self._store.get(kind, identifier)
        if document is None:
            raise refusal(404, f"The {kind} {identifier} does not exist")
        return document


def _first_address(network: str, key: Document) -> str:
    """Before an account exists: the EVM alias of a secp256k1 key, the key itself for Ed25519."""
    public = bytes.fromhex(key["publicKey"])
    if network.startswith("Stellar"):
        return StrKey.encode_ed25519_public_key(public)
    if key["scheme"] == "EdDSA":
        return f"0x{public.hex()}"
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), public)
    return f"0x{keccak(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:])[-20:].hex()}"
