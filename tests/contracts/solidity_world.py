"""An asset with holders, a payment token and the payout contract that pays them."""

from dataclasses import dataclass, field
from typing import Any

from eth_hash.auto import keccak

from tests.contracts.solidity_chain import ADMIN, SETUP_GAS, Chain, Contract, account

TERMS = "(string,string,string,uint8,uint8,bytes3,uint256,uint8,uint256,uint256)"
BOND_VARIABLE_RATE, EQUITY, BOND_FIXED_RATE = 0, 1, 2
YEAR = 365 * 24 * 3600
REDEEMER = {
    "AssetToken": "0xa0d696902e9ed231892dc96649f0c62b808a1cb9dd1269e78e0adc1cc4b8358c",
    "AssetToken8": "0x433f48f8aca23480f6ab07666cbc9131d32a0b4672033453f65e18f4dd390523",
}
VERSIONS = tuple(REDEEMER)
DEFAULT_ADMIN = "0x" + "00" * 32
PAYMENT_TOKEN_MANAGER = "0x15e92345f55818ea6e01143954b5841c1ba74302c2b157a2b4d0f21f9ad40286"


def payout_role(name: str) -> str:
    return "0x" + keccak(f"lifecycle.cash.flow.role.{name}".encode()).hex()


ALL_ROLES = (
    DEFAULT_ADMIN,
    PAYMENT_TOKEN_MANAGER,
    *(payout_role(name) for name in ("pauser", "payout", "cashout", "transferer")),
)


def deploy_asset(chain: Chain, version: str = "AssetToken", security_type: int = EQUITY) -> Contract:
    dates = (0, 0) if security_type == EQUITY else (chain.now, chain.now + YEAR)
    terms = ("Ferry Works", "FRY", "ES0000000001", 2, security_type, b"EUR", 1000_00, 2, *dates)
    return chain.deploy(version, (TERMS, "address"), (terms, ADMIN))


def deploy_payment_token(chain: Chain, decimals: int = 6) -> Contract:
    values = ("Digital Euro", "DEUR", decimals, ADMIN)
    return chain.deploy("PaymentToken", ("string", "string", "uint8", "address"), values)


def deploy_payout(chain: Chain, asset: Contract, token: Contract) -> Contract:
    payout = chain.deploy("LifeCycleCashFlow")
    rbac = [(role, [ADMIN]) for role in ALL_ROLES]
    payout.send("initialize", asset.address, token.address, rbac)
    return payout


@dataclass
class World:
    """`balances` are the asset's units of each holder; all holders are associated with the payment token."""

    balances: list[int]
    version: str = "AssetToken"
    security_type: int = EQUITY
    decimals: int = 6
    chain: Chain = field(default_factory=Chain)

    def __post_init__(self) -> None:
        self.asset = deploy_asset(self.chain, self.version, self.security_type)
        self.token = deploy_payment_token(self.chain, self.decimals)
        self.payout = deploy_payout(self.chain, self.asset, self.token)
        self.holders = [account(number) for number in range(len(self.balances))]
        self.asset.send("mintMany", self.holders, self.balances, gas=SETUP_GAS)
        self.token.send("associateMany", self.holders, gas=SETUP_GAS)

    def fund(self, units: int) -> None:
        self.token.send("mint", self.payout.address, units)

    def snapshot(self) -> int:
        (snapshot_id,) = self.asset.send("takeSnapshot").output
        return int(snapshot_id)

    def received(self) -> list[int]:
        return [self.token.view("balanceOf", holder) for holder in self.holders]

    def set_dividend(self, record_in: int = 100, execution_in: int = 200, amount: int = 25) -> int:
        terms = (self.chain.now + record_in, self.chain.now + execution_in, amount, 1)
        return int(self.asset.send("setDividend", terms).output[0])

    def set_coupon(self, record_in: int = 100, execution_in: int = 200) -> int:
        now = self.chain.now
        period = (now - YEAR // 2, now)
        terms = (now + record_in, now + execution_in, *period, now, 5_00, 4, 1)
        return int(self.asset.send("setCoupon", terms).output[0])


def real(addresses: Any) -> list[str]:
    """Without the zero addresses that pad an answer to its page's length."""
    return [address for address in addresses if int(address, 16)]
