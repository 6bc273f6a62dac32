"""How chain events travel up: apps above register what they do with which event of which interface.

A processor gets events of one key that are new, in the transaction that stored them. Events come late and in
any order, so it must end in the same state whatever the order.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainsync.followed import Followed
    from contracts.models import Contract

# Applies the stored events with these ids to what is followed: a Contract, Asset or Token, or the listener itself of a
# contract that reports. False when what the events are about is not here yet: they are kept for it.
Apply = Callable[[Any, str, Sequence[int]], bool]


@dataclass(frozen=True, slots=True)
class Processor:
    """``key`` names what an event is about, from its arguments; ValueError for arguments that make no sense.

    ``since`` gives the consensus time before which no event can matter, or nothing. An event that moves nothing
    itself, but has the chain asked, needs no proof.
    """

    key: Callable[[Mapping[str, Any]], str]
    apply: Apply
    since: Callable[[Any], str] = lambda followed: ""
    needs_proof: bool = True


# Reads the contract's state and settles by it what its events may not tell any more. Raises GatewayError.
Heal = Callable[["Contract"], None]

# The ids of contracts whose next event somebody waits for.
Awaited = Callable[[], Iterable[int]]

# Something is to be done because money came to a payout contract; in the transaction that stored it.
Funded = Callable[["Contract"], None]

_processors: dict[tuple[str, str], Processor] = {}
_healers: dict[str, Heal] = {}
_awaited: list[Awaited] = []
_funded: list[Funded] = []


def register(interface: str, events: Iterable[str], processor: Processor) -> None:
    """Called from ``AppConfig.ready``; ``interface`` as in lccf/1.1. An event has one processor."""
    for event in events:
        if (interface, event) in _processors:
            raise ValueError(f"{event} of {interface} is registered twice")
        _processors[interface, event] = processor


def processor_of(interface: str, event: str) -> Processor | None:
    return _processors.get((interface, event))


def earliest(interface: str, followed: "Followed") -> str:
    """The consensus time from which its logs have to be read, as far as the apps above know."""
    owners = {one.since for (name, _), one in _processors.items() if name == interface}
    return min(filter(None, (since(followed) for since in owners)), default="")


def register_healer(interface: str, heal: Heal) -> None:
    """Called from ``AppConfig.ready``. It is asked outside of a transaction: before a contract's first reading, and
    when events are lost."""
    if interface in _healers:
        raise ValueError(f"{interface} is healed by somebody already")
    _healers[interface] = heal


def heal(interface: str, contract: "Contract") -> None:
    if interface in _healers:
        _healers[interface](contract)


def register_awaited(awaited: Awaited) -> None:
    """Called from ``AppConfig.ready``. It is asked at each tick, so it has to be cheap."""
    if awaited not in _awaited:
        _awaited.append(awaited)


def awaited() -> set[int]:
    """The ids of contracts that are read at the shorter interval, because somebody waits for their events."""
    return {pk for ask in _awaited for pk in ask()}


def register_funded(hear: Funded) -> None:
    """Called from ``AppConfig.ready``."""
    if hear not in _funded:
        _funded.append(hear)


def funded(contract: "Contract") -> None:
    for hear in _funded:
        hear(contract)
