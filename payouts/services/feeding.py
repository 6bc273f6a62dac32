"""Starting batches: fairly over the distributions of a wallet, and never more than the window holds.

The window keeps custody's queue short: a distribution that starts beside one of a hundred thousand holders
gets its share with the next signatures, not after all of the other's.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef

from contracts import clock
from contracts.doorbell import ring
from contracts.models import Contract, ContractTransaction
from contracts.services.planning import AlreadyOpen, Owner, Waiting, plan_first_attempts
from contracts.transitions import record_moves
from payouts.models import Batch, Distribution
from payouts.services import sizing
from payouts.services.kinds import plan_of
from payouts.services.paying import BATCH_PLANNED, BATCH_PURPOSE, call_for
from payouts.services.splitting import cut
from payouts.services.waiting import PAUSE

FEED_LOCK = 0x5044_0001
# Below this part of the window it is not worth a transaction yet: the next sendings ring again.
LEAST_ROOM = 4

Status = ContractTransaction.Status


def feed(wallet_id: int) -> None:
    """Starts as many waiting batches of a wallet's distributions as the window has room for.

    Whoever comes while another one feeds returns at once: a ring follows each sending, and the sweep rings too.
    """
    started = []
    with transaction.atomic():
        if not _is_mine(wallet_id):
            return
        for distribution, count in _shares(wallet_id, clock.now()):
            started += [distribution.uid] * _start(distribution, count)
    for uid in started:
        BATCH_PLANNED.reach(uid)


def wallets_with_work() -> list[int]:
    """The wallets that have a batch to start, for the sweep."""
    running = Distribution.objects.filter(_has_waiting(clock.now()), status=Distribution.Status.PROCESSING)
    return list(running.values_list("asset__payout_contract__wallet_id", flat=True).order_by().distinct())


def _is_mine(wallet_id: int) -> bool:
    """A lock of the transaction, so that it ends with it whatever happens."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [FEED_LOCK, wallet_id])
        return bool(cursor.fetchone()[0])


def _has_waiting(now: datetime) -> Exists:
    return Exists(
        Batch.objects.filter(
            distribution=OuterRef("pk"), status=Batch.Status.PENDING, next_attempt_at__lte=now
        )
    )


def _shares(wallet_id: int, now: datetime) -> Iterator[tuple[Distribution, int]]:
    """How many batches each running distribution may start: the one with the fewest under way gets the next."""
    rows = Distribution.objects.select_related(
        "asset__payout_contract__wallet", "asset__payout_contract__payment_token", "asset__backing_contract"
    )
    running = rows.filter(
        _has_waiting(now),
        status=Distribution.Status.PROCESSING,
        asset__payout_contract__wallet_id=wallet_id,
    )
    hungry = {one.uid: one for one in running.order_by("started_at", "pk")}
    if not hungry:
        return
    under_way = _under_way(wallet_id)
    room = settings.PAYMENTS_IN_FLIGHT - under_way.total()
    if room * LEAST_ROOM < settings.PAYMENTS_IN_FLIGHT:
        return
    shares = _divide(room, {uid: under_way[uid] for uid in hungry})
    yield from ((hungry[uid], count) for uid, count in shares.items())


def _under_way(wallet_id: int) -> Counter[str]:
    """Calls not yet sent, by distribution. What is held does not go on, so it takes no place from the others."""
    going = Distribution.objects.filter(status=Distribution.Status.PROCESSING)
    unsent = ContractTransaction.objects.filter(
        wallet_id=wallet_id, status__in=(Status.PLANNED, Status.SIGNED), group_uid__in=going.values("uid")
    )
    rows = unsent.order_by().values_list("group_uid").annotate(Count("pk"))
    return Counter(dict(rows))


def _divide(room: int, under_way: dict[str, int]) -> Counter[str]:
    """``room`` places, one after another to whoever has the fewest; ties in the given order."""
    queue = [(count, place, uid) for place, (uid, count) in enumerate(under_way.items())]
    heapq.heapify(queue)
    shares: Counter[str] = Counter()
    for _ in range(room):
        count, place, uid = queue[0]
        shares[uid] += 1
        heapq.heapreplace(queue, (count + 1, place, uid))
    return shares


def _start(distribution: Distribution, count: int) -> int:
    """Plans the calls of up to ``count`` waiting batches, cut to the size the contract takes; returns how many."""
    contract = distribution.asset.payout_contract
    if plan_of(distribution).is_sized:
        count = min(count, _room_while_searching(contract, count))
        batches = _next_batches(distribution, count, sizing.size_for_next(contract))
    else:
        batches = _next_batches(distribution, count, settings.CASH_OUT_BATCH_SIZE)
    if not batches:
        return 0
    try:
        with transaction.atomic():
            _plan(distribution, batches)
    except Waiting as error:
        Batch.objects.filter(pk__in=[batch.pk for batch in batches]).update(
            waiting_reason=str(error), next_attempt_at=clock.now() + PAUSE
        )
        return 0
    except AlreadyOpen:
        _follow_existing(batches)
        return 0
    return len(batches)


def _room_while_searching(contract: Contract, count: int) -> int:
    """While the size of this contract's calls is being searched for, only so many may be in flight."""
    most = sizing.most_in_flight(contract)
    if most is None:
        return count
    # What a hold keeps from being sent would keep the contract's other distributions waiting as well.
    processing = Batch.objects.filter(
        status=Batch.Status.PROCESSING,
        distribution__status=Distribution.Status.PROCESSING,
        distribution__asset__payout_contract=contract,
    )
    return max(0, most - processing.count())


def _next_batches(distribution: Distribution, count: int, size: int) -> list[Batch]:
    waiting = distribution.batches.filter(status=Batch.Status.PENDING, next_attempt_at__lte=clock.now())
    rows = waiting.order_by("number").select_for_update(skip_locked=True, of=("self",))[:count]
    batches: list[Batch] = []
    for batch in rows:
        if len(batches) >= count:
            break
        batch.distribution = distribution
        batches += cut(batch, size) if batch.total > size else [batch]
    return batches[:count]


def _plan(distribution: Distribution, batches: list[Batch]) -> None:
    """PROCESSING and the planned calls are one commit."""
    contract = distribution.asset.payout_contract
    has_guard = plan_of(distribution).has_guard
    owner = Owner(contract.wallet, contract, BATCH_PURPOSE, distribution.uid, has_guard=has_guard)
    plan_first_attempts(owner, {batch.subject: call_for(batch) for batch in batches})
    _move_to_processing(batches)


def _move_to_processing(batches: list[Batch]) -> None:
    """Their rows are locked, so none can be lost to somebody else."""
    pending, processing = Batch.Status.PENDING, Batch.Status.PROCESSING
    Batch.objects.filter(pk__in=[batch.pk for batch in batches], status=pending).update(
        status=processing, waiting_reason=""
    )
    reason = Batch.TRANSITIONS.reason(pending, processing)
    for batch in batches:
        batch.status = processing
    record_moves((batch, pending, processing, reason) for batch in batches)


def _follow_existing(batches: list[Batch]) -> None:
    """A batch that waits has no attempt of ours, unless one was found on chain after a restore: that one counts."""
    existing = set(
        ContractTransaction.objects.filter(subject__in=[batch.subject for batch in batches]).values_list(
            "subject", flat=True
        )
    )
    found = [batch for batch in batches if batch.subject in existing]
    _move_to_processing(found)
    for batch in found:
        ring("payouts.pay_batch", batch.pk)
