"""The accounts every local Hedera begins with."""

from devnet.fees import HBAR
from devnet.records import Account, long_zero

TREASURY = "0.0.2"
NODES = ("0.0.3", "0.0.4", "0.0.5")
FEE_COLLECTOR = "0.0.98"
ADMIN = "0.0.1000"
FIRST_ENTITY = 1001
TREASURY_TINYBARS = 50_000_000_000 * HBAR


def accounts(created_ns: int) -> list[Account]:
    names = (TREASURY, *NODES, FEE_COLLECTOR, ADMIN)
    return [Account(name, long_zero(name), None, "", created_ns) for name in names]
