"""What the call of a subject would be and whose it is, for a call that is on chain and not in a restored database."""

from contracts.models import Asset
from contracts.services.planning import Call, Owner
from payouts.models import Batch, Distribution
from payouts.services import paying, snapshots


def of_snapshot(subject: str) -> tuple[Owner, Call] | None:
    distribution = (
        Distribution.objects.select_related("asset__payout_contract__wallet")
        .filter(uid=_uid(subject))
        .first()
    )
    if distribution is None:
        return None
    owner = _owner(distribution, distribution.asset, snapshots.SNAPSHOT_PURPOSE)
    return owner, snapshots.call_for(distribution.asset)


def of_batch(subject: str) -> tuple[Owner, Call] | None:
    batch = (
        Batch.objects.select_related("distribution__asset__payout_contract__wallet")
        .filter(uid=_uid(subject))
        .first()
    )
    if batch is None:
        return None
    distribution = batch.distribution
    return _owner(distribution, distribution.asset, paying.BATCH_PURPOSE), paying.call_for(batch)


def _owner(distribution: Distribution, asset: Asset, purpose: str) -> Owner:
    contract = asset.payout_contract
    return Owner(contract.wallet, contract, purpose, distribution.uid, has_guard=True)


def _uid(subject: str) -> str:
    return subject.partition(":")[2]
