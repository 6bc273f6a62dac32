"""PLANNING: snapshot, frozen pool, holder pages, and the closed plan. Each step commits before the next."""

import hashlib
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q, Sum
from structlog.contextvars import bound_contextvars

from contracts import clock
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.gateways.errors import GatewayError
from contracts.leases import lease
from contracts.models import Hold
from contracts.transitions import move
from payouts.amounts import share_units
from payouts.models import Batch, Distribution, Payment, PlanPage
from payouts.services import chain
from payouts.services.funding import ensure_pool
from payouts.services.holding import align, hold_distribution
from payouts.services.snapshots import ensure_snapshot
from payouts.services.waiting import wait
from reserves.services import reserving

Status = Distribution.Status
PAGES_LAID = fault_point("plan.pages_laid", scenario="payout")
PAGE_STORED = fault_point("plan.page_stored", scenario="payout")
PLAN_CLOSED = fault_point("plan.closed", scenario="payout")
FETCH_ROWS = 5_000
PAGE_PAUSE = timedelta(seconds=2)
PAUSE_UNEXPECTED = timedelta(minutes=1)
log = structlog.get_logger(__name__)


def advance_distribution(pk: int) -> None:
    """Takes a distribution as far through PLANNING as it will go now."""
    with lease(Distribution, pk) as distribution:
        if distribution is None or distribution.status != Status.PLANNING:
            return
        with bound_contextvars(distribution=distribution.uid):
            _take_step(distribution)


def _take_step(distribution: Distribution) -> None:
    try:
        _advance(distribution)
    except GatewayError as error:
        wait(distribution, f"the chain could not be asked: {error}")
    except Exception as error:
        log.exception("unexpected_error")
        words = f"unexpected error, see the log of {distribution.uid}: {type(error).__name__}: {error}"
        wait(distribution, words, pause=PAUSE_UNEXPECTED)


def _advance(distribution: Distribution) -> None:
    align(distribution)
    if distribution.status != Status.PLANNING:
        return
    if not (ensure_snapshot(distribution) and ensure_pool(distribution) and _ensure_pages(distribution)):
        return
    if distribution.pages.filter(done_at=None).exists():
        _ring_pages(distribution)
        wait(distribution, _why_reading(distribution))
    else:
        _close(distribution)


def _why_reading(distribution: Distribution) -> str:
    failed = distribution.pages.filter(done_at=None).exclude(error="").order_by("number").first()
    return (
        f"page {failed.number} of the holders: {failed.error}"
        if failed
        else "reading the holders of the snapshot"
    )


def _ensure_pages(distribution: Distribution) -> bool:
    """Reads how many holders the snapshot has and lays a row per page; False when it cannot be planned.

    Everything is asked at the block that froze the pool, so that a replica that lags says "unknown block"
    instead of giving an empty list.
    """
    if distribution.holder_count is not None:
        return True
    snapshot_id, block = distribution.snapshot_id, distribution.pool_block
    count = chain.ask_asset(distribution.asset, "getTotalTokenHoldersAtSnapshot", snapshot_id, block=block)
    supply = chain.ask_asset(distribution.asset, "totalSupplyAtSnapshot", snapshot_id, block=block)
    if not count or not supply:
        _cannot_plan(distribution, f"the snapshot {snapshot_id} has no holders; nobody can be paid")
        return False
    size = settings.PLAN_PAGE_SIZE
    pages = [
        PlanPage(distribution=distribution, number=number, size=size)
        for number in range((count + size - 1) // size)
    ]
    with transaction.atomic():
        unlaid = Distribution.objects.filter(pk=distribution.pk, holder_count=None)
        if unlaid.update(holder_count=count, supply_units=supply):
            PlanPage.objects.bulk_create(pages, batch_size=1_000)
    distribution.refresh_from_db()
    PAGES_LAID.reach(distribution.uid)
    return True


def _cannot_plan(distribution: Distribution, reason: str) -> None:
    with transaction.atomic():
        if move(distribution, Status.FAILED, reason=reason, status_reason=reason, ended_at=clock.now()):
            reserving.close(distribution_uid=distribution.uid)


def _ring_pages(distribution: Distribution) -> None:
    now = clock.now()
    free = distribution.pages.filter(done_at=None, next_attempt_at__lte=now).filter(
        Q(lease_until=None) | Q(lease_until__lt=now)
    )
    for pk in free.order_by("number").values_list("pk", flat=True)[: settings.PLAN_PARALLEL_PAGES]:
        ring("payouts.plan_page", pk)


def plan_page(pk: int) -> None:
    """Reads one page of holders and stores its lines and its done flag in one commit."""
    with lease(PlanPage, pk) as page:
        if page is None or page.done_at is not None or page.distribution.status != Status.PLANNING:
            return
        try:
            is_stored = _store_page(page, _read(page))
        except IntegrityError:
            words = f"the snapshot lists a holder twice on page {page.number}; ask the issuer, then lift this hold"
            cause = Hold.Cause.PREFLIGHT
            hold_distribution(page.distribution, cause=cause, reason=words, needs_operator=True)
        except (GatewayError, ValueError) as error:
            log.warning(
                "page_not_read", distribution=page.distribution.uid, page=page.number, error=str(error)
            )
            PlanPage.objects.filter(pk=pk).update(error=str(error), next_attempt_at=clock.now() + PAGE_PAUSE)
        else:
            if is_stored:
                PAGE_STORED.reach(page.distribution.uid)
                _ring_after(page)


def _read(page: PlanPage) -> list[tuple[str, int]]:
    distribution = page.distribution
    rows = chain.ask_asset(
        distribution.asset,
        "balancesOfAtSnapshot",
        distribution.snapshot_id,
        page.number,
        page.size,
        block=distribution.pool_block,
    )
    return [(holder, balance) for holder, balance in rows if holder != chain.ZERO_ADDRESS]


def _store_page(page: PlanPage, holders: list[tuple[str, int]]) -> bool:
    lines = [_line(page, place, holder, balance) for place, (holder, balance) in enumerate(holders)]
    done = {
        "done_at": clock.now(),
        "error": "",
        "holder_count": len(holders),
        "balance_units": sum(balance for _, balance in holders),
    }
    with transaction.atomic():
        if not PlanPage.objects.filter(pk=page.pk, done_at=None).update(**done):
            return False
        Payment.objects.bulk_create(lines)
    return True


def _line(page: PlanPage, place: int, holder: str, balance: int) -> Payment:
    distribution = page.distribution
    expected = share_units(
        pool_units=distribution.pool_units or 0,
        balance_units=balance,
        supply_units=distribution.supply_units or 1,
    )
    return Payment(
        distribution=distribution,
        ordinal=page.number * page.size + place,
        holder=holder,
        balance_units=balance,
        expected_units=expected,
        status=Payment.Status.PENDING if expected else Payment.Status.SKIPPED,
    )


def _ring_after(page: PlanPage) -> None:
    """Keeps as many pages under way as there were, and closes the plan after the last one."""
    number = page.number + settings.PLAN_PARALLEL_PAGES
    following = PlanPage.objects.filter(distribution=page.distribution, number=number, done_at=None).first()
    if following:
        ring("payouts.plan_page", following.pk)
    elif not page.distribution.pages.filter(done_at=None).exists():
        ring("payouts.advance_distribution", page.distribution_id)


def _close(distribution: Distribution) -> None:
    """Closes the plan if its lines are exactly the snapshot's holders, cuts it into batches and starts paying."""
    totals = distribution.payments.aggregate(
        count=Count("id"), balances=Sum("balance_units"), expected=Sum("expected_units")
    )
    if reason := _why_not_closed(distribution, totals["count"], totals["balances"] or 0):
        hold_distribution(distribution, cause=Hold.Cause.PREFLIGHT, reason=reason, needs_operator=True)
        return
    expected = int(totals["expected"] or 0)
    if not expected:
        _cannot_plan(distribution, "the amount is too small: every holder's share rounds down to 0")
        return
    plan_hash = _plan_hash(distribution)
    with transaction.atomic():
        if not move(
            distribution,
            Status.PROCESSING,
            reason=f"plan closed: {totals['count']} holders",
            status_reason="",
            plan_hash=plan_hash,
            plan_closed_at=clock.now(),
            dust_units=(distribution.pool_units or 0) - expected,
        ):
            return
        reserving.shrink(distribution_uid=distribution.uid, units=expected)
        _cut(distribution)
    PLAN_CLOSED.reach(distribution.uid)


def _why_not_closed(distribution: Distribution, count: int, balances: int) -> str | None:
    if count != distribution.holder_count:
        return f"the snapshot says {distribution.holder_count} holders, its list has {count}; ask the issuer"
    if balances > (distribution.supply_units or 0):
        return (
            f"the balances add up to {balances}, above the supply {distribution.supply_units}; ask the issuer"
        )
    return None


def _plan_hash(distribution: Distribution) -> str:
    """SHA-256 over the header and every line in order; what is approved is what is paid."""
    digest = hashlib.sha256(
        f"{distribution.uid}:{distribution.snapshot_id}:{distribution.pool_units}\n".encode()
    )
    lines = distribution.payments.order_by("ordinal").values_list(
        "ordinal", "holder", "balance_units", "expected_units"
    )
    for line in lines.iterator(chunk_size=FETCH_ROWS):
        digest.update((":".join(str(part) for part in line) + "\n").encode())
    return digest.hexdigest()


def _cut(distribution: Distribution) -> None:
    """Batches of at most BATCH_SIZE holders, in the order of the snapshot's list."""
    number: int = (distribution.batches.aggregate(last=Max("number"))["last"] or 0) + 1
    waiting = distribution.payments.filter(status=Payment.Status.PENDING).order_by("ordinal")
    chunk: list[tuple[int, str]] = []
    for line in waiting.values_list("ordinal", "holder").iterator(chunk_size=FETCH_ROWS):
        chunk.append(line)
        if len(chunk) == settings.BATCH_SIZE:
            _add_batch(distribution, number, chunk)
            number, chunk = number + 1, []
    if chunk:
        _add_batch(distribution, number, chunk)


def _add_batch(distribution: Distribution, number: int, lines: list[tuple[int, str]]) -> None:
    batch = Batch.objects.create(
        distribution=distribution, number=number, holders=[holder for _, holder in lines], total=len(lines)
    )
    places = {"ordinal__gte": lines[0][0], "ordinal__lte": lines[-1][0]}
    distribution.payments.filter(status=Payment.Status.PENDING, **places).update(batch=batch)
    ring("payouts.pay_batch", batch.pk)
