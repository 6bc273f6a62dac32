"""Dividends and coupons that were cancelled on chain: what pays them is cancelled, or held where it has begun.

The payout contract itself would still pay a cancelled dividend, so nothing but this stands in the way. There is no
way back on chain, so a person decides about a run that was held.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from chainsync.models import ChainEvent
from chainsync.processors import Processor, register
from contracts.models import Asset, Hold
from contracts.services.holds import PAYDATE, place_hold
from payouts.models import Distribution
from payouts.services.cancelling import NotCancelled, cancel_distribution

Status = Distribution.Status
INTERFACES = ("ats/7", "ats/8")
IDS = {
    "DividendCancelled": "dividendId",
    "DividendForceCancelled": "dividendId",
    "CouponCancelled": "couponId",
    "CouponForceCancelled": "couponId",
}
NOT_BEGUN = (Status.DRAFT, Status.PENDING, Status.PLANNING, Status.AWAITING_APPROVAL)


def register_processors() -> None:
    for interface in INTERFACES:
        register(interface, IDS, Processor(key=_key, apply=apply_cancelled))


def _key(args: Mapping[str, Any]) -> str:
    number = args.get("dividendId", args.get("couponId"))
    return f"cancelled:{number}"


def apply_cancelled(asset: Asset, key: str, ids: Sequence[int]) -> bool:
    """The processor; a distribution that is made later is refused by ``why_cancelled``."""
    number = key.partition(":")[2]
    paying = Distribution.objects.filter(
        asset=asset, kind=Distribution.Kind.CORPORATE_ACTION, corporate_action_id=number
    )
    for distribution in paying.exclude(status__in=(Status.COMPLETED, Status.CANCELLED)).order_by("pk"):
        stop(distribution, f"corporate action {number} of {asset.symbol} was cancelled on chain")
    return True


def why_cancelled(distribution: Distribution) -> str | None:
    """Whether what it pays was cancelled on chain, in words."""
    if distribution.kind != Distribution.Kind.CORPORATE_ACTION or not distribution.corporate_action_id:
        return None
    events = ChainEvent.objects.of(distribution.asset.network, distribution.asset.address)
    told = events.filter(key=f"cancelled:{distribution.corporate_action_id}", is_proved=True).first()
    if told is None:
        return None
    return (
        f"corporate action {distribution.corporate_action_id} was cancelled on chain at {told.consensus_at}"
    )


def stop(distribution: Distribution, reason: str) -> None:
    """Cancels what has not begun to pay; what has is held, for a person to decide about."""
    if _has_not_begun(distribution):
        with suppress(NotCancelled):  # it began a moment ago
            cancel_distribution(distribution, by=PAYDATE, reason=reason)
            return
    place_hold(
        scope=Hold.Scope.DISTRIBUTION,
        object_uid=distribution.uid,
        cause=Hold.Cause.PREFLIGHT,
        reason=f"{reason}; cancel this distribution, or lift the hold to pay all the same",
        needs_operator=True,
    )


def _has_not_begun(distribution: Distribution) -> bool:
    is_held = distribution.status == Status.HELD
    return (distribution.status_before_hold if is_held else distribution.status) in NOT_BEGUN
