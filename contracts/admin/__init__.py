from contracts.admin import control, deployments, notices, registry, transactions

__all__ = ["control", "deployments", "notices", "registry", "transactions"]
