"""What the kinds of distributions have apart while they are planned and paid. Everything else is common to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.services.planning import Call
from payouts.models import Batch, Distribution


class CannotPlan(Exception):
    """There is nothing to pay; says why. The distribution is FAILED."""


@dataclass(frozen=True, slots=True)
class Held:
    """A holder as the asset lists it, and what it holds where the list says so."""

    holder: str
    balance_units: int = 0


@dataclass(frozen=True, slots=True)
class Owed:
    """What one holder has and is to be paid; amounts in base units, of the asset and of the payment token."""

    holder: str
    balance_units: int
    expected_units: int


@dataclass(frozen=True, slots=True)
class Plan:
    """``prepare`` fixes what the lines are computed from, and the block at which everything is read; ``fund`` comes
    when the lines are stored. Both are False while something is waited for, which they have stored in words. ``count``
    gives the number of holders and the supply, ``view`` a page of holders by number and size, ``owed`` what those are
    to be paid. ``why_not`` is the pre-flight in words. All but ``call`` may raise a GatewayError.
    """

    prepare: Callable[[Distribution], bool]
    count: Callable[[Distribution], tuple[int, int]]
    view: Callable[[Distribution, int, int], list[Held]]
    owed: Callable[[Distribution, Sequence[Held]], list[Owed]]
    fund: Callable[[Distribution], bool]
    why_not: Callable[[Distribution], str | None]
    call: Callable[[Batch], Call]
    take_money: Callable[[Distribution], bool]
    has_guard: bool = True
    is_sized: bool = True
    """Whether the contract's learned batch size speaks of its calls."""
