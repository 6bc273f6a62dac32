"""What the series of a payout contract will have to pay, beyond the occurrences that are created already."""

from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile

from contracts.models import Contract
from payouts.models import Schedule
from payouts.services.series import occurrences
from reserves.obligations import Obligation


def obligations_of_series(contract: Contract, until: datetime) -> list[Obligation]:
    """A percentage takes what there is, so it needs nothing.

    Asked before the distributions are: an occurrence that is created in between counts twice for once, not never.
    """
    rows = Schedule.objects.filter(
        status=Schedule.Status.ACTIVE,
        next_at__lte=until,
        amount_units__isnull=False,
        asset__payout_contract=contract,
    )
    return [due for row in rows for due in _dues(row, until)]


def _dues(schedule: Schedule, until: datetime) -> Iterator[Obligation]:
    coming = occurrences(schedule, start=schedule.next_number)
    for one in takewhile(lambda occurrence: occurrence.at <= until, coming):
        yield Obligation(
            due_at=one.at,
            units=int(schedule.amount_units or 0),
            words=f"{schedule.concept or schedule}: not created yet",
            uid=f"{schedule.uid}:{one.number}",
        )
