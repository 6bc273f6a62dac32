"""A Soroban RPC on loopback: real XDR, a ledger every five seconds, and a model of the investment contract."""
