"""What custody signs on Stellar: the hash of an envelope, under the passphrase of its network."""

from stellar_sdk import Network, TransactionEnvelope, xdr

PREFIX = "stellar-"
PASSPHRASES = {
    "stellar-mainnet": Network.PUBLIC_NETWORK_PASSPHRASE,
    "stellar-testnet": Network.TESTNET_NETWORK_PASSPHRASE,
    "stellar-futurenet": Network.FUTURENET_NETWORK_PASSPHRASE,
    "stellar-local": Network.STANDALONE_NETWORK_PASSPHRASE,
}
# As DFNS spells them; it needs the network for its passphrase. The last one is known to the devnet's DFNS only.
DFNS_NETWORKS = {
    "stellar-mainnet": "Stellar",
    "stellar-testnet": "StellarTestnet",
    "stellar-local": "StellarLocal",
}


def envelope_hash(body: bytes, network: str) -> bytes:
    """The 32 bytes that a signature of the envelope ``body`` (XDR) is over. ValueError for what is no envelope."""
    try:
        envelope = xdr.TransactionEnvelope.from_xdr_bytes(body)
        return TransactionEnvelope.from_xdr_object(envelope, PASSPHRASES[network]).hash()
    except Exception as error:  # XDR of another kind fails in every way there is
        raise ValueError(f"these bytes are no envelope of {network}: {error}") from error
