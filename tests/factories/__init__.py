"""Rows for tests, each valid on its own, none of them on any chain."""

from tests.factories.contracts import (
    AssetFactory,
    ContractFactory,
    DeploymentFactory,
    HoldFactory,
    InvestmentDeploymentFactory,
    SignedBodyFactory,
    TokenFactory,
    TransactionFactory,
    WalletFactory,
)
from tests.factories.payouts import (
    ApprovalFactory,
    BatchFactory,
    CorporateActionFactory,
    DepositTriggerFactory,
    DistributionFactory,
    PaymentFactory,
    ReissueFactory,
    ScheduleFactory,
)

__all__ = [
    "ApprovalFactory",
    "AssetFactory",
    "BatchFactory",
    "ContractFactory",
    "CorporateActionFactory",
    "DeploymentFactory",
    "DepositTriggerFactory",
    "DistributionFactory",
    "HoldFactory",
    "InvestmentDeploymentFactory",
    "PaymentFactory",
    "ReissueFactory",
    "ScheduleFactory",
    "SignedBodyFactory",
    "TokenFactory",
    "TransactionFactory",
    "WalletFactory",
]
