"""Signature requests of kind Transaction: DFNS takes a chain's own transaction and gives it back signed."""

import base64
from typing import Any

from eth_utils.crypto import keccak
from google.protobuf.message import DecodeError
from hiero_sdk_python.hapi.sdk import transaction_list_pb2
from hiero_sdk_python.hapi.services import basic_types_pb2, transaction_contents_pb2, transaction_pb2
from stellar_sdk import DecoratedSignature, Keypair, Network, TransactionEnvelope
from stellar_sdk.exceptions import SdkError

from devnet.dfns.errors import refusal
from devnet.dfns.keys import sign_payload
from devnet.dfns.store import Document

PASSPHRASES = {
    "Stellar": Network.PUBLIC_NETWORK_PASSPHRASE,
    "StellarTestnet": Network.TESTNET_NETWORK_PASSPHRASE,
    # Not known to DFNS: a signature for a public network would be worth nothing on the devnet's own.
    "StellarLocal": Network.STANDALONE_NETWORK_PASSPHRASE,
}


def sign_transaction(key: Document, request: dict[str, Any]) -> dict[str, Any]:
    """`signature` and `signedData` of the answer. Raises a 400 refusal for what cannot be read."""
    chain = request.get("network") or request.get("blockchainKind") or ""
    try:
        raw = bytes.fromhex(str(request["transaction"]).removeprefix("0x"))
        if chain in PASSPHRASES:
            return _stellar(key, raw, PASSPHRASES[chain])
        if chain.startswith("Hedera"):
            return _hedera(key, raw)
    except (KeyError, ValueError, DecodeError, SdkError) as error:
        raise refusal(400, f"The transaction cannot be read: {error!r}") from None
    raise refusal(400, "A transaction needs a network: Hedera, HederaTestnet, Stellar or StellarTestnet")


def _hedera(key: Document, raw: bytes) -> dict[str, Any]:
    """A list of exactly one transaction: frozen for one node and unsigned."""
    listed = transaction_list_pb2.TransactionList.FromString(raw)
    if len(listed.transaction_list) != 1:
        raise ValueError("it must be frozen for exactly one node")
    signed = transaction_contents_pb2.SignedTransaction.FromString(
        listed.transaction_list[0].signedTransactionBytes
    )
    is_eddsa = key["scheme"] == "EdDSA"
    signature = sign_payload(key, signed.bodyBytes if is_eddsa else keccak(signed.bodyBytes))
    pair = basic_types_pb2.SignaturePair(pubKeyPrefix=bytes.fromhex(key["publicKey"]))
    setattr(pair, "ed25519" if is_eddsa else "ECDSA_secp256k1", bytes.fromhex(signature["encoded"][2:]))
    signed.sigMap.sigPair.append(pair)
    whole = transaction_pb2.Transaction(signedTransactionBytes=signed.SerializeToString())
    data = transaction_list_pb2.TransactionList(transaction_list=[whole]).SerializeToString()
    return {"signature": signature, "signedData": f"0x{data.hex()}"}


def _stellar(key: Document, raw: bytes, passphrase: str) -> dict[str, Any]:
    envelope = TransactionEnvelope.from_xdr(base64.b64encode(raw).decode(), passphrase)
    signature = sign_payload(key, envelope.hash())
    hint = Keypair.from_raw_ed25519_public_key(bytes.fromhex(key["publicKey"])).signature_hint()
    envelope.signatures.append(DecoratedSignature(hint, bytes.fromhex(signature["encoded"][2:])))
    return {"signature": signature, "signedData": f"0x{base64.b64decode(envelope.to_xdr()).hex()}"}
