from payouts.admin import distributions, lines, sizing

__all__ = ["distributions", "lines", "sizing"]
