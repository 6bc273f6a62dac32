"""What ties the result events of a payout contract to a distribution: a key made of what the event names.

Paid flags are shared by every call that names a snapshot or a distribution id, whoever sends it and whichever
function it calls, so all events of a key together tell who was paid. A bond is cashed out once, and its payout
contract serves no other asset: one key is enough for all of its cash-outs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q

from payouts.models import Distribution

Kind = Distribution.Kind
CASH_OUT = "cash-out"
MATURITY = "maturity"  # stands where a corporate action has its number: one cash-out for an asset
SNAPSHOT_EVENTS = (
    "AmountSnapshotExecuted",
    "AmountSnapshotByAddressesExecuted",
    "PercentageSnapshotExecuted",
    "PercentageSnapshotByAddressesExecuted",
)
DISTRIBUTION_EVENTS = ("DistributionExecuted", "DistributionByAddressesExecuted")
CASH_OUT_EVENTS = ("CashOutExecuted", "CashOutByAddressesExecuted")


def snapshot_key(args: Mapping[str, Any]) -> str:
    _check(args)
    return f"snapshot:{args['snapshotID']}"


def distribution_key(args: Mapping[str, Any]) -> str:
    _check(args)
    return f"distribution:{args['distributionID']}"


def cash_out_key(args: Mapping[str, Any]) -> str:
    _check(args)
    return CASH_OUT


def _check(args: Mapping[str, Any]) -> None:
    if len(args["succeeded"]) != len(args["paidAmount"]):
        raise ValueError(f"{len(args['succeeded'])} holders with {len(args['paidAmount'])} amounts")


KEYS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    **dict.fromkeys(SNAPSHOT_EVENTS, snapshot_key),
    **dict.fromkeys(DISTRIBUTION_EVENTS, distribution_key),
    **dict.fromkeys(CASH_OUT_EVENTS, cash_out_key),
}


def key_of(distribution: Distribution) -> str:
    """The key of the events that pay this distribution; empty before it has one."""
    if distribution.kind == Kind.BOND_CASH_OUT:
        return CASH_OUT
    if distribution.kind == Kind.CORPORATE_ACTION:
        return f"distribution:{distribution.corporate_action_id}" if distribution.corporate_action_id else ""
    return "" if distribution.snapshot_id is None else f"snapshot:{distribution.snapshot_id}"


def with_key(key: str) -> Q:
    """The distributions of a payout contract that events of this key pay. One that was cancelled never paid."""
    kind, _, number = key.partition(":")
    if key == CASH_OUT:
        found = Q(kind=Kind.BOND_CASH_OUT)
    elif kind == "snapshot":
        found = Q(kind=Kind.PAYOUT, snapshot_id=int(number))
    else:
        found = Q(kind=Kind.CORPORATE_ACTION, corporate_action_id=number)
    return found & ~Q(status=Distribution.Status.CANCELLED)
