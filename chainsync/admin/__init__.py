from chainsync.admin import assets, deposits, differences, events, listeners

__all__ = ["assets", "deposits", "differences", "events", "listeners"]
