"""Finding what a person means by what he types: a uid, or the beginning of one."""

from typing import Any

from django.db.models import QuerySet

from payouts.models import DepositTrigger, Distribution, Schedule
from payouts.services.bad_input import BadInput

LEAST_LETTERS = 4


def find_distribution(name: str) -> Distribution:
    """Raises BadInput."""
    rows = Distribution.objects.select_related(
        "asset__payout_contract__payment_token", "asset__backing_contract"
    )
    return _find(rows, name, noun="distribution", printed_by="create_distribution")  # type: ignore[no-any-return]


def find_schedule(name: str) -> Schedule:
    """Raises BadInput."""
    rows = Schedule.objects.select_related("asset__payout_contract__payment_token")
    return _find(rows, name, noun="series", printed_by="create_schedule")  # type: ignore[no-any-return]


def find_trigger(name: str) -> DepositTrigger:
    """Raises BadInput."""
    rows = DepositTrigger.objects.select_related("asset__payout_contract__payment_token")
    return _find(rows, name, noun="deposit trigger", printed_by="create_deposit_trigger")  # type: ignore[no-any-return]


def _find(rows: QuerySet[Any], name: str, *, noun: str, printed_by: str) -> Any:
    """By uid, or by a beginning of it that fits one."""
    if exact := rows.filter(uid=name).first():
        return exact
    found = list(rows.filter(uid__startswith=name)[:2]) if len(name) >= LEAST_LETTERS else []
    if len(found) == 1:
        return found[0]
    problem = f"fits more than one {noun}" if found else f"is no {noun}"
    raise BadInput(f"{name!r} {problem}; give the uid that {printed_by} printed")
