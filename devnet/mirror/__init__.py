"""The devnet's mirror node: the public REST API over the devnet's own ledger."""
