"""A snapshot of the past that a person names: it has to exist, and nobody may have been paid by it."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from chainsync.models import ChainEvent
from contracts import clock
from contracts.gateways.errors import GatewayError, Refused
from contracts.gateways.mirror import mirror
from contracts.models import Asset
from payouts.models import Distribution
from payouts.services import chain
from payouts.services.bad_input import BadInput
from payouts.services.times import consensus_of

TAKEN = "SnapshotTaken"
# Ids are counted on chain from 1, one for each snapshot of the asset.
LARGEST_ID = 2**63


def snapshot_columns(asset: Asset, snapshot_id: int, record_at: datetime) -> dict[str, Any]:
    """The columns of a distribution that pays by this snapshot. Asks the chain. Raises BadInput."""
    if not 0 < snapshot_id < LARGEST_ID:
        raise BadInput(f"{snapshot_id} is no snapshot; they are counted from 1")
    if Distribution.objects.filter(asset=asset, snapshot_id=snapshot_id).exists():
        raise BadInput(f"another distribution uses the snapshot {snapshot_id} already; give another")
    try:
        _check_exists(asset, snapshot_id)
        taken_at = _taken_at(asset, snapshot_id, record_at)
        _check_unused(asset, snapshot_id, taken_at)
    except GatewayError as error:
        raise BadInput(
            f"the chain could not be asked: {error}. Check HEDERA_MIRROR_URL and try again"
        ) from error
    return {"snapshot_id": snapshot_id, "snapshot_consensus_at": taken_at}


def _check_exists(asset: Asset, snapshot_id: int) -> None:
    try:
        supply = chain.ask_asset(asset, "totalSupplyAtSnapshot", snapshot_id)
    except Refused:  # contracts revert for an id that they never gave
        supply = 0
    if not supply:
        raise BadInput(f"{asset.symbol} has no snapshot {snapshot_id}, or nobody held it then; check the id")


def _taken_at(asset: Asset, snapshot_id: int, record_at: datetime) -> str:
    """Its consensus time where the asset has told it, otherwise the record time: events are read from there."""
    around = timedelta(seconds=settings.RECORD_LATENESS_SECONDS)
    stored = ChainEvent.objects.of(asset.network, asset.address).filter(name=TAKEN)
    told = stored.filter(args__snapshotID=snapshot_id).values_list("consensus_at", flat=True).first()
    at = told or _told_around(asset, snapshot_id, record_at, around)
    if at is None:
        return consensus_of(record_at)
    taken_at = clock.from_ns(clock.consensus_ns(at))
    if abs(taken_at - record_at) > around:
        raise BadInput(
            f"the snapshot {snapshot_id} was taken at {taken_at:%Y-%m-%d %H:%M:%S} UTC; give that as the record time"
        )
    return at


def _told_around(asset: Asset, snapshot_id: int, record_at: datetime, around: timedelta) -> str | None:
    since, until = consensus_of(record_at - around), consensus_of(record_at + around)
    for entry in mirror().logs(asset.address, since=since, until=until):
        event = chain.asset_interface(asset).decode_log(entry.topics, entry.data)
        if event and event.name == TAKEN and event.args["snapshotID"] == snapshot_id:
            return entry.consensus_at
    return None


def _check_unused(asset: Asset, snapshot_id: int, taken_at: str) -> None:
    """Neither what is stored of the payout contract nor its logs since then may name it."""
    contract = asset.payout_contract
    stored = ChainEvent.objects.of(contract.network, contract.address).filter(key=f"snapshot:{snapshot_id}")
    wanted = Distribution(asset=asset, snapshot_id=snapshot_id, snapshot_consensus_at=taken_at)
    if stored.exists() or chain.paid_by_logs(wanted):
        raise BadInput(
            f"holders were paid by the snapshot {snapshot_id} already, with another tool; give another snapshot"
        )
