"""How chain events travel up: apps above register what they do with which event of which interface.

A processor gets events of one key that are new, in the transaction that stored them. Events come late and in
any order, so it must end in the same state whatever the order.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.models import Contract

# Applies the stored events with these ids; False when what they are about is not here yet: they are kept for it.
Apply = Callable[["Contract", str, Sequence[int]], bool]


@dataclass(frozen=True, slots=True)
class Processor:
    """``key`` names what an event is about, from its arguments; ValueError for arguments that make no sense.

    ``since`` gives the consensus time before which no event of the contract can matter, or nothing.
    """

    key: Callable[[Mapping[str, Any]], str]
    apply: Apply
    since: Callable[["Contract"], str]


_processors: dict[tuple[str, str], Processor] = {}


def register(interface: str, events: Iterable[str], processor: Processor) -> None:
    """Called from ``AppConfig.ready``; ``interface`` as in lccf/1.1. An event has one processor."""
    for event in events:
        if (interface, event) in _processors:
            raise ValueError(f"{event} of {interface} is registered twice")
        _processors[interface, event] = processor


def processor_of(interface: str, event: str) -> Processor | None:
    return _processors.get((interface, event))


def earliest(interface: str, contract: "Contract") -> str:
    """The consensus time from which a contract's logs have to be read, as far as the apps above know."""
    owners = {one.since for (name, _), one in _processors.items() if name == interface}
    return min(filter(None, (since(contract) for since in owners)), default="")
