"""Wallets and contracts of the local Stellar network, as an operator would register them."""

from typing import Any

from contracts.models import Contract, Wallet
from contracts.services.adding_contracts import NewContract, add_contract
from contracts.services.registering import add_wallet
from tests.world import World

LABEL = "Solar park"


def stellar_wallet(world: World) -> Wallet:
    """The custody wallet that owns the devnet's investment contracts."""
    made = world.control.do_stellar_wallet()
    return add_wallet(
        custodian_name="DFNS", custody_wallet_id=made["wallet_id"], account="", label="reserve", by="tests"
    )


def wanted(wallet: Wallet, address: str, **more: Any) -> NewContract:
    return NewContract(
        **{"kind": "INVESTMENT", "address": address, "wallet": wallet, "label": LABEL, "by": "tests"} | more
    )


def added(wallet: Wallet, address: str, **more: Any) -> Contract:
    return add_contract(wanted(wallet, address, **more))
