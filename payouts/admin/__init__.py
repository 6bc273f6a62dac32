from payouts.admin import distributions, lines, schedules, sizing, triggers

__all__ = ["distributions", "lines", "schedules", "sizing", "triggers"]
