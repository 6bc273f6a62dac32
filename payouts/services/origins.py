"""What the call of a subject would be and whose it is, for a call that is on chain and not in a restored database."""

from contracts.services.planning import Call, Owner
from payouts.models import Batch, Distribution
from payouts.services import paying, snapshots
from payouts.services.kinds import plan_of


def of_snapshot(subject: str) -> tuple[Owner, Call] | None:
    distribution = (
        Distribution.objects.select_related("asset__payout_contract__wallet")
        .filter(uid=_uid(subject))
        .first()
    )
    if distribution is None:
        return None
    owner = _owner(distribution, snapshots.SNAPSHOT_PURPOSE, has_guard=True)
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
    owner = _owner(distribution, paying.BATCH_PURPOSE, has_guard=plan_of(distribution).has_guard)
    return owner, paying.call_for(batch)


def _owner(distribution: Distribution, purpose: str, *, has_guard: bool) -> Owner:
    contract = distribution.asset.payout_contract
    return Owner(contract.wallet, contract, purpose, distribution.uid, has_guard=has_guard)


def _uid(subject: str) -> str:
    return subject.partition(":")[2]
