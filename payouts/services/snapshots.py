"""The one snapshot of a distribution: the earliest successful takeSnapshot whose memo carries its subject."""

from datetime import datetime, timedelta

from django.conf import settings
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
from payouts.services.times import duration, shown
from payouts.services.waiting import wait

SNAPSHOT_PLANNED = fault_point("distribution.snapshot_planned", scenario="payout")
SNAPSHOT_FIXED = fault_point("distribution.snapshot_fixed", scenario="payout")
SNAPSHOT_PURPOSE = "snapshot"
SNAPSHOT_GAS = 2_000_000
MOST_FAILED_SNAPSHOTS = 3

Status = ContractTransaction.Status


def ensure_snapshot(distribution: Distribution) -> bool:
    """True when ``snapshot_id`` is fixed and the time to pay has come; otherwise the next step was taken or the reason
    to wait stored.

    Between record time and payment no money is reserved: others may be paid from it, and a percentage is one of what
    is there when it is paid.
    """
    if distribution.snapshot_id is not None:
        return _is_due(distribution)
    if _comes_at(distribution, distribution.record_at, "the snapshot is taken"):
        return False
    latest = ContractTransaction.objects.of(distribution.snapshot_subject).last()
    if latest is None or latest.status in (Status.FAILED, Status.EXPIRED):
        _plan(distribution)
        return False
    if latest.is_open:
        wait(distribution, latest.waiting_reason or "the snapshot is under way")
        return False
    return _fix(distribution, latest)


def _is_due(distribution: Distribution) -> bool:
    words = "the snapshot is taken, paying begins"
    return not (distribution.is_held or _comes_at(distribution, distribution.execute_at, words))


def _comes_at(distribution: Distribution, at: datetime | None, words: str) -> bool:
    """Whether that time is still to come; then it is waited for."""
    now = clock.now()
    if at is None or at <= now:
        return False
    wait(distribution, f"{words} at {shown(at, distribution.zone)}", pause=at - now)
    return True


def _plan(distribution: Distribution) -> None:
    if reason := why_not_snapshot(distribution):
        hold_distribution(distribution, cause=Hold.Cause.PREFLIGHT, reason=reason)
        return
    asset = distribution.asset
    try:
        with transaction.atomic():
            if not _is_still_planned(distribution):
                return
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


def _is_still_planned(distribution: Distribution) -> bool:
    """Keeps its row, so that a cancel finds the call that is planned now."""
    rows = Distribution.objects.select_for_update().filter(status=Distribution.Status.PLANNING)
    return rows.filter(pk=distribution.pk).exists()


def take_for_record_date(distribution: Distribution) -> None:
    """One takeSnapshot, which makes the asset take that of its record date first. Its own snapshot pays nobody."""
    latest = ContractTransaction.objects.of(distribution.snapshot_subject).last()
    if latest is None or latest.status in (Status.FAILED, Status.EXPIRED):
        _plan(distribution)
    elif latest.is_open:
        wait(distribution, latest.waiting_reason or "the record-date snapshot is being taken")
    else:
        wait(distribution, "the mirror node does not show the record-date snapshot yet")


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
    """With the hold of one that came too late, so that it is placed once: who lifts it has judged it for ever."""
    columns = {"snapshot_id": snapshot_id, "snapshot_consensus_at": record.consensus_at}
    with transaction.atomic():
        is_first = Distribution.objects.filter(pk=distribution.pk, snapshot_id=None).update(**columns)
        if is_first and (reason := _why_late(distribution, record)):
            hold_distribution(distribution, cause=Hold.Cause.PREFLIGHT, reason=reason, needs_operator=True)
    distribution.refresh_from_db()
    SNAPSHOT_FIXED.reach(distribution.uid)
    return _is_due(distribution)


def _why_late(distribution: Distribution, record: TransactionRecord) -> str | None:
    record_at, zone = distribution.record_at, distribution.zone
    taken_at = clock.from_ns(clock.consensus_ns(record.consensus_at))
    if record_at is None or taken_at - record_at <= timedelta(seconds=settings.RECORD_LATENESS_SECONDS):
        return None
    return (
        f"the snapshot was taken at {shown(taken_at, zone)}, {duration(taken_at - record_at)} after the record time "
        f"{shown(record_at, zone)}; lift this hold to pay the holders of that moment, or cancel this distribution"
    )
