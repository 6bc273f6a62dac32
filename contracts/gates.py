"""How news and questions travel up: apps above register what this app may not import.

By purpose of a transaction there is one gate, asked whether it may go on, and one handler, told of every
arrow inside the database transaction that moves the row. Listeners hear of holds that open and close.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contracts.models import ContractTransaction, Hold
    from contracts.services.planning import Call, Owner

Gate = Callable[["ContractTransaction"], str | None]
Handler = Callable[["ContractTransaction", str], None]
Origin = Callable[[str], "tuple[Owner, Call] | None"]
HoldListener = Callable[["Hold"], None]

_gates: dict[str, Gate] = {}
_handlers: dict[str, Handler] = {}
_origins: dict[str, Origin] = {}
_hold_listeners: list[HoldListener] = []


def register(purpose: str, *, gate: Gate, handler: Handler, origin: Origin | None = None) -> None:
    """Called from ``AppConfig.ready``. A purpose has one owner.

    ``origin`` says of a subject what its call would be and whose, None when it is not known here; by it a call
    is taken back into the book that is on chain and not in a database that was restored.
    """
    if purpose in _gates:
        raise ValueError(f"purpose {purpose} is registered twice")
    _gates[purpose] = gate
    _handlers[purpose] = handler
    if origin is not None:
        _origins[purpose] = origin


def forget(purpose: str) -> None:
    """The purpose has no owner any more; what is still open for it waits."""
    del _gates[purpose], _handlers[purpose]
    _origins.pop(purpose, None)


def purposes() -> tuple[str, ...]:
    """Every purpose that has an owner."""
    return tuple(_gates)


def register_hold_listener(listener: HoldListener) -> None:
    _hold_listeners.append(listener)


def why_not(row: "ContractTransaction") -> str | None:
    """The words that say why this transaction must wait, or None. A purpose nobody owns waits for ever."""
    gate = _gates.get(row.purpose)
    if gate is None:
        return f"no app is registered for the purpose {row.purpose}"
    return gate(row)


def origin_of(purpose: str, subject: str) -> "tuple[Owner, Call] | None":
    origin = _origins.get(purpose)
    return origin(subject) if origin else None


def tell(row: "ContractTransaction", arrow: str) -> None:
    """Tells the owner of the purpose; runs in the transaction that moved the row."""
    if handler := _handlers.get(row.purpose):
        handler(row, arrow)


def tell_hold(hold: "Hold") -> None:
    for listener in _hold_listeners:
        listener(hold)
