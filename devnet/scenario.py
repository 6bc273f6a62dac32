"""One complete setting for payouts: payer, asset with holders, payment token, funded payout contract."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from devnet import genesis, holders
from devnet.artifacts import artifact
from devnet.operations import Operations
from devnet.others.roles import ASSET_ROLES, PAYOUT_ROLES
from devnet.records import Account, Contract

CHUNK = 100
KINDS = ("BOND_VARIABLE_RATE", "EQUITY", "BOND_FIXED_RATE", "BOND_KPI_LINKED_RATE", "BOND_SPT_RATE")
ASSETS = {"7": "AssetToken", "8": "AssetToken8"}


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
    grants = [(role, [genesis.ADMIN, payer.account]) for role in PAYOUT_ROLES.values()]
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
