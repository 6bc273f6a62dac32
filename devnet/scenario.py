"""One complete setting for payouts: payer, asset with holders, payment token, funded payout contract."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from eth_utils.crypto import keccak

from devnet import genesis, holders
from devnet.artifacts import artifact
from devnet.operations import Operations
from devnet.records import Account, Contract

CHUNK = 100
KINDS = ("BOND_VARIABLE_RATE", "EQUITY", "BOND_FIXED_RATE", "BOND_KPI_LINKED_RATE", "BOND_SPT_RATE")
ASSETS = {"7": "AssetToken", "8": "AssetToken8"}
# Numbers of the deployed asset contracts; 8.0 changed all of them.
ASSET_ROLES = {
    "7": {
        "SNAPSHOT": "0x3fbb44760c0954eea3f6cb9f1f210568f5ae959dcbbef66e72f749dbaa7cc2da",
        "MATURITY_REDEEMER": "0xa0d696902e9ed231892dc96649f0c62b808a1cb9dd1269e78e0adc1cc4b8358c",
    },
    "8": {
        "SNAPSHOT": "0xf7d999723d2160432933a2aeffaae83e262a5a46fe94f34614a7676d1d1f67c6",
        "MATURITY_REDEEMER": "0x433f48f8aca23480f6ab07666cbc9131d32a0b4672033453f65e18f4dd390523",
    },
}
PAYOUT_ROLES = (
    "0x" + "0" * 64,
    "0x" + keccak(text="lifecycle.cash.flow.role.pauser").hex(),
    "0x88ad01da1e5558735d5b478c04a0f1667377fb68a98cb0278159d0b790f08c10",
    "0xe0d6eef1076057afbcdc5a0534cf7ab9071fa4fdd3750e202da3d49c8913a144",
    "0x4a16419d45be80f6de7609caac23eb8c7bfe6336a71da3cefd43ea62183ad211",
    "0x15e92345f55818ea6e01143954b5841c1ba74302c2b157a2b4d0f21f9ad40286",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """`maturity_in` and `started_ago` (seconds) concern bonds only; `fund` is in payment token units."""

    holders: int = 100
    asset_version: str = "7"
    kind: str = "EQUITY"
    supply: int = 1_000_000_000_000
    asset_decimals: int = 6
    fund: int = 1_000_000_000_000
    seed: int = 1
    name: str = "Paydate Demo"
    symbol: str = "PDD"
    isin: str = "US0378331005"
    payment_symbol: str = "USDC"
    payment_decimals: int = 6
    hts_like: bool = False
    currency: str = "USD"
    nominal_value: int = 1_000_000
    nominal_decimals: int = 6
    started_ago: int = 86_400
    maturity_in: int = 31_536_000

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if self.asset_version not in ASSETS:
            raise ValueError("asset_version must be 7 or 8")
        if not re.fullmatch(r"[A-Z]{3}", self.currency):
            raise ValueError("currency must be three capital letters")


class NowSeconds(Protocol):
    def __call__(self) -> int: ...


def prepare(operations: Operations, plan: Plan, payer: Account, now: NowSeconds) -> dict[str, Any]:
    """Builds the setting for this payer and returns its ids and addresses."""
    asset = operations.deploy(artifact(ASSETS[plan.asset_version]), [_terms(plan, now()), genesis.ADMIN])
    money = operations.deploy(
        artifact("PaymentToken"),
        [f"{plan.payment_symbol} (local)", plan.payment_symbol, plan.payment_decimals, genesis.ADMIN],
    )
    payout = operations.deploy(artifact("LifeCycleCashFlow"))
    operations.register_token(asset.contract_id, "ASSET")
    operations.register_token(money.contract_id, "PAYMENT", hts_like=plan.hts_like)
    grants = [(role, [genesis.ADMIN, payer.account]) for role in PAYOUT_ROLES]
    operations.call(payout.contract_id, "initialize", [asset.contract_id, money.contract_id, grants])
    _grant_asset_roles(operations, plan, asset, payout, payer)
    names = add_holders(operations, asset, money, plan)
    operations.call(money.contract_id, "associateMany", [[payer.account]])
    if plan.fund:
        operations.call(money.contract_id, "mint", [payout.contract_id, plan.fund])
    return {
        "payer": _names(payer.account, payer.evm_address),
        "asset": _names(asset.contract_id, asset.evm_address),
        "payment_token": _names(money.contract_id, money.evm_address),
        "payout_contract": _names(payout.contract_id, payout.evm_address),
        "holders": names,
        "plan": asdict(plan),
    }


def add_holders(operations: Operations, asset: Contract, money: Contract, plan: Plan) -> list[str]:
    """Accounts, associations and balances, in chunks that stay small as single transactions."""
    names = holders.addresses(plan.holders, plan.seed)
    operations.add_accounts(names)
    shares = holders.balances(plan.holders, plan.supply, plan.seed)
    for part in chunks(list(zip(names, shares, strict=True))):
        owners = [name for name, _ in part]
        operations.call(money.contract_id, "associateMany", [owners])
        operations.call(asset.contract_id, "mintMany", [owners, [share for _, share in part]])
    return names


def chunks(items: Sequence[Any], size: int = CHUNK) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _grant_asset_roles(
    operations: Operations, plan: Plan, asset: Contract, payout: Contract, payer: Account
) -> None:
    """The payer takes snapshots; the payout contract redeems bonds."""
    roles = ASSET_ROLES[plan.asset_version]
    operations.call(asset.contract_id, "grantRole", [roles["SNAPSHOT"], payer.account])
    operations.call(asset.contract_id, "grantRole", [roles["MATURITY_REDEEMER"], payout.contract_id])


def _terms(plan: Plan, now: int) -> dict[str, Any]:
    is_bond = plan.kind != "EQUITY"
    return {
        "name": plan.name,
        "symbol": plan.symbol,
        "isin": plan.isin,
        "decimals": plan.asset_decimals,
        "securityType": KINDS.index(plan.kind),
        "currency": "0x" + plan.currency.encode().hex(),
        "nominalValue": plan.nominal_value,
        "nominalValueDecimals": plan.nominal_decimals,
        "startingDate": now - plan.started_ago if is_bond else 0,
        "maturityDate": now + plan.maturity_in if is_bond else 0,
    }


def _names(entity_id: str, evm_address: str) -> dict[str, str]:
    return {"id": entity_id, "evm_address": evm_address}
