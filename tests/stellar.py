"""An investment contract on the local Stellar network beside its row, and the wallet in custody that owns it."""

from typing import Any

from contracts.custody.base import custodian
from contracts.models import Contract, Wallet
from devnet.soroban.network import Network
from devnet.stellar import ModelStellar
from tests.factories.contracts import InvestmentContractFactory, WalletFactory
from tests.world import World


def stellar_wallet(world: World, name: str = "reserve") -> Wallet:
    made = world.control.do_stellar_wallet(name)
    if known := Wallet.objects.filter(account=made["account"]).first():
        return known
    facts = custodian("DFNS").describe(made["wallet_id"])
    wallet: Wallet = WalletFactory(
        network="stellar-local",
        role=Wallet.Role.SOURCE,
        custody_wallet_id=facts.custody_wallet_id,
        custody_key_id=facts.custody_key_id,
        key_scheme=facts.scheme,
        public_key=facts.public_key,
        account=made["account"],
        evm_address="",
        label="reserve",
    )
    return wallet


def investment(world: World, wallet: Wallet | None = None, **params: Any) -> Contract:
    """Owned by the wallet, by default by one of its own: a source account has one call under way at a time."""
    owner = wallet or stellar_wallet(world)
    address = world.control.do_create_investment(owner=owner.account, **params)["contract"]
    made: Contract = InvestmentContractFactory(address=address, wallet=owner)
    return made


def model_of(world: World) -> Network:
    """The model itself, for what no contract and no owner would do."""
    assert isinstance(world.net.stellar, ModelStellar)
    return world.net.stellar.network
