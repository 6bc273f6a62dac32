"""PLANNING: what the lines are computed from, holder pages, and the closed plan. Each step commits before the next."""

import hashlib
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from structlog.contextvars import bound_contextvars

from contracts import clock
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.gateways.errors import GatewayError, Refused
from contracts.leases import lease
from contracts.models import Hold
from contracts.transitions import move
from payouts.models import Distribution, PlanPage
from payouts.services.holding import align, hold_distribution
from payouts.services.kinds import plan_of
from payouts.services.lines import store_page
from payouts.services.plans import CannotPlan, Held, Owed, Plan
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
    except CannotPlan as error:
        _cannot_plan(distribution, str(error))
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
    plan = plan_of(distribution)
    if not (plan.prepare(distribution) and _ensure_pages(distribution, plan)):
        return
    if distribution.pages.filter(done_at=None).exists():
        _ring_pages(distribution)
        wait(distribution, _why_reading(distribution))
    elif _is_as_told(distribution) and plan.fund(distribution):
        _close(distribution)


def _why_reading(distribution: Distribution) -> str:
    failed = distribution.pages.filter(done_at=None).exclude(error="").order_by("number").first()
    return (
        f"page {failed.number} of the holders: {failed.error}"
        if failed
        else "reading the holders of the snapshot"
    )


def _ensure_pages(distribution: Distribution, plan: Plan) -> bool:
    """Reads how many holders there are and lays a row per page.

    Everything is asked at one block, so that a replica that lags says "unknown block" instead of giving an empty list.
    Raises CannotPlan.
    """
    if distribution.holder_count is not None:
        return True
    count, supply = plan.count(distribution)
    if not count or not supply:
        raise CannotPlan("nobody holds the asset; nobody can be paid")
    pages = _pages(distribution, plan, count)
    with transaction.atomic():
        unlaid = Distribution.objects.filter(pk=distribution.pk, holder_count=None)
        if unlaid.update(holder_count=count, supply_units=supply):
            PlanPage.objects.bulk_create(pages, batch_size=1_000)
    distribution.refresh_from_db()
    PAGES_LAID.reach(distribution.uid)
    return True


def _pages(distribution: Distribution, plan: Plan, count: int) -> list[PlanPage]:
    """A page holds whole batches: a batch that is not full would waste a signature."""
    batch_size = _batch_size(distribution, plan)
    size = max(1, settings.PLAN_PAGE_SIZE // batch_size) * batch_size
    columns = {"size": size, "view_size": _view_size(distribution, plan, size), "batch_size": batch_size}
    return [
        PlanPage(distribution=distribution, number=number, **columns)
        for number in range((count + size - 1) // size)
    ]


def _batch_size(distribution: Distribution, plan: Plan) -> int:
    """What the contract is known to take in one call; a batch that turns out too large is cut later."""
    if not plan.is_sized:
        return int(settings.CASH_OUT_BATCH_SIZE)
    learned = distribution.asset.payout_contract.learned_batch_size
    return min(learned or settings.BATCH_SIZE, settings.BATCH_SIZE)


def _view_size(distribution: Distribution, plan: Plan, size: int) -> int:
    """How many holders one view tells: ``size``, or as often halved as the asset's view ran out of gas."""
    while size % 2 == 0 and size > LEAST_VIEW_SIZE:
        try:
            plan.view(distribution, 0, size)
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
            words = (
                f"the asset lists a holder twice on page {page.number}; ask the issuer, then lift this hold"
            )
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


def _read(page: PlanPage) -> list[Owed]:
    """The holders of one page with what they are owed, by as many views as it takes."""
    plan, views = plan_of(page.distribution), page.size // page.view_size
    holders: list[Held] = []
    for number in range(page.number * views, (page.number + 1) * views):
        told = plan.view(page.distribution, number, page.view_size)
        holders += told
        if len(told) < page.view_size:
            break
    return plan.owed(page.distribution, holders)


def _ring_after(page: PlanPage) -> None:
    """Keeps as many pages under way as there were, and closes the plan after the last one."""
    number = page.number + settings.PLAN_PARALLEL_PAGES
    following = PlanPage.objects.filter(distribution=page.distribution, number=number, done_at=None).first()
    if following:
        ring("payouts.plan_page", following.pk)
    elif not page.distribution.pages.filter(done_at=None).exists():
        ring("payouts.advance_distribution", page.distribution_id)


def _totals(distribution: Distribution) -> dict[str, int]:
    sums = distribution.pages.aggregate(
        count=Sum("holder_count"), balances=Sum("balance_units"), expected=Sum("expected_units")
    )
    return {name: int(value or 0) for name, value in sums.items()}


def _is_as_told(distribution: Distribution) -> bool:
    """Whether the lines are exactly the holders that were counted; else a person has to look. Raises CannotPlan."""
    totals = _totals(distribution)
    if reason := _why_not_closed(distribution, totals["count"], totals["balances"]):
        hold_distribution(distribution, cause=Hold.Cause.PREFLIGHT, reason=reason, needs_operator=True)
        return False
    if not totals["expected"]:
        raise CannotPlan("the amount is too small: every holder's share rounds down to 0")
    return True


def _close(distribution: Distribution) -> None:
    """Closes the plan and starts paying."""
    totals, plan_hash = _totals(distribution), _plan_hash(distribution)
    with transaction.atomic():
        if not move(
            distribution,
            Status.PROCESSING,
            reason=f"plan closed: {totals['count']} holders",
            status_reason="",
            plan_hash=plan_hash,
            plan_closed_at=clock.now(),
            dust_units=(distribution.pool_units or 0) - totals["expected"],
        ):
            return
        reserving.shrink(distribution_uid=distribution.uid, units=totals["expected"])
        ring("payouts.feed", distribution.asset.payout_contract.wallet_id)
    PLAN_CLOSED.reach(distribution.uid)


def _why_not_closed(distribution: Distribution, count: int, balances: int) -> str | None:
    if count != distribution.holder_count:
        return f"the asset says {distribution.holder_count} holders, its list has {count}; ask the issuer"
    if balances > (distribution.supply_units or 0):
        return (
            f"the balances add up to {balances}, above the supply {distribution.supply_units}; ask the issuer"
        )
    return None


def _plan_hash(distribution: Distribution) -> str:
    """SHA-256 over the header and the hashes of all pages in order; what is approved is what is paid."""
    paid_for = distribution.corporate_action_id or distribution.snapshot_id
    digest = hashlib.sha256(f"{distribution.uid}:{paid_for}:{distribution.pool_units}\n".encode())
    for lines_hash in distribution.pages.order_by("number").values_list("lines_hash", flat=True):
        digest.update(f"{lines_hash}\n".encode())
    return digest.hexdigest()
