from chainsync.admin import assets, differences, events, listeners

__all__ = ["assets", "differences", "events", "listeners"]
