from contracts.admin import control, registry, transactions

__all__ = ["control", "registry", "transactions"]
