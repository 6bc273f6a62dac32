"""What a listener follows: a row of contracts' registry, or for a contract that only reports, the listener itself."""

from typing import TypeAlias

from chainsync.models import EventListener
from contracts.models import Asset, Contract, Token

# Each has a network, an address and the time at which it was registered.
Followed: TypeAlias = Contract | Asset | Token | EventListener

Kind = EventListener.Kind
FAMILIES = {Contract.Kind.LIFECYCLE_CASH_FLOW: "lccf", Contract.Kind.INVESTMENT: "investment"}
MODELS: dict[EventListener.Kind, type[Contract] | type[Asset] | type[Token]] = {
    Kind.CONTRACT: Contract,
    Kind.ASSET: Asset,
    Kind.TOKEN: Token,
}
ERC20 = "erc20/1"


class NotFollowed(LookupError):
    """What the listener followed is not registered any more."""


def followed_by(listener: EventListener) -> Followed:
    """Raises NotFollowed."""
    if listener.kind == Kind.REPORTS:
        return listener
    rows = MODELS[Kind(listener.kind)]._default_manager.filter(network=listener.network)
    found = rows.filter(address=listener.address).first()
    if found is None:
        raise NotFollowed(f"no {Kind(listener.kind).label.lower()} {listener} is registered")
    return found


def as_people_know(listener: EventListener) -> Contract | Asset | EventListener:
    """What notices are about: the contract or asset. Payment tokens, and contracts that report, by their listener."""
    try:
        followed = followed_by(listener)
    except NotFollowed:
        return listener
    return followed if isinstance(followed, Contract | Asset) else listener


def interface_of(followed: Followed) -> str:
    """As processors are registered for: lccf/1.1, investment/1, ats/8, erc20/1, reports/seed."""
    match followed:
        case Contract():
            return f"{FAMILIES[Contract.Kind(followed.kind)]}/{followed.interface_version}"
        case Asset():
            return f"ats/{followed.interface_version}"
        case Token():
            return ERC20
        case EventListener():
            return followed.interface


def listener_of(followed: Followed) -> EventListener:
    """Made when there is none. An address has one listener, so what was followed first keeps its kind."""
    if isinstance(followed, EventListener):
        return followed
    kind = next(kind for kind, model in MODELS.items() if isinstance(followed, model))
    listener, _ = EventListener.objects.get_or_create(
        network=followed.network, address=followed.address, defaults={"kind": kind}
    )
    return listener
