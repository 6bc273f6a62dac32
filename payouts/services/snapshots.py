"""The one snapshot of a distribution: the earliest successful takeSnapshot whose memo carries its subject."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Max

from contracts import clock
from contracts.faults import fault_point
from contracts.gateways.mirror import TransactionRecord, mirror
from contracts.models import Asset, ContractTransaction, Hold
from contracts.models.transactions import TransactionQuerySet
from contracts.services.holds import PAYDATE
from contracts.services.planning import AlreadyOpen, Call, Waiting, plan_transaction
from payouts.models import Distribution
from payouts.services import chain, preflight
from payouts.services.holding import hold_distribution
from payouts.services.waiting import wait

SNAPSHOT_PLANNED = fault_point("distribution.snapshot_planned", scenario="payout")
SNAPSHOT_FIXED = fault_point("distribution.snapshot_fixed", scenario="payout")
SNAPSHOT_PURPOSE = "snapshot"
SNAPSHOT_GAS = 2_000_000
MOST_FAILED_SNAPSHOTS = 3

Status = ContractTransaction.Status


def ensure_snapshot(distribution: Distribution) -> bool:
    """True when ``snapshot_id`` is fixed; otherwise the next step was taken or the reason to wait stored."""
    if distribution.snapshot_id is not None:
        return True
    latest = ContractTransaction.objects.of(distribution.snapshot_subject).last()
    if latest is None or latest.status in (Status.FAILED, Status.EXPIRED):
        _plan(distribution)
        return False
    if latest.is_open:
        wait(distribution, latest.waiting_reason or "the snapshot is under way")
        return False
    return _fix(distribution, latest)


def _plan(distribution: Distribution) -> None:
    if reason := why_not_snapshot(distribution):
        hold_distribution(distribution, cause=Hold.Cause.PREFLIGHT, reason=reason)
        return
    asset = distribution.asset
    try:
        with transaction.atomic():
            plan_transaction(
                wallet=asset.payout_contract.wallet,
                contract=asset.payout_contract,
                call=call_for(asset),
                purpose=SNAPSHOT_PURPOSE,
                subject=distribution.snapshot_subject,
                group_uid=distribution.uid,
                has_guard=True,
            )
    except (Waiting, AlreadyOpen) as error:
        wait(distribution, str(error))
    else:
        SNAPSHOT_PLANNED.reach(distribution.uid)


def call_for(asset: Asset) -> Call:
    return Call(
        target=asset.address,
        interface=f"ats/{asset.interface_version}",
        function="takeSnapshot",
        arguments=[],
        gas_limit=SNAPSHOT_GAS,
    )


def why_not_snapshot(distribution: Distribution) -> str | None:
    """Pre-flight, and the memory that the chain refused this snapshot again and again."""
    failed = _failed_since_an_operator_looked(distribution)
    last = failed.last()
    if last is not None and failed.count() >= MOST_FAILED_SNAPSHOTS:
        return f"the snapshot failed {failed.count()} times: {last.error_text}; lift this hold to try again"
    return preflight.why_not(distribution.asset) or preflight.why_no_node()


def _failed_since_an_operator_looked(distribution: Distribution) -> TransactionQuerySet:
    """Failed attempts after the last hold of this distribution that a person lifted."""
    failed = ContractTransaction.objects.of(distribution.snapshot_subject).filter(status=Status.FAILED)
    own = Hold.objects.filter(
        scope=Hold.Scope.DISTRIBUTION, object_uid=distribution.uid, lifted_at__isnull=False
    )
    looked_at = own.exclude(lifted_by=PAYDATE).aggregate(last=Max("lifted_at"))["last"]
    return failed.filter(resolved_at__gt=looked_at) if looked_at else failed


def _fix(distribution: Distribution, ours: ContractTransaction) -> bool:
    """Fixes the snapshot once the mirror node has passed our own call, whoever took the earliest one."""
    if mirror().newest_consensus_ns() <= clock.consensus_ns(ours.consensus_at):
        wait(distribution, "the mirror node has not passed the snapshot yet", pause=timedelta(seconds=1))
        return False
    record = next(chain.snapshot_records(distribution), None)
    snapshot_id = chain.snapshot_id_of(distribution, record) if record else None
    if record is None or snapshot_id is None:
        wait(distribution, "the mirror node has the snapshot only in part", pause=timedelta(seconds=1))
        return False
    return _store(distribution, record, snapshot_id)


def _store(distribution: Distribution, record: TransactionRecord, snapshot_id: int) -> bool:
    columns = {"snapshot_id": snapshot_id, "snapshot_consensus_at": record.consensus_at}
    Distribution.objects.filter(pk=distribution.pk, snapshot_id=None).update(**columns)
    distribution.refresh_from_db()
    SNAPSHOT_FIXED.reach(distribution.uid)
    return True
