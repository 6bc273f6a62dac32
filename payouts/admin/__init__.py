from payouts.admin import distributions, lines

__all__ = ["distributions", "lines"]
