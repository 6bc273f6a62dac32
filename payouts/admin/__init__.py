from payouts.admin import actions, approvals, distributions, lines, reissues, schedules, sizing, triggers

__all__ = ["actions", "approvals", "distributions", "lines", "reissues", "schedules", "sizing", "triggers"]
