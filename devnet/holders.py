"""Holders made from a seed: the same seed gives the same addresses and balances."""

import random

from eth_utils.crypto import keccak


def addresses(count: int, seed: int) -> list[str]:
    return ["0x" + keccak(text=f"holder:{seed}:{number}")[-20:].hex() for number in range(count)]


def balances(count: int, supply: int, seed: int) -> list[int]:
    """Uneven balances of at least one unit each that add up to exactly `supply`."""
    if count == 0:
        return []
    if supply < count:
        raise ValueError(f"a supply of {supply} units cannot give {count} holders one unit each")
    draw = random.Random(seed)  # noqa: S311 - repeatable, worth nothing
    weights = [draw.randint(1, 1_000) ** 2 for _ in range(count)]
    spare, total = supply - count, sum(weights)
    shares = [1 + spare * weight // total for weight in weights]
    shares[0] += supply - sum(shares)
    return shares
