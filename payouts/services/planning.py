"""PLANNING: snapshot, frozen pool, holder pages, and the closed plan. Each step commits before the next."""

import hashlib
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from structlog.contextvars import bound_contextvars

from contracts import clock
from contracts.addresses import ZERO_ADDRESS
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.gateways.errors import GatewayError, Refused
from contracts.leases import lease
from contracts.models import Hold
from contracts.transitions import move
from payouts.models import Distribution, PlanPage
from payouts.services import chain
from payouts.services.funding import ensure_pool
from payouts.services.holding import align, hold_distribution
from payouts.services.lines import store_page
from payouts.services.snapshots import ensure_snapshot
from payouts.services.waiting import wait
from reserves.services import reserving

Status = Distribution.Status
PAGES_LAID = fault_point("plan.pages_laid", scenario="payout")
PAGE_STORED = fault_point("plan.page_stored", scenario="payout")
PLAN_CLOSED = fault_point("plan.closed", scenario="payout")
LEAST_VIEW_SIZE = 25
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
    pages = _pages(distribution, count)
    with transaction.atomic():
        unlaid = Distribution.objects.filter(pk=distribution.pk, holder_count=None)
        if unlaid.update(holder_count=count, supply_units=supply):
            PlanPage.objects.bulk_create(pages, batch_size=1_000)
    distribution.refresh_from_db()
    PAGES_LAID.reach(distribution.uid)
    return True


def _pages(distribution: Distribution, count: int) -> list[PlanPage]:
    """A page holds whole batches: a batch that is not full would waste a signature."""
    batch_size = _batch_size(distribution)
    size = max(1, settings.PLAN_PAGE_SIZE // batch_size) * batch_size
    columns = {"size": size, "view_size": _view_size(distribution, size), "batch_size": batch_size}
    return [
        PlanPage(distribution=distribution, number=number, **columns)
        for number in range((count + size - 1) // size)
    ]


def _batch_size(distribution: Distribution) -> int:
    """What the contract is known to take in one call; a batch that turns out too large is cut later."""
    learned = distribution.asset.payout_contract.learned_batch_size
    return min(learned or settings.BATCH_SIZE, settings.BATCH_SIZE)


def _view_size(distribution: Distribution, size: int) -> int:
    """How many holders one view tells: ``size``, or as often halved as the asset's view ran out of gas."""
    while size % 2 == 0 and size > LEAST_VIEW_SIZE:
        try:
            read_view(distribution, number=0, size=size)
        except Refused as error:
            log.info("view_too_large", distribution=distribution.uid, size=size, error=str(error))
            size //= 2
        else:
            break
    return size


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
            is_stored = store_page(page, _read(page))
        except IntegrityError as error:
            if "payment_once_per_holder" not in str(error):
                raise
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
    """The holders of one page with their balances, by as many views as it takes."""
    views = page.size // page.view_size
    numbers = range(page.number * views, (page.number + 1) * views)
    holders: list[tuple[str, int]] = []
    for number in numbers:
        told = read_view(page.distribution, number=number, size=page.view_size)
        holders += told
        if len(told) < page.view_size:
            break
    return holders


def read_view(distribution: Distribution, *, number: int, size: int) -> list[tuple[str, int]]:
    """Holders and balances as one view of the snapshot tells them, as of the block that froze the pool."""
    rows = chain.ask_asset(
        distribution.asset,
        "balancesOfAtSnapshot",
        distribution.snapshot_id,
        number,
        size,
        block=distribution.pool_block,
    )
    return [(holder, balance) for holder, balance in rows if holder != ZERO_ADDRESS]


def _ring_after(page: PlanPage) -> None:
    """Keeps as many pages under way as there were, and closes the plan after the last one."""
    number = page.number + settings.PLAN_PARALLEL_PAGES
    following = PlanPage.objects.filter(distribution=page.distribution, number=number, done_at=None).first()
    if following:
        ring("payouts.plan_page", following.pk)
    elif not page.distribution.pages.filter(done_at=None).exists():
        ring("payouts.advance_distribution", page.distribution_id)


def _close(distribution: Distribution) -> None:
    """Closes the plan if its lines are exactly the snapshot's holders, and starts paying."""
    totals = distribution.pages.aggregate(
        count=Sum("holder_count"), balances=Sum("balance_units"), expected=Sum("expected_units")
    )
    if reason := _why_not_closed(distribution, totals["count"], int(totals["balances"] or 0)):
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
        ring("payouts.feed", distribution.asset.payout_contract.wallet_id)
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
    """SHA-256 over the header and the hashes of all pages in order; what is approved is what is paid."""
    digest = hashlib.sha256(
        f"{distribution.uid}:{distribution.snapshot_id}:{distribution.pool_units}\n".encode()
    )
    for lines_hash in distribution.pages.order_by("number").values_list("lines_hash", flat=True):
        digest.update(f"{lines_hash}\n".encode())
    return digest.hexdigest()
