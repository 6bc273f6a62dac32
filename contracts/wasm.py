"""The compiled contracts for Soroban that come with Paydate, by name and by hash."""

import hashlib
from functools import cache

from contracts.abi import INTERFACES

FOLDER = INTERFACES.parent / "soroban"
INVESTMENT = "investment"


@cache
def hash_of(name: str) -> str:
    """Of the code, 64 hex digits."""
    return hashlib.sha256(_read(name)).hexdigest()


def code_of(code_hash: str) -> bytes:
    """The code with this hash. ValueError when this version of Paydate has another one."""
    if code_hash != hash_of(INVESTMENT):
        raise ValueError(
            f"this version of Paydate has no code {code_hash}; it was planned by another version: use --start-over"
        )
    return _read(INVESTMENT)


def _read(name: str) -> bytes:
    return (FOLDER / f"{name}.wasm").read_bytes()
