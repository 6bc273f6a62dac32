"""What each holder is owed, computed from the shares on the devnet, beside what he has on chain: no database."""

from typing import Any

from devnet.client import DevnetClient
from devnet.holders import balances

POOL = "1000"
POOL_UNITS = 1_000 * 10**6


def owed(made: dict[str, Any]) -> dict[str, int]:
    """Each holder's share of the pool, rounded down; ``made`` is what the devnet prepared."""
    plan = made["plan"]
    shares = balances(plan["holders"], plan["supply"], plan["seed"])
    return {
        holder: POOL_UNITS * share // plan["supply"]
        for holder, share in zip(made["holders"], shares, strict=True)
    }


def on_chain(devnet: DevnetClient, made: dict[str, Any]) -> dict[str, int]:
    return devnet.balances(made["payment_token"]["id"], made["holders"])
