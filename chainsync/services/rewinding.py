"""Reading a contract's events once more from an earlier moment: what is stored already stays as it is."""

from django.db import transaction

from chainsync.followed import listener_of
from chainsync.models import EventListener
from contracts import clock
from contracts.models import AuditEvent, Contract
from contracts.services.networks import hedera_network


class NotRewound(ValueError):
    """Says in words what stands against it."""


@transaction.atomic
def rewind(contract: Contract, *, to_ns: int, by: str) -> EventListener:
    """Puts the cursor of a contract on Hedera back to this consensus time. Raises NotRewound.

    Only backwards: a cursor that is put forward would leave a gap. The next look reads from there.
    """
    if contract.network != hedera_network():
        raise NotRewound(
            f"{contract.address} is on {contract.network}; only cursors on {hedera_network()} are times that can "
            "be put back: the Soroban RPC's own retention says how far back it is read"
        )
    wanted = clock.consensus_text(to_ns)
    listener = EventListener.objects.select_for_update().get(pk=listener_of(contract).pk)
    if to_ns > clock.now_ns():
        raise NotRewound(f"{wanted} is in the future")
    if not listener.cursor_at:
        raise NotRewound(f"{contract.address} was not read yet; its first reading starts by itself")
    if wanted >= listener.cursor_at:
        raise NotRewound(
            f"the cursor of {contract.address} stands at {listener.cursor_at}, which is not after {wanted}: "
            "it is only ever put back, because putting it forward would leave a gap"
        )
    AuditEvent.write(
        contract, what="cursor put back", source=listener.cursor_at, target=wanted, reason="asked for", by=by
    )
    listener.cursor_at, listener.cursor_index, listener.next_read_at = wanted, -1, clock.now()
    listener.save(update_fields=["cursor_at", "cursor_index", "next_read_at"])
    return listener
