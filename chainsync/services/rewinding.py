"""Reading events once more from an earlier moment: what is stored already stays as it is."""

from django.db import transaction

from chainsync.followed import Followed, listener_of
from chainsync.models import EventListener
from contracts import clock
from contracts.models import AuditEvent
from contracts.services.networks import hedera_network

# Consensus time of the first transaction of the main network.
FIRST_NS = 1_568_411_631_396_440_000


class NotRewound(ValueError):
    """Says in words what stands against it."""


@transaction.atomic
def rewind(followed: Followed, *, to_ns: int, by: str) -> EventListener:
    """Puts the cursor of what is followed on Hedera back to this consensus time. Raises NotRewound.

    Only backwards: a cursor that is put forward would leave a gap. The next look reads from there.
    """
    if followed.network != hedera_network():
        raise NotRewound(
            f"{followed.address} is on {followed.network}; only cursors on {hedera_network()} are times that can "
            "be put back: the Soroban RPC's own retention says how far back it is read"
        )
    wanted = clock.consensus_text(to_ns)
    listener = EventListener.objects.select_for_update().get(pk=listener_of(followed).pk)
    if to_ns > clock.now_ns():
        raise NotRewound(f"{wanted} is in the future")
    if to_ns < FIRST_NS:
        raise NotRewound(f"{wanted} is before the first transaction on Hedera, in September 2019")
    if not listener.cursor_at:
        raise NotRewound(f"{followed.address} was not read yet; its first reading starts by itself")
    if wanted >= listener.cursor_at:
        raise NotRewound(
            f"the cursor of {followed.address} stands at {listener.cursor_at}, which is not after {wanted}: "
            "it is only ever put back, because putting it forward would leave a gap"
        )
    AuditEvent.write(
        followed, what="cursor put back", source=listener.cursor_at, target=wanted, reason="asked for", by=by
    )
    listener.cursor_at, listener.cursor_index, listener.next_read_at = wanted, -1, clock.now()
    listener.save(update_fields=["cursor_at", "cursor_index", "next_read_at"])
    return listener
