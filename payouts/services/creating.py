"""A new distribution: checked against the chain first, then one row, or none and a sentence with the fix."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from contracts import clock
from contracts.gateways.errors import GatewayError
from contracts.models import Asset
from contracts.transitions import record_move
from payouts.amounts import BadAmount, parse_percentage, parse_units
from payouts.models import Distribution, Missed
from payouts.services import chain, preflight
from payouts.services.bad_input import BadInput
from payouts.services.given_snapshots import snapshot_columns
from payouts.services.times import BadTime, parse_moment, shown, zone_of

AmountType = Distribution.AmountType
Execution = Distribution.Execution
__all__ = ["BadInput", "NewDistribution", "create_distribution", "find_asset"]


@dataclass(frozen=True, slots=True)
class NewDistribution:
    """``asset`` is its address, symbol or ISIN; ``amount`` is in whole tokens, or a percentage.

    Times are instants, or wall clocks of ``zone`` as people write them. Without ``execute_at`` a person starts it;
    without ``record_at`` the holders of its start are paid. ``snapshot_id`` is that of a snapshot which was taken at
    ``record_at``, and which nobody was paid by yet.
    """

    asset: str
    amount_type: str
    amount: str
    concept: str
    by: str
    execute_at: datetime | str | None = None
    record_at: datetime | str | None = None
    zone: str = "UTC"
    missed_policy: str = Missed.RUN_LATE
    snapshot_id: int | None = None


def create_distribution(wanted: NewDistribution) -> Distribution:
    """Creates a PAYOUT in PENDING, SCHEDULED if it says when. Raises BadInput; then nothing was written."""
    asset = find_asset(wanted.asset)
    columns = amount_columns(asset, wanted.amount_type, wanted.amount) | time_columns(wanted)
    check_chain(asset)
    if wanted.snapshot_id is not None:
        columns |= snapshot_columns(asset, wanted.snapshot_id, columns["record_at"])
    try:
        return write(asset, by=wanted.by, amount_type=wanted.amount_type, concept=wanted.concept, **columns)
    except IntegrityError as error:
        if "distribution_once_per_snapshot" not in str(error):
            raise
        raise BadInput(
            f"another distribution uses the snapshot {wanted.snapshot_id} already; give another"
        ) from error


@transaction.atomic
def write(asset: Asset, *, by: str, reason: str = "", **columns: Any) -> Distribution:
    """The row in PENDING with its place in the audit trail, and nothing checked."""
    distribution = Distribution.objects.create(asset=asset, created_by=by, **columns)
    words = reason or f"created: {distribution.concept}"
    record_move(distribution, "", distribution.status, reason=words, by=by)
    return distribution


def find_asset(name: str) -> Asset:
    """By address, EVM address, ISIN, or symbol where that is unique."""
    for field in ("address", "evm_address", "isin", "uid", "symbol"):
        found = list(Asset.objects.filter(**{field: name.strip()})[:2]) if name.strip() else []
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput(f"{name} fits more than one asset; give its address 0.0.x instead")
    known = ", ".join(Asset.objects.order_by("symbol").values_list("symbol", flat=True)[:10]) or "none yet"
    raise BadInput(f"there is no asset {name!r}; known are: {known}. Register it with manage.py add_asset")


def amount_columns(asset: Asset, amount_type: str, amount: str) -> dict[str, Any]:
    """Raises BadInput."""
    token = asset.payout_contract.payment_token
    try:
        if amount_type == AmountType.FIXED:
            return {"amount_units": parse_units(amount, decimals=token.decimals, symbol=token.symbol)}
        return {"percentage_bp": parse_percentage(amount)}
    except BadAmount as error:
        raise BadInput(str(error)) from error


def check_policy(policy: str) -> None:
    """Raises BadInput."""
    if policy not in Missed.values:
        raise BadInput(f"{policy!r} is no policy for a missed time; write one of {', '.join(Missed.values)}")


def time_columns(wanted: NewDistribution) -> dict[str, Any]:
    """The instants that were asked for, without asking the chain. Raises BadInput."""
    try:
        zone = str(zone_of(wanted.zone))
        execute_at, record_at = (
            None if given is None else parse_moment(given, zone)
            for given in (wanted.execute_at, wanted.record_at)
        )
    except BadTime as error:
        raise BadInput(str(error)) from error
    check_policy(wanted.missed_policy)
    _check_order(execute_at, record_at, zone)
    _check_record(execute_at, record_at, zone, has_snapshot=wanted.snapshot_id is not None)
    return {
        "execution": Execution.IMMEDIATE if execute_at is None else Execution.SCHEDULED,
        "execute_at": execute_at,
        "record_at": record_at,
        "zone": zone,
        "missed_policy": wanted.missed_policy,
    }


def _check_order(execute_at: datetime | None, record_at: datetime | None, zone: str) -> None:
    if execute_at is None:
        return
    if execute_at <= clock.now():
        raise BadInput(
            f"the time to pay, {shown(execute_at, zone)}, has passed; give one to come, or none and start it by hand"
        )
    if record_at is not None and record_at > execute_at:
        raise BadInput(
            f"the record time, {shown(record_at, zone)}, is after the time to pay, {shown(execute_at, zone)}; "
            "give an earlier one"
        )


def _check_record(
    execute_at: datetime | None, record_at: datetime | None, zone: str, *, has_snapshot: bool
) -> None:
    if has_snapshot and record_at is None:
        raise BadInput("give the record time as well: when the snapshot was taken")
    if record_at is None:
        return
    has_passed = record_at <= clock.now()
    if has_passed and not has_snapshot:
        raise BadInput(
            f"the record time, {shown(record_at, zone)}, has passed, and nobody can take a snapshot of the past; "
            "give the id of an unused one that was taken then, or a time to come"
        )
    if not has_passed and has_snapshot:
        raise BadInput(
            f"the record time, {shown(record_at, zone)}, is still to come, so no snapshot that exists was taken then; "
            "leave one of them out"
        )
    if not has_passed and execute_at is None:
        raise BadInput("give the time to pay as well: with a record time to come, a payout starts by itself")


def check_chain(asset: Asset) -> None:
    """Raises BadInput when nobody could be paid, or nobody knows."""
    try:
        if reason := preflight.why_unusable(asset):
            raise BadInput(reason)
        if not chain.ask_asset(asset, "getTotalSecurityHolders"):
            raise BadInput(
                f"the asset {asset.symbol} has no holders; nobody could be paid. Check its address"
            )
    except GatewayError as error:
        raise BadInput(
            f"the chain could not be asked: {error}. Check HEDERA_MIRROR_URL and try again"
        ) from error
