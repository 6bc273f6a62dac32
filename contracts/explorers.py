"""Where the public can look up what this installation did: HashScan for Hedera, StellarExpert for Stellar."""

_HASHSCAN = {f"hedera-{name}": f"https://hashscan.io/{name}" for name in ("mainnet", "testnet", "previewnet")}
_STELLAR_EXPERT = {
    "stellar-mainnet": "https://stellar.expert/explorer/public",
    "stellar-testnet": "https://stellar.expert/explorer/testnet",
}


def transaction_link(network: str, id_or_hash: str | None) -> str | None:
    """The page of a transaction, by its id on Hedera and its hash on Stellar; None where no public page exists."""
    if not id_or_hash:
        return None
    if network in _HASHSCAN:
        return f"{_HASHSCAN[network]}/transaction/{id_or_hash}"
    return f"{_STELLAR_EXPERT[network]}/tx/{id_or_hash}" if network in _STELLAR_EXPERT else None


def contract_link(network: str, address: str) -> str | None:
    """The page of a contract; None where no public page exists, as for a local network."""
    base = _HASHSCAN.get(network) or _STELLAR_EXPERT.get(network)
    return f"{base}/contract/{address}" if base and address else None
