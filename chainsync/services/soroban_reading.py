"""Reading an investment contract's events from the listener's cursor on: stored, applied and passed in one transaction.

The RPC lists only events of successful transactions, and a ledger is final, so what it shows is proved and read
once. What it does not keep any more is lost as events: the contract's state, read at that moment, takes their place.
"""

from typing import Any

import structlog
from django.db import transaction

from chainsync.followed import interface_of
from chainsync.models import ChainEvent, EventListener
from chainsync.processors import heal
from chainsync.services.reading import Reading
from chainsync.services.storing import NewEvent, process_waiting, store_events, understood
from contracts import clock
from contracts.gateways.errors import Unavailable
from contracts.gateways.soroban_events import (
    Event,
    Expired,
    Page,
    events_after,
    events_from,
    kept_ledgers,
)
from contracts.models import AuditEvent, Contract

log = structlog.get_logger(__name__)
MOST_PAGES = 20
# A ledger takes five seconds, seldom less: a start that lies too early costs a page, one too late an event.
LEAST_LEDGER_SECONDS = 4
LEDGERS_BEFORE = 120


def read_soroban(contract: Contract, listener: EventListener) -> Reading:
    """Stores and applies what the chain shows by now, at most twenty pages of it. Raises GatewayError.

    A reader that was overtaken by another stops; what failed to be applied before is tried again.
    """
    _try_again(contract)
    gap = ""
    for _ in range(MOST_PAGES):
        page, words = _next_page(contract, listener)
        gap = gap or words
        if not _take(contract, listener, page, lost=words) or page.is_last:
            return Reading(is_finished=True, gap=gap)
    return Reading(is_finished=False, gap=gap)


def _next_page(contract: Contract, listener: EventListener) -> tuple[Page, str]:
    """And what is lost before it, in words. The state is read before the cursor moves: a gap never stays unhealed."""
    if not listener.cursor:
        return _first_page(contract), ""
    page = events_after(listener.cursor, [contract.address])
    if isinstance(page, Page):
        return page, ""
    words = (
        f"events before ledger {page.oldest_ledger} are no longer kept; the contract's state was read instead"
    )
    heal(interface_of(contract), contract)
    return _kept(events_from(page.oldest_ledger, [contract.address]), page.oldest_ledger), words


def _first_page(contract: Contract) -> Page:
    heal(interface_of(contract), contract)
    kept = kept_ledgers()
    age = max(0, int((clock.now() - contract.created_at).total_seconds()))
    registered = kept.latest_ledger - age // LEAST_LEDGER_SECONDS - LEDGERS_BEFORE
    start = max(kept.oldest_ledger, registered)
    return _kept(events_from(start, [contract.address]), start)


def _kept(page: Page | Expired, start: int) -> Page:
    """The oldest ledger is dropped as soon as a new one closes."""
    if isinstance(page, Expired):
        raise Unavailable(
            f"ledger {start} was dropped by the Soroban RPC while it was asked for", code="MOVING"
        )
    return page


@transaction.atomic
def _take(contract: Contract, listener: EventListener, page: Page, *, lost: str) -> bool:
    """The cursor moves first, by compare-and-set: its row is the lock, and the loser stores nothing."""
    news = [_new_event(contract, event) for event in page.events]
    columns: dict[str, Any] = {
        "cursor": page.cursor,
        "reached_at": max([listener.reached_at, *(event.consensus_at for event in news)]),
        "read_until": _consensus(page.latest_closed_at),
        "read_at": clock.now(),
        "lag_seconds": clock.now_ns() // clock.NANOSECONDS - page.latest_closed_at,
    }
    same = EventListener.objects.filter(pk=listener.pk, cursor=listener.cursor)
    if not same.update(**columns):
        log.info("race_lost", listener=str(listener), cursor=listener.cursor)
        return False
    if lost:
        AuditEvent.write(contract, what="events lost", reason=lost, by="paydate")
        log.warning("events_lost", contract=contract.address, reason=lost)
    store_events(contract, news)
    for name, value in columns.items():
        setattr(listener, name, value)
    return True


def _try_again(contract: Contract) -> None:
    """Events that no processor could take, because what stopped them may be mended."""
    rows = ChainEvent.objects.of(contract.network, contract.address).unprocessed().filter(is_proved=True)
    for key in sorted(set(rows.values_list("key", flat=True))):
        with transaction.atomic():
            process_waiting(contract, key)


def _new_event(contract: Contract, event: Event) -> NewEvent:
    raw = NewEvent(
        consensus_at=_consensus(event.closed_at),
        log_index=event.index,
        topics=event.raw_topics,
        data=event.raw_data,
        transaction_hash=event.transaction_hash,
        block=event.ledger,
        is_proved=True,
        trouble=f"malformed: {event.trouble}" if event.trouble else "",
    )
    return raw if event.trouble else understood(contract, raw, event.name, _args(event.data))


def _args(data: Any) -> dict[str, Any]:
    """Newer contracts send a map, older ones the bare value."""
    return data if isinstance(data, dict) else {"value": data}


def _consensus(seconds: int) -> str:
    return clock.consensus_text(seconds * clock.NANOSECONDS)
