"""Finding every distribution, page and batch again whose ring was lost, and what can go on by itself."""

from datetime import datetime, timedelta

import structlog
from django.db.models import Max, Q

from contracts import clock
from contracts.doorbell import ring
from contracts.gateways.errors import GatewayError
from contracts.leases import lease
from contracts.models import ContractTransaction, Hold
from contracts.services.holds import PAYDATE, lift_own
from contracts.services.sweeping import single_flight
from payouts.models import ACTIVE, Batch, Distribution, covered
from payouts.services.feeding import wallets_with_work
from payouts.services.finishing import finish_distribution, refresh_totals
from payouts.services.holding import align
from payouts.services.kinds import plan_of
from payouts.services.settling import waiting_for_settlement
from payouts.services.shared_answers import not_before
from payouts.services.showing import transactions_of
from payouts.services.transferring import due_reissues, look_after_reissues

log = structlog.get_logger(__name__)
Status = Distribution.Status

SWEEP_LOCK = 0x5041_5944_0003
MOST_RINGS = 500
RING_AGAIN = timedelta(seconds=5)
STEP = timedelta(milliseconds=50)
RECHECK = timedelta(seconds=3)


def sweep() -> None:
    """One tick: rings for what is due, and one look at every running distribution, each for itself."""
    with single_flight(SWEEP_LOCK) as is_mine:
        if not is_mine:
            return
        _ring_due()
        running = Distribution.objects.select_related("asset__payout_contract", "asset__backing_contract")
        for distribution in running.filter(_is_of_interest(), status__in=(*ACTIVE, Status.HELD)):
            _look_after(distribution)
        _look_after_reissues()


def _is_of_interest() -> Q:
    """Where a look can change something: a thousand that are planned under no hold would cost each tick seconds.

    Only the scopes of open holds are looked into: mostly there is none, and all of them make a wide query.
    """
    is_touched = Q(status=Status.HELD) | ~Q(plan_hash="")
    holds = Hold.objects.open()
    for scope in holds.order_by().values_list("scope", flat=True).distinct():
        if scope == Hold.Scope.GLOBAL:
            return Q()
        is_touched |= covered(scope, holds.filter(scope=scope).values("object_uid"))
    return is_touched


def _look_after_reissues() -> None:
    try:
        look_after_reissues()
    except Exception:
        log.exception("unexpected_error")


def _look_after(distribution: Distribution) -> None:
    try:
        align(distribution)
        is_running = distribution.plan_hash and not finish_distribution(distribution)
        if is_running and distribution.status == Status.PROCESSING:
            refresh_totals(distribution)
    except Exception:
        log.exception("unexpected_error", distribution=distribution.uid)


def _ring_due() -> None:
    now = clock.now()
    _ring_planning(now)
    for wallet in wallets_with_work():
        ring("payouts.feed", wallet)
    batches = list(
        Batch.objects.due(now).order_by("next_attempt_at").values_list("pk", flat=True)[:MOST_RINGS]
    )
    successful = waiting_for_settlement(batches)
    for pk in sorted(set(successful.values())):
        ring("payouts.settle", pk)
    others = [pk for pk in batches if pk not in successful]
    Batch.objects.filter(pk__in=others).update(next_attempt_at=now + RING_AGAIN)
    for pk in others:
        ring("payouts.pay_batch", pk)
    for pk in due_reissues():
        ring("payouts.pay_reissue", pk)
    own = Hold.objects.open().filter(
        placed_by=PAYDATE, needs_operator=False, cause__in=(Hold.Cause.RESERVE, Hold.Cause.PREFLIGHT)
    )
    held = Distribution.objects.filter(
        status=Status.HELD, uid__in=own.values("object_uid"), next_attempt_at__lte=now
    )
    for pk in held.order_by("started_at").values_list("pk", flat=True)[:MOST_RINGS]:
        ring("payouts.recheck_distribution", pk)


def _ring_planning(now: datetime) -> None:
    """What was rung for is left alone for as long as all of them may take, so that rings do not pile up."""
    due = Distribution.objects.due(now).order_by("next_attempt_at")
    pks = list(due.values_list("pk", flat=True)[:MOST_RINGS])
    again_at = now + max(RING_AGAIN, len(pks) * STEP)
    Distribution.objects.filter(pk__in=pks, next_attempt_at__lte=now).update(next_attempt_at=again_at)
    for pk in pks:
        ring("payouts.advance_distribution", pk)


def wake_distribution(pk: int) -> None:
    """After the last hold was lifted: go on planning, and ring for every batch that waited."""
    distribution = Distribution.objects.get(pk=pk)
    if distribution.status == Status.PLANNING:
        ring("payouts.advance_distribution", pk)
    for batch in distribution.batches.filter(status=Batch.Status.PROCESSING).values_list("pk", flat=True):
        ring("payouts.pay_batch", batch)
    ring("payouts.feed", distribution.asset.payout_contract.wallet_id)
    for call in transactions_of(distribution).open().exclude(status=ContractTransaction.Status.SUBMITTED):
        ring("contracts.sign_transaction", call.pk)


def recheck_distribution(pk: int) -> None:
    """Asks the chain whether the cause of our own hold is gone, before lifting it, so that nothing flaps."""
    with lease(Distribution, pk) as distribution:
        if distribution is None or distribution.status != Status.HELD:
            return
        Distribution.objects.filter(pk=pk).update(next_attempt_at=clock.now() + RECHECK)
        own = Hold.objects.open().filter(object_uid=distribution.uid, placed_by=PAYDATE, needs_operator=False)
        causes = set(own.values_list("cause", flat=True))
        try:
            _recheck(distribution, causes)
        except GatewayError as error:
            log.info("recheck_failed", distribution=distribution.uid, error=str(error))
        except Exception:
            log.exception("unexpected_error", distribution=distribution.uid)


def _recheck(distribution: Distribution, causes: set[str]) -> None:
    if Hold.Cause.RESERVE in causes:
        plan_of(distribution).take_money(distribution)
    if Hold.Cause.PREFLIGHT in causes and _is_mended(distribution):
        lift_own(
            scope=Hold.Scope.DISTRIBUTION,
            object_uid=distribution.uid,
            cause=Hold.Cause.PREFLIGHT,
            reason="pre-flight finds nothing in the way any more",
        )


def _is_mended(distribution: Distribution) -> bool:
    own = Hold.objects.open().filter(object_uid=distribution.uid, cause=Hold.Cause.PREFLIGHT)
    with not_before(own.aggregate(last=Max("placed_at"))["last"]):
        return plan_of(distribution).why_not(distribution) is None
