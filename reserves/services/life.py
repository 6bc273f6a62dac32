"""The life of a contract as its chain tells it: paused, unpaused; of an investment also: goal reached, books changed.

A status is computed from everything that is known, never from what it was before: the newest stored pause, whether
any event says that the goal was reached, and the contract's own state as of a ledger, which stands for all events up
to there. So events may come late, twice, or in any order. While the contract is BLOCKED only the status to which
it will return changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from chainsync.models import ChainEvent
from chainsync.processors import Processor, register, register_funded, register_healer
from contracts import abi, clock
from contracts.doorbell import ring
from contracts.gateways.errors import Refused
from contracts.gateways.mirror import mirror
from contracts.gateways.soroban_state import Instance, instance
from contracts.models import AuditEvent, Contract
from contracts.services.holds import PAYDATE
from contracts.transitions import move
from reserves.models import SeenState
from reserves.services import ticketing

log = structlog.get_logger(__name__)
Status = Contract.Status

EXACT = "investment/2"
INTERFACES = ("investment/0", "investment/1", EXACT)
PAYOUT_INTERFACE = "lccf/1.1"
LIFE, BOOKS = "life", "books"
PAYOUT_PAUSES = {"LifeCycleCashFlowPaused": True, "LifeCycleCashFlowUnpaused": False}
PAUSES = {"paused": True, "unpaused": False} | PAYOUT_PAUSES
STATE, BOOKS_CHANGED = "STUPDATED", "CBUPDATED"
# Of Paydate's own contract. What moves money comes with CBUPDATED as well, and DEFICIT is what a check of ours found.
HANDS_CHANGED = ("ownership_transfer_completed", "UPGRADED")
FUNDS_REACHED = 3
ALIVE = (Status.ACTIVE, Status.FUNDS_REACHED, Status.PAUSED)
CHANGED_BY = f"{PAYDATE}: the books changed on chain"
HANDS_BY = f"{PAYDATE}: its owner or its code changed on chain"
FUNDED_BY = f"{PAYDATE}: money came"
READ_BY = f"{PAYDATE}: the contract's state was read"


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something true of the contract, by an event or as the chain's state says; ``since`` as in ledger 12."""

    holds: bool
    since: str


def register_processors() -> None:
    for interface in INTERFACES:
        register(interface, PAUSES.keys() - PAYOUT_PAUSES.keys(), Processor(key=_pause_key, apply=apply_life))
        register(interface, [STATE], Processor(key=_state_key, apply=apply_life))
        register(interface, [BOOKS_CHANGED], Processor(key=_books_key, apply=apply_books))
        register_healer(interface, heal_from_state)
    register(EXACT, HANDS_CHANGED, Processor(key=_books_key, apply=apply_hands))
    register(PAYOUT_INTERFACE, PAYOUT_PAUSES, Processor(key=_pause_key, apply=apply_life))
    register_healer(PAYOUT_INTERFACE, heal_payout_contract)
    register_funded(ask_whether_enough)


def _pause_key(args: Mapping[str, Any]) -> str:
    return LIFE


def _state_key(args: Mapping[str, Any]) -> str:
    """A new state comes in a map, in the older version bare."""
    state = args.get("new_state", args.get("value"))
    if isinstance(state, bool) or not isinstance(state, int):
        raise ValueError(f"the new state is {state!r}, no number")
    return LIFE


def _books_key(args: Mapping[str, Any]) -> str:
    return BOOKS


def apply_life(contract: Contract, key: str, ids: Sequence[int]) -> bool:
    """The processor: in the transaction that stored the events."""
    _align(_locked(contract))
    return True


def apply_books(contract: Contract, key: str, ids: Sequence[int]) -> bool:
    """Money came or went: the reserve is asked about at once, and the investments are read again.

    The contract is locked before its ticket, as everywhere: other events of the same page may move it.
    """
    _locked(contract)
    ticketing.ask_again(contract, by=CHANGED_BY)
    ring("reserves.refresh_book", contract.pk)
    return True


def apply_hands(contract: Contract, key: str, ids: Sequence[int]) -> bool:
    """Another owner or other code: whether it can still be checked shows at once."""
    _locked(contract)
    ticketing.ask_again(contract, by=HANDS_BY)
    ring("reserves.refresh_book", contract.pk)
    return True


def heal_from_state(contract: Contract) -> None:
    """Reads the contract's state and aligns the status with it, for events that were never seen.

    Raises Unavailable, or Refused with code NO_CONTRACT.
    """
    found = instance(contract.address)
    if found is None:
        raise Refused(f"there is no contract at {contract.address}, or it is archived", code="NO_CONTRACT")
    with transaction.atomic():
        locked = _locked(contract)
        _remember(locked, found)
        _align(locked)
        ticketing.ask_again(locked, by=READ_BY)
        ring("reserves.refresh_book", locked.pk)


def heal_payout_contract(contract: Contract) -> None:
    """Asks a payout contract on Hedera whether it is paused. Raises a GatewayError."""
    block = mirror().newest_block()
    interface = abi.interface("lccf", contract.interface_version)
    output = mirror().call(contract.evm_address, interface.encode("isPaused", []), block=block.number)
    is_paused = bool(interface.decode_output("isPaused", output)[0])
    with transaction.atomic():
        locked = _locked(contract)
        _keep(locked, ledger=block.number, is_paused=is_paused, is_funds_reached=None)
        _align(locked)


def ask_whether_enough(contract: Contract) -> None:
    """Money came to a payout contract: what it lacks is asked again at once."""
    ticketing.ask_again(contract, by=FUNDED_BY)


def _locked(contract: Contract) -> Contract:
    return Contract.objects.select_for_update(no_key=True).get(pk=contract.pk)


def _remember(contract: Contract, found: Instance) -> None:
    paused, data = found.storage.get("Paused", False), found.storage.get("ContractData")
    state = data.get("state") if isinstance(data, dict) else None
    _keep(
        contract,
        ledger=found.ledger,
        is_paused=paused if isinstance(paused, bool) else None,
        is_funds_reached=None if state is None else state == FUNDS_REACHED,
    )


def _keep(contract: Contract, *, ledger: int, is_paused: bool | None, is_funds_reached: bool | None) -> None:
    """A state that is not newer than the one known says nothing. On Hedera ``ledger`` is a block."""
    known = SeenState.objects.filter(contract=contract).first()
    if known is not None and known.ledger >= ledger:
        return
    SeenState.objects.update_or_create(
        contract=contract,
        defaults={
            "is_paused": is_paused,
            "is_funds_reached": is_funds_reached,
            "ledger": ledger,
            "read_at": clock.now(),
        },
    )


# -- what is known


def _align(contract: Contract) -> None:
    """Moves a locked contract to where it belongs."""
    seen = SeenState.objects.filter(contract=contract).first()
    paused, reached = _paused(contract, seen), _reached(contract, seen)
    current = contract.status
    if current == Status.BLOCKED:
        current = contract.status_before_block or Status.ACTIVE
    if current not in ALIVE:
        return
    to, reason = _target(Status(current), paused, reached)
    if to != current:
        _bring(contract, current, to, reason)


def _target(current: Contract.Status, paused: _Fact | None, reached: _Fact | None) -> tuple[str, str]:
    """Where a contract belongs, and why. What nobody has told stays as it is."""
    is_paused = paused.holds if paused else current == Status.PAUSED
    if is_paused:
        return Status.PAUSED, f"paused on chain{_where(paused)}"
    open_status = Status.FUNDS_REACHED if reached or current == Status.FUNDS_REACHED else Status.ACTIVE
    if current == Status.PAUSED:
        return open_status, f"unpaused on chain{_where(paused)}"
    return open_status, f"the funding goal was reached{_where(reached)}"


def _where(fact: _Fact | None) -> str:
    return f", {fact.since}" if fact else ""


def _paused(contract: Contract, seen: SeenState | None) -> _Fact | None:
    told = _life_events(contract).filter(name__in=PAUSES)
    newest = told.order_by("-consensus_at", "-log_index").first()
    if seen is not None and seen.is_paused is not None and (newest is None or _ledger(newest) <= seen.ledger):
        return _Fact(seen.is_paused, _place(contract, seen.ledger))
    return _Fact(PAUSES[newest.name], _place(contract, _ledger(newest))) if newest else None


def _reached(contract: Contract, seen: SeenState | None) -> _Fact | None:
    """The goal is reached once and for all."""
    says_so = Q(args__new_state=FUNDS_REACHED) | Q(args__value=FUNDS_REACHED)
    told = _life_events(contract).filter(says_so, name=STATE).order_by("consensus_at", "log_index").first()
    if told is not None:
        return _Fact(True, _place(contract, _ledger(told)))
    return _Fact(True, _place(contract, seen.ledger)) if seen is not None and seen.is_funds_reached else None


def _life_events(contract: Contract) -> QuerySet[ChainEvent]:
    return ChainEvent.objects.of(contract.network, contract.address).filter(key=LIFE, is_proved=True)


def _place(contract: Contract, ledger: int) -> str:
    return f"{'block' if contract.kind == Contract.Kind.LIFECYCLE_CASH_FLOW else 'ledger'} {ledger}"


def _ledger(event: ChainEvent) -> int:
    return event.block or 0


def _bring(contract: Contract, current: str, to: str, reason: str) -> None:
    if contract.status != Status.BLOCKED:
        move(contract, to, reason=reason)
        return
    Contract.objects.filter(pk=contract.pk).update(status_before_block=to)
    AuditEvent.write(
        contract, what="status before block", source=current, target=to, reason=reason, by=PAYDATE
    )
    log.info("returns_elsewhere", contract=contract.address, source=current, target=to, reason=reason)
