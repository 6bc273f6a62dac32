"""Reading an asset from the chain: what it is, and who holds how much of it.

All of one reading is as of one block, and it goes page by page, so that memory does not grow with the holders. A
reading that is newer than what is stored replaces it, whatever the order in which readings end.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection
from django.db.models import F, Q, QuerySet

from contracts import abi, clock
from contracts.addresses import ZERO_ADDRESS
from contracts.doorbell import ring
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import mirror
from contracts.gateways.parallel import ask_all
from contracts.gateways.records import Block
from contracts.models import Asset, Holding
from contracts.services.networks import hedera_network
from contracts.services.registering import NotRegistered, read_asset
from contracts.services.sweeping import single_flight

log = structlog.get_logger(__name__)
Status = Asset.SyncStatus

SYNC_LOCK = 0x5041_5948 << 32  # the asset's number is added
TICK_LOCK = 0x5041_5944_0009
PAGE = 500
MOST_RINGS = 100
STALE = timedelta(days=1)
REFRESH_LOCK = 0x5041_594B << 32  # the asset's number is added


def sync_due() -> None:
    """Rings for each asset that was never read, not within a day, or in vain; a tick at a time."""
    with single_flight(TICK_LOCK) as is_mine:
        if not is_mine:
            return
        is_due = ~Q(sync_status=Status.SYNCED) | Q(synced_at__lt=clock.now() - STALE)
        here = Asset.objects.filter(network=hedera_network(), sync_enabled=True)
        for pk in here.filter(is_due).order_by("synced_at", "pk").values_list("pk", flat=True)[:MOST_RINGS]:
            ring("chainsync.sync_asset", pk)


def refresh_due() -> None:
    """Rings for each asset that is new, or of which an event has said that something is different since it was read."""
    here = Asset.objects.filter(network=hedera_network(), sync_enabled=True).order_by("pk")
    for pk in here.filter(sync_status=Status.NEVER).values_list("pk", flat=True)[:MOST_RINGS]:
        ring("chainsync.sync_asset", pk)
    outdated = Q(changed_at__gt=F("facts_as_of")) | Q(pk__in=outdated_holdings().values("asset"))
    for pk in here.filter(outdated).values_list("pk", flat=True)[:MOST_RINGS]:
        ring("chainsync.refresh_asset", pk)


def outdated_holdings() -> QuerySet[Holding]:
    return Holding.objects.filter(moved_at__gt=F("as_of"))


def sync_asset(pk: int) -> bool:
    """Reads the asset and all of its holders, by one reader at a time; False when another one is at it.

    What goes wrong is written down with the asset; only a defect is raised.
    """
    with single_flight(SYNC_LOCK + pk) as is_mine:
        if is_mine:
            _sync(Asset.objects.get(pk=pk))
    return is_mine


def refresh_asset(pk: int) -> None:
    """Asks the chain for what events have outdated, by one reader at a time. Raises a GatewayError.

    What the mirror node does not know yet stays outdated for the next tick.
    """
    with single_flight(REFRESH_LOCK + pk) as is_mine:
        if not is_mine:
            return
        asset = Asset.objects.get(pk=pk)
        block = mirror().newest_block()
        if asset.changed_at and (asset.facts_as_of is None or asset.changed_at > asset.facts_as_of):
            _read_facts(asset, block)
        last = ""
        while holders := _outdated_after(asset, last):
            _read_balances(asset, holders, block)
            last = holders[-1]


def _outdated_after(asset: Asset, holder: str) -> list[str]:
    rows = outdated_holdings().filter(asset=asset, holder__gt=holder).order_by("holder")
    return list(rows.values_list("holder", flat=True)[:PAGE])


def refresh_holding(asset: Asset, holder: str) -> Holding:
    """What one holder has now, given by the 20 bytes that the asset contract lists. Raises a GatewayError."""
    block = mirror().newest_block()
    as_of = clock.from_ns(block.to_ns)
    _store(asset, [(holder, _balance(asset, holder, block.number))], as_of)
    return Holding.objects.get(asset=asset, holder=holder)


def _sync(asset: Asset) -> None:
    """Whoever has the lock alone may find SYNCING: then the reader before has died."""
    if asset.sync_status == Status.SYNCING:
        _move(asset, Status.FAILED, sync_error="its reader ended before it was done")
    if not _move(asset, Status.SYNCING):
        return
    try:
        block = mirror().newest_block()
        _read_facts(asset, block)
        count = _read_holders(asset, block)
    except (GatewayError, NotRegistered) as error:
        _move(asset, Status.FAILED, sync_error=f"{type(error).__name__}: {error}")
    except Exception as error:
        _move(asset, Status.FAILED, sync_error=f"{type(error).__name__}: {error}")
        raise
    else:
        _move(asset, Status.SYNCED, synced_at=clock.now(), sync_error="")
        log.info("asset_synced", asset=asset.address, holders=count, block=block.number)


def _move(asset: Asset, to: str, **columns: Any) -> bool:
    """By compare-and-set; in the log and not in the audit trail, because nothing is decided here."""
    source = asset.sync_status
    Asset.TRANSITIONS.check(source, to)
    moved = Asset.objects.filter(pk=asset.pk, sync_status=source).update(sync_status=to, **columns)
    asset.sync_status = to
    log.info(
        "asset_sync", asset=asset.address, source=source, target=str(to), error=columns.get("sync_error", "")
    )
    return bool(moved)


def _facts(asset: Asset, block: int) -> dict[str, Any]:
    return {
        "supply_units": _ask(asset, "totalSupply", block=block),
        "is_paused": bool(_ask(asset, abi.pause_view(asset.interface_version), block=block)),
    }


def _read_facts(asset: Asset, block: Block) -> None:
    """What was read at a later block stays."""
    facts = read_asset(asset.address) | _facts(asset, block.number)
    as_of = clock.from_ns(block.to_ns)
    rows = Asset.objects.filter(pk=asset.pk).exclude(facts_as_of__gt=as_of)
    rows.update(facts_as_of=as_of, **facts)


def _read_holders(asset: Asset, block: Block) -> int:
    """Stores every holder as of the block, and forgets who has nothing left; how many there are."""
    as_of, count = clock.from_ns(block.to_ns), 0
    for page in _pages(asset, block.number):
        _read_balances(asset, page, block)
        count += len(page)
    gone = Holding.objects.filter(asset=asset, as_of__lt=as_of)
    gone.exclude(moved_at__gt=as_of).delete()
    return count


def _read_balances(asset: Asset, holders: list[str], block: Block) -> None:
    balances = ask_all(lambda holder: _balance(asset, holder, block.number), holders)
    _store(asset, list(zip(holders, balances, strict=True)), clock.from_ns(block.to_ns))


def _pages(asset: Asset, block: int) -> Iterator[list[str]]:
    number = 0
    while holders := _ask(asset, "getSecurityHolders", number, PAGE, block=block):
        yield [holder for holder in holders if holder != ZERO_ADDRESS]
        if len(holders) < PAGE:
            return
        number += 1


def _balance(asset: Asset, holder: str, block: int) -> int:
    return int(_ask(asset, "balanceOf", holder, block=block))


def _ask(asset: Asset, function: str, *arguments: Any, block: int) -> Any:
    interface = abi.interface("ats", asset.interface_version)
    output = mirror().call(asset.evm_address, interface.encode(function, list(arguments)), block=block)
    return interface.decode_output(function, output)[0]


_STORE = """
INSERT INTO contracts_holding (asset_id, holder, balance_units, as_of)
SELECT %s, holder, units, %s FROM unnest(%s::text[], %s::numeric[]) AS new(holder, units) ORDER BY holder
    ON CONFLICT (asset_id, holder) DO UPDATE SET balance_units = EXCLUDED.balance_units, as_of = EXCLUDED.as_of
 WHERE contracts_holding.as_of <= EXCLUDED.as_of
"""


def _store(asset: Asset, rows: list[tuple[str, int]], as_of: datetime) -> None:
    """One statement; an older reading changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [asset.pk, as_of, [row[0] for row in rows], [row[1] for row in rows]])
