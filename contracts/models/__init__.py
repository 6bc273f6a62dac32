from contracts.models.control import AuditEvent, Hold
from contracts.models.deployments import Deployment, InvestmentDeployment
from contracts.models.installation import Installation
from contracts.models.leases import Leased
from contracts.models.notices import Notice
from contracts.models.registry import Asset, Contract, Holding, KeyScheme, Network, Token, Wallet
from contracts.models.transactions import (
    OPEN,
    ContractTransaction,
    CustodyBudget,
    ExpiryDeclaration,
    SignedBody,
    TransactionStatus,
)

__all__ = [
    "OPEN",
    "Asset",
    "AuditEvent",
    "Contract",
    "ContractTransaction",
    "CustodyBudget",
    "Deployment",
    "ExpiryDeclaration",
    "Hold",
    "Holding",
    "Installation",
    "InvestmentDeployment",
    "KeyScheme",
    "Leased",
    "Network",
    "Notice",
    "SignedBody",
    "Token",
    "TransactionStatus",
    "Wallet",
]
