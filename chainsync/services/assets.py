"""What events of an asset token mean: that something is different now. What it is, the chain is asked.

So events may come late, twice, in any order, or be made up: each only says since when what is known is outdated.
Balances may change without any event, when the asset adjusts all of them at once; the daily reading finds those.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from chainsync.models import ChainEvent, EventListener
from chainsync.processors import Processor, register
from contracts import clock
from contracts.addresses import ZERO_ADDRESS
from contracts.doorbell import ring
from contracts.models import Asset

INTERFACES = ("ats/7", "ats/8")
REPORTS = "reports/seed"
TRANSFER, REPORTED = "Transfer", "HolderBalanceUpdated"
# 7.x named them otherwise.
FACTS = {
    "ats/7": ("TokenPaused", "TokenUnpaused"),
    "ats/8": ("Paused", "Unpaused", "MaturityDateUpdated"),
}
HOLDERS_KEY, FACTS_KEY = "holders", "facts"
# Stored times are rounded down to microseconds: an event is taken for later, and read for once more than needed.
ROUNDED_UP = timedelta(microseconds=1)


def register_processors() -> None:
    holders = Processor(key=_holders_key, apply=apply_transfers, needs_proof=False)
    facts = Processor(key=_facts_key, apply=apply_facts, needs_proof=False)
    for interface in INTERFACES:
        register(interface, [TRANSFER], holders)
        register(interface, FACTS[interface], facts)
    register(REPORTS, [REPORTED], Processor(key=_holders_key, apply=apply_reported, needs_proof=False))


def _holders_key(args: Mapping[str, Any]) -> str:
    return HOLDERS_KEY


def _facts_key(args: Mapping[str, Any]) -> str:
    return FACTS_KEY


def apply_transfers(asset: Asset, key: str, ids: Sequence[int]) -> bool:
    """The processor of transfers; minting and burning changes the supply, too."""
    moved: dict[str, datetime] = {}
    changed: datetime | None = None
    for at, args in _rows(ids):
        for holder in (args["from"], args["to"]):
            if holder == ZERO_ADDRESS:
                changed = at
            else:
                moved[holder] = at
    _outdate_holdings(asset, moved)
    if changed is not None:
        _outdate_facts(asset, changed)
    return True


def apply_reported(listener: EventListener, key: str, ids: Sequence[int]) -> bool:
    """The processor of another contract's word about balances, which is checked with the asset itself."""
    if listener.asset is not None:  # which its constraint sees to
        _outdate_holdings(listener.asset, {args["holder"]: at for at, args in _rows(ids)})
    return True


def apply_facts(asset: Asset, key: str, ids: Sequence[int]) -> bool:
    """The processor of pauses and a new maturity."""
    _outdate_facts(asset, max(at for at, _ in _rows(ids)))
    return True


def _rows(ids: Sequence[int]) -> list[tuple[datetime, dict[str, Any]]]:
    """Oldest first."""
    rows = ChainEvent.objects.filter(pk__in=ids).order_by("consensus_at", "log_index")
    return [
        (clock.from_ns(clock.consensus_ns(at)) + ROUNDED_UP, args)
        for at, args in rows.values_list("consensus_at", "args")
    ]


# A holder that nobody knew has nothing, as of the beginning of time, until the chain was asked. In the order of their
# addresses, as everybody writes them: so nobody waits for somebody who waits for him.
_OUTDATE = """
INSERT INTO contracts_holding (asset_id, holder, balance_units, as_of, moved_at)
SELECT %s, holder, 0, 'epoch', moved_at FROM unnest(%s::text[], %s::timestamptz[]) AS new(holder, moved_at)
 ORDER BY holder
    ON CONFLICT (asset_id, holder) DO UPDATE
   SET moved_at = greatest(contracts_holding.moved_at, EXCLUDED.moved_at)
"""


def _outdate_holdings(asset: Asset, moved: Mapping[str, datetime]) -> None:
    if not moved:
        return
    with connection.cursor() as cursor:
        cursor.execute(_OUTDATE, [asset.pk, list(moved), list(moved.values())])
    ring("chainsync.refresh_asset", asset.pk)


def _outdate_facts(asset: Asset, at: datetime) -> None:
    rows = Asset.objects.filter(pk=asset.pk)
    if rows.exclude(changed_at__gte=at).update(changed_at=at):
        ring("chainsync.refresh_asset", asset.pk)
