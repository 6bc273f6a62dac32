"""What an investment contract still owes, and when: the true schedule of its payments. Rules only.

The contract lets an instalment be taken once it is due: the first at ``claimable_ts``, when the block period
ends, each later one 30 days after the one before. Once something was paid, the days are counted from that
payment, however late it was. ``claim`` takes all due instalments at once, so until a given time nobody can take
more than what is due by it here; who is paid earlier or singly can only take less, as a begun period is lost.

In Paydate's own contract due dates do not move: it keeps as the time of a payment when that was due, so that the same
rules give its fixed schedule.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.integers import U64
from reserves.investments import DAY_SECONDS, PERIOD_SECONDS, Investment, ReturnType, Status, Terms

__all__ = [
    "DAY_SECONDS",
    "PERIOD_SECONDS",
    "Due",
    "DueWithin",
    "Instalment",
    "Investment",
    "ReturnType",
    "Status",
    "Terms",
    "due_by",
    "due_within",
    "first_due_ts",
    "forecast",
    "of_one_contract",
    "remaining_units",
    "schedule",
    "units_of_next",
]


@dataclass(frozen=True, slots=True)
class Instalment:
    """One payment to come: ``number`` counts from 1 over the whole term; ``units`` include a final principal."""

    number: int
    due_ts: int
    units: int


@dataclass(frozen=True, slots=True)
class Due:
    """What one investment is owed: ``arrears`` could be taken now, ``upcoming`` falls due within the horizon.

    ``first_due_ts`` is when the oldest unpaid instalment falls or fell due.
    """

    token_id: int
    first_due_ts: int
    arrears_count: int
    arrears_units: int
    upcoming_count: int
    upcoming_units: int

    @property
    def units(self) -> int:
        return self.arrears_units + self.upcoming_units


@dataclass(frozen=True, slots=True)
class DueWithin:
    """What a contract owes until ``now + horizon_seconds``, that second included; who is owed nothing has no line."""

    now: int
    horizon_seconds: int
    lines: tuple[Due, ...]

    @property
    def arrears_units(self) -> int:
        return sum(line.arrears_units for line in self.lines)

    @property
    def upcoming_units(self) -> int:
        return sum(line.upcoming_units for line in self.lines)

    @property
    def units(self) -> int:
        return self.arrears_units + self.upcoming_units


def first_due_ts(investment: Investment) -> int | None:
    """When the oldest unpaid instalment falls or fell due; None when everything was paid."""
    if investment.is_finished:
        return None
    if investment.payments_transferred:
        return investment.last_transfer_ts + PERIOD_SECONDS
    return investment.claimable_ts


def due_by(investment: Investment, ts: int) -> int:
    """How many unpaid instalments are due at ``ts``: what ``claim`` would take then, if nothing is paid before."""
    first = first_due_ts(investment)
    if first is None or ts < first:
        return 0
    return min((ts - first) // PERIOD_SECONDS + 1, investment.instalments_left)


def units_of_next(investment: Investment, count: int) -> int:
    """What the next ``count`` unpaid instalments pay, with a coupon's principal if the last one is among them."""
    if not 0 <= count <= investment.instalments_left:
        raise ValueError(f"count is {count}: {investment.instalments_left} instalments are left")
    is_last = count > 0 and count == investment.instalments_left
    return count * investment.regular_payment + (investment.principal_units if is_last else 0)


def remaining_units(investment: Investment) -> int:
    """All that is still to be paid. What the division into instalments cut off is part of it only if it is paid."""
    return units_of_next(investment, investment.instalments_left)


def schedule(investment: Investment) -> Iterator[Instalment]:
    """All instalments still to be paid, oldest first, as they fall due if nothing is paid meanwhile."""
    first = first_due_ts(investment)
    if first is None:
        return
    for index in range(investment.instalments_left):
        yield Instalment(
            number=investment.payments_transferred + index + 1,
            due_ts=first + index * PERIOD_SECONDS,
            units=units_of_next(investment, index + 1) - units_of_next(investment, index),
        )


def due_within(investments: Sequence[Investment], now: int, horizon_seconds: int) -> DueWithin:
    """Arrears at ``now`` and what falls due after it, up to and including ``now + horizon_seconds``.

    Raises ValueError if the investments are not those of one contract, each once.
    """
    U64.check(now, field="now")
    U64.check(horizon_seconds, field="horizon_seconds")
    lines = (_due(one, now, now + horizon_seconds) for one in of_one_contract(investments))
    return DueWithin(now, horizon_seconds, tuple(line for line in lines if line is not None))


def _due(investment: Investment, now: int, until: int) -> Due | None:
    first, arrears, count = first_due_ts(investment), due_by(investment, now), due_by(investment, until)
    if first is None or not count:
        return None
    arrears_units = units_of_next(investment, arrears)
    return Due(
        token_id=investment.token_id,
        first_due_ts=first,
        arrears_count=arrears,
        arrears_units=arrears_units,
        upcoming_count=count - arrears,
        upcoming_units=units_of_next(investment, count) - arrears_units,
    )


def forecast(
    investments: Sequence[Investment], now: int, days: Sequence[int] = (7, 30, 90)
) -> dict[int, DueWithin]:
    """``due_within`` by number of days, in the order given. Each includes the shorter ones: do not add them up."""
    return {one: due_within(investments, now, one * DAY_SECONDS) for one in days}


def of_one_contract(investments: Sequence[Investment]) -> Sequence[Investment]:
    """Returns them. Raises ValueError if one comes twice, or if they were not made on the same terms."""
    seen: set[int] = set()
    for one in investments:
        if one.token_id in seen:
            raise ValueError(f"token_id {one.token_id} comes twice: give each investment once")
        if one.terms != investments[0].terms:
            raise ValueError(f"terms of token_id {one.token_id} differ: give the investments of one contract")
        seen.add(one.token_id)
    return investments
