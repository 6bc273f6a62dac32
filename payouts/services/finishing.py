"""The end of a distribution, and its totals: always counted from the lines, because batches may have been cut."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Count, Max, Min, Q, Sum

from contracts import clock
from contracts.faults import fault_point
from contracts.gateways.errors import GatewayError
from contracts.transitions import move
from payouts.amounts import counted
from payouts.models import Distribution, Payment
from payouts.services.news import read_news
from reserves.services import reserving

log = structlog.get_logger(__name__)
Status = Distribution.Status
RUNNING = (Status.PROCESSING, Status.HELD)
ENDED = (Status.COMPLETED, Status.PARTIALLY_COMPLETED, Status.FAILED)
FINISHED = fault_point("distribution.finished", scenario="payout")
TOTALS_EVERY = timedelta(seconds=2)
# The first automatic retry comes with the next tick, the second half an hour after the first has failed.
FIRST_PAUSE = timedelta(minutes=30)
LONGEST_PAUSE = timedelta(days=1)


def finish_distribution(distribution: Distribution) -> bool:
    """Ends a distribution whose last batch has ended; whoever settles last does it, the others lose the race.

    One that has ended already is brought in line with its lines, which an event of the chain may have changed.
    True when its status moved.
    """
    if distribution.batches.open().exists():
        return False
    distribution.refresh_from_db()
    if not distribution.plan_hash or (distribution.status in RUNNING and not _has_read_news(distribution)):
        return False
    with transaction.atomic():
        has_moved = _end(distribution)
    if has_moved:
        FINISHED.reach(distribution.uid)
    return has_moved


def _has_read_news(distribution: Distribution) -> bool:
    """Nobody is called unpaid before the contract's events were read once more; without them the end waits."""
    if not distribution.payments.failed().exists():
        return True
    try:
        read_news(distribution)
    except GatewayError as error:
        reason = f"waits for the contract's events before it ends: {error}"
        Distribution.objects.filter(pk=distribution.pk, status=Status.PROCESSING).update(status_reason=reason)
        return False
    return True


def count_again(distribution: Distribution) -> None:
    """Totals, status, next retry and reservation of an ended run follow its lines, in the caller's transaction.

    One under way again is left to its end.
    """
    distribution.refresh_from_db(from_queryset=Distribution.objects.select_for_update())
    if distribution.status in ENDED:
        _correct_end(distribution, count_totals(distribution))


def _end(distribution: Distribution) -> bool:
    """Counts under the lock of the row: whoever changes lines afterwards comes here afterwards, too."""
    distribution.refresh_from_db(from_queryset=Distribution.objects.select_for_update())
    totals = count_totals(distribution)
    if distribution.status in RUNNING:
        return _end_run(distribution, totals)
    return distribution.status in ENDED and _correct_end(distribution, totals)


def _end_run(distribution: Distribution, totals: dict[str, Any]) -> bool:
    if pending := distribution.payments.filter(status=Payment.Status.PENDING).count():
        log.critical("lines_in_no_open_batch", distribution=distribution.uid, lines=pending)
        return False
    next_retry_at = _settle_reservation(distribution)
    return move(
        distribution,
        _end_status(totals),
        reason=_counts(totals),
        status_reason=end_words(totals["failed_count"], next_retry_at),
        ended_at=clock.now(),
        totals_at=clock.now(),
        next_retry_at=next_retry_at,
        **totals,
    )


def _correct_end(distribution: Distribution, totals: dict[str, Any]) -> bool:
    """Lines were paid after the end. A retry that was to come is left where it is while lines remain for it."""
    if all(getattr(distribution, name) == value for name, value in totals.items()):
        return False
    next_retry_at = distribution.next_retry_at if _settle_reservation(distribution) else None
    status_reason = end_words(totals["failed_count"], next_retry_at)
    columns = {"status_reason": status_reason, "next_retry_at": next_retry_at, **totals}
    if (status := _end_status(totals)) != distribution.status:
        return move(distribution, status, reason=_counts(totals), **columns)
    Distribution.objects.filter(pk=distribution.pk).update(**columns)
    distribution.refresh_from_db()
    return False


def _settle_reservation(distribution: Distribution) -> datetime | None:
    """Keeps the money of the lines that will be tried again by themselves, and says when; frees all other."""
    waiting = distribution.payments.tried_again_by_itself()
    left = waiting.aggregate(units=Sum("expected_units"), most=Max("retries"))
    if left["most"] is None:
        reserving.close(distribution_uid=distribution.uid)
        return None
    reserving.keep(distribution_uid=distribution.uid, units=int(left["units"]))
    return clock.now() + pause_after(left["most"])


def plan_next_retry(distribution: Distribution) -> None:
    """A try was used up without sending anything; in the caller's transaction, which holds the row's lock."""
    next_retry_at = _settle_reservation(distribution)
    Distribution.objects.filter(pk=distribution.pk).update(
        next_retry_at=next_retry_at, status_reason=end_words(distribution.failed_count, next_retry_at)
    )


def keep_what_is_retried(distribution: Distribution) -> None:
    """Lines were taken out of what is tried again; in the caller's transaction, which holds the row's lock."""
    if distribution.next_retry_at is None:
        return
    next_retry_at = distribution.next_retry_at if _settle_reservation(distribution) else None
    reason = end_words(distribution.failed_count, next_retry_at)
    Distribution.objects.filter(pk=distribution.pk).update(next_retry_at=next_retry_at, status_reason=reason)


def say_why_not_retried(distribution: Distribution, reason: str) -> None:
    """The retry stays due; what hinders it stands beside what was said about the end."""
    distribution.refresh_from_db()
    words = f"{end_words(distribution.failed_count, distribution.next_retry_at)}; not yet, because {reason}"
    still = Distribution.objects.filter(pk=distribution.pk, status=distribution.status)
    still.filter(next_retry_at=distribution.next_retry_at).update(status_reason=words)
    log.info("not_retried", distribution=distribution.uid, reason=reason)


def pause_after(retries: int) -> timedelta:
    """How long failed lines rest before the next automatic retry: nothing, half an hour, two hours, eight, a day."""
    if not retries:
        return timedelta(0)
    growing: timedelta = FIRST_PAUSE * 4 ** min(retries - 1, 10)
    return min(growing, LONGEST_PAUSE)


def end_words(failed: int, next_retry_at: datetime | None) -> str:
    """What is said about an end: nothing when everybody is paid."""
    if not failed:
        return ""
    count = f"{counted(failed, 'holder')} {'was' if failed == 1 else 'were'} not paid"
    if next_retry_at is None:
        return f"{count}; no automatic retry is left: mend the cause, then retry by hand"
    return f"{count}; tried again by itself after {next_retry_at:%Y-%m-%d %H:%M} UTC"


def _counts(totals: dict[str, Any]) -> str:
    return f"{totals['paid_count']} paid, {totals['failed_count']} failed"


def _end_status(totals: dict[str, Any]) -> str:
    if not totals["failed_count"]:
        return Status.COMPLETED
    return Status.PARTIALLY_COMPLETED if totals["paid_count"] else Status.FAILED


def count_totals(distribution: Distribution) -> dict[str, Any]:
    """Counts, sum and first and last consensus time, by one statement over the lines."""
    totals = distribution.payments.aggregate(
        paid_count=Count("id", filter=Q(status=Payment.Status.PAID)),
        failed_count=Count("id", filter=Q(status=Payment.Status.FAILED)),
        paid_units=Sum("paid_units"),
        executed_at=Min("paid_at", filter=~Q(paid_at="")),
        completed_at=Max("paid_at", filter=~Q(paid_at="")),
    )
    return {
        **totals,
        "paid_units": int(totals["paid_units"] or 0),
        "executed_at": totals["executed_at"] or "",
        "completed_at": totals["completed_at"] or "",
    }


def refresh_totals(distribution: Distribution) -> None:
    """Counts a running distribution again, at most every two seconds, however many sweepers there are."""
    now = clock.now()
    running = Distribution.objects.filter(pk=distribution.pk, status__in=RUNNING)
    is_old = Q(totals_at=None) | Q(totals_at__lte=now - TOTALS_EVERY)
    if running.filter(is_old).update(totals_at=now):
        running.update(**count_totals(distribution))
