"""What a person asks for at once instead of waiting for its tick: a look, a replay, the reading of an asset."""

import structlog
from django.db import transaction
from django.db.models import Count

from chainsync.models import ChainEvent, EventListener
from chainsync.services.replaying import Replayed, replay
from chainsync.services.syncing import SYNC_LOCK
from contracts import clock
from contracts.amounts import counted
from contracts.doorbell import ring
from contracts.gateways.errors import GatewayError
from contracts.models import Asset, AuditEvent
from contracts.services.holds import PAYDATE
from contracts.services.networks import hedera_network
from contracts.services.sweeping import single_flight

log = structlog.get_logger(__name__)
REPLAY_LOCK = 0x5041_594A << 32  # the listener's number is added


class NotDone(Exception):
    """Nothing was done; the message says why, and what to do instead."""


@transaction.atomic
def ask_for_look(listener: EventListener) -> None:
    """Has the listener look at once. Raises NotDone for one that is switched off."""
    due = EventListener.objects.filter(pk=listener.pk, enabled=True).update(next_read_at=clock.now())
    if not due:
        raise NotDone(f"{listener} is switched off: switch it on first.")
    ring("chainsync.follow", listener.pk)


def ask_for_sync(asset: Asset) -> None:
    """Has the asset and its holders read. Raises NotDone for what cannot be read now."""
    if asset.network != hedera_network():
        raise NotDone(f"{asset} is on {asset.network}; this installation reads {hedera_network()} only.")
    with single_flight(SYNC_LOCK + asset.pk) as is_free:
        if not is_free:
            raise NotDone("It is being read at this moment: look at this page again.")
    ring("chainsync.sync_asset", asset.pk)


@transaction.atomic
def ask_for_replays(*, by: str) -> dict[str, int]:
    """Has all quarantined events given to their processors once more; how many there are by address."""
    counts = ChainEvent.objects.quarantined().order_by().values_list("network", "address")
    found = {(network, address): count for network, address, count in counts.annotate(count=Count("pk"))}
    for listener in EventListener.objects.filter(address__in={address for _, address in found}):
        if count := found.get((listener.network, listener.address)):
            reason = f"{counted(count, 'quarantined event')}, from the list of events"
            AuditEvent.write(listener, what="replay asked for", reason=reason, by=by)
            ring("chainsync.replay", listener.pk)
    return {address: count for (_, address), count in found.items()}


def replay_quarantined(pk: int) -> Replayed:
    """Gives the quarantined events of a listener to their processors once more, by one caller at a time.

    A mirror node that does not answer is written into the log, and what was not replayed stays quarantined.
    """
    listener = EventListener.objects.get(pk=pk)
    with single_flight(REPLAY_LOCK + pk) as is_mine:
        if not is_mine:
            return Replayed(0, 0, 0)
        events = ChainEvent.objects.of(listener.network, listener.address).quarantined()
        try:
            return replay(events, by=PAYDATE)
        except GatewayError as error:
            log.warning("replay_failed", listener=str(listener), error=str(error))
            return Replayed(0, 0, 0)


def replay_now(events: list[int], *, by: str) -> Replayed:
    """Gives these events to their processors once more, and tells what became of them.

    To be called outside any database transaction. Raises NotDone when the mirror node does not answer.
    """
    try:
        return replay(ChainEvent.objects.filter(pk__in=events), by=by)
    except GatewayError as error:
        raise NotDone(
            f"The mirror node cannot say whether the events are real: {error}. Try again in a moment."
        ) from error
