"""What contracts will have to pay: apps above register who knows, by contract.

A source is asked in no transaction of its own and asks no network, so what it says holds at one moment only if
it says it by one statement.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contracts.models import Contract


@dataclass(frozen=True, slots=True)
class Obligation:
    """``units`` that have to be there at ``due_at``; in the past: that are due already.

    ``words`` say for what, ``uid`` names it. ``in_flight_units`` come on top and count as paid: they may have
    left the contract, and if they have not, they will or become due again.
    """

    due_at: datetime
    units: int
    words: str
    uid: str
    in_flight_units: int = 0


# What a contract has to pay until then; what is due later may be left out.
Source = Callable[["Contract", datetime], Iterable[Obligation]]

_sources: list[Source] = []


def register(source: Source) -> None:
    """Called from ``AppConfig.ready``."""
    if source in _sources:
        raise ValueError(f"{source.__qualname__} is registered twice")
    _sources.append(source)


def forget(source: Source) -> None:
    """Nobody is asked any more what this source knew."""
    _sources.remove(source)


def obligations_of(contract: "Contract", *, until: datetime) -> list[Obligation]:
    """All that is due at ``until`` or before, what is due first at the head."""
    known = (obligation for source in _sources for obligation in source(contract, until))
    return sorted((one for one in known if one.due_at <= until), key=lambda one: (one.due_at, one.uid))
