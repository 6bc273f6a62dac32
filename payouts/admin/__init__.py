from payouts.admin import actions, distributions, lines, schedules, sizing, triggers

__all__ = ["actions", "distributions", "lines", "schedules", "sizing", "triggers"]
