"""Rows for tests, each valid on its own, none of them on any chain."""

from tests.factories.contracts import (
    AssetFactory,
    ContractFactory,
    HoldFactory,
    SignedBodyFactory,
    TokenFactory,
    TransactionFactory,
    WalletFactory,
)
from tests.factories.payouts import BatchFactory, DistributionFactory, PaymentFactory

__all__ = [
    "AssetFactory",
    "BatchFactory",
    "ContractFactory",
    "DistributionFactory",
    "HoldFactory",
    "PaymentFactory",
    "SignedBodyFactory",
    "TokenFactory",
    "TransactionFactory",
    "WalletFactory",
]
