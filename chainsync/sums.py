"""What events say was paid, and whether as much is booked: apps above register how an interface is added up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.models import Contract


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The events of one key beside what is booked for it, in base units, and in words with the token's units.

    ``first_at`` is the consensus time of its first event, ``count`` how many lines differ.
    """

    first_at: str
    expected_units: int
    found_units: int
    count: int
    words: str


@dataclass(frozen=True, slots=True)
class Sums:
    """``paid_units`` says from its arguments what an event paid, nothing for one that pays nobody. ``compare`` says
    how the stored events of a key differ from what is booked for them; None when they do not."""

    paid_units: Callable[[Mapping[str, Any]], int]
    compare: Callable[["Contract", str], Mismatch | None]


_sums: dict[str, Sums] = {}


def register_sums(interface: str, sums: Sums) -> None:
    """Called from ``AppConfig.ready``; ``interface`` as in lccf/1.1."""
    if interface in _sums:
        raise ValueError(f"{interface} is added up by somebody already")
    _sums[interface] = sums


def sums_of(interface: str) -> Sums | None:
    return _sums.get(interface)
