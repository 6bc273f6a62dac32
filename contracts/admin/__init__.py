from contracts.admin import control, notices, registry, transactions

__all__ = ["control", "notices", "registry", "transactions"]
