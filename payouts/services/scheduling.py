"""Starting what is due: at its time, or as its policy for missed times says. Each distribution for itself."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from structlog.contextvars import bound_contextvars

from contracts import clock
from contracts.doorbell import ring
from contracts.models import Hold
from contracts.services.holds import PAYDATE, place_hold
from contracts.services.sweeping import single_flight
from contracts.transitions import move
from payouts.models import Distribution, Missed
from payouts.models.distributions import DistributionQuerySet
from payouts.services.depositing import ring_triggers
from payouts.services.recurring import create_due_occurrences
from payouts.services.starting import AlreadyStarted, NotStartable, execute_distribution
from payouts.services.times import duration, shown

Status = Distribution.Status
START_LOCK = 0x5041_5944_0014
PAGE = 25
SIDE_BY_SIDE = 8
# After a process died with a page in its hands.
TAKE_AGAIN = timedelta(seconds=20)
PAUSE_UNEXPECTED = timedelta(minutes=1)
ASKED = "its time was missed"
log = structlog.get_logger(__name__)


def start_due() -> None:
    """One tick: makes what series and deposits are due for, and has everything started whose time has come."""
    with single_flight(START_LOCK) as is_mine:
        if not is_mine:
            return
        create_due_occurrences()
        ring_triggers()
        pages = -(-_due(clock.now()).count() // PAGE)
        for number in range(min(pages, SIDE_BY_SIDE)):
            ring("payouts.start_some", number)


def start_some(number: int) -> None:
    """Starts what is due, page by page, until nothing is left. Several share the work, and it is theirs by the rows
    they take, not by their number: a task for each distribution would cost more than the start itself."""
    while pks := _take_due(clock.now()):
        for distribution in _rows().filter(pk__in=pks).order_by("execute_at", "pk"):
            _try_to_start(distribution)


def start_distribution(pk: int) -> None:
    """Starts this one, if it is due: twice does no harm. What stands in the way is written on its page."""
    if distribution := _rows().to_start(clock.now()).filter(pk=pk).first():
        _try_to_start(distribution)


def _rows() -> DistributionQuerySet:
    return Distribution.objects.select_related("asset__payout_contract", "asset__backing_contract")


def _due(now: datetime) -> DistributionQuerySet:
    return Distribution.objects.to_start(now).filter(next_attempt_at__lte=now)


@transaction.atomic
def _take_due(now: datetime) -> list[int]:
    """A page of which nobody else starts any: what was taken is not due until it should long have been started."""
    rows = _due(now).select_for_update(skip_locked=True, of=("self",)).order_by("execute_at", "pk")
    pks = list(rows.values_list("pk", flat=True)[:PAGE])
    Distribution.objects.filter(pk__in=pks, status=Status.PENDING).update(next_attempt_at=now + TAKE_AGAIN)
    return pks


def _try_to_start(distribution: Distribution) -> None:
    with bound_contextvars(distribution=distribution.uid):
        try:
            _start(distribution)
        except AlreadyStarted as error:
            log.info("race_lost", reason=str(error))
        except NotStartable as error:
            _say(distribution, str(error))
        except Exception as error:
            log.exception("unexpected_error")
            _say(distribution, f"unexpected error, see the log: {type(error).__name__}: {error}")


def _start(distribution: Distribution) -> None:
    late = _lateness(distribution)
    if late <= timedelta(seconds=settings.MISSED_AFTER_SECONDS) or _was_agreed(distribution):
        _run(distribution, "")
    else:
        words = f"its time was missed: it was due at {_due_words(distribution)}, {duration(late)} ago"
        _POLICIES[Missed(distribution.missed_policy)](distribution, words)


def _lateness(distribution: Distribution) -> timedelta:
    return clock.now() - (distribution.starts_at or clock.now())


def _due_words(distribution: Distribution) -> str:
    at = distribution.starts_at
    return shown(at, distribution.zone) if at else ""


def _was_agreed(distribution: Distribution) -> bool:
    """Whether a person has lifted the hold that asked."""
    asked = Hold.objects.filter(
        scope=Hold.Scope.DISTRIBUTION, object_uid=distribution.uid, reason__startswith=ASKED
    )
    return asked.filter(lifted_at__isnull=False).exclude(lifted_by=PAYDATE).exists()


def _run(distribution: Distribution, words: str) -> None:
    execute_distribution(
        distribution, by=PAYDATE, reason=words or f"it was due at {_due_words(distribution)}"
    )


@transaction.atomic
def _ask(distribution: Distribution, words: str) -> None:
    """HELD comes first, so that lifting the hold brings it back to PENDING, where it is found again."""
    reason = f"{words}; lift this hold to start it late, or cancel this distribution"
    is_mine = move(
        distribution,
        Status.HELD,
        reason=reason,
        status_reason=reason,
        status_before_hold=Status.PENDING,
    )
    if is_mine:
        scope, cause = Hold.Scope.DISTRIBUTION, Hold.Cause.PREFLIGHT
        place_hold(scope=scope, object_uid=distribution.uid, cause=cause, reason=reason, needs_operator=True)


@transaction.atomic
def _skip(distribution: Distribution, words: str) -> None:
    reason = f"{words}, and it was to be skipped then"
    move(distribution, Status.CANCELLED, reason=reason, status_reason=reason, ended_at=clock.now())


_POLICIES: dict[Missed, Callable[[Distribution, str], None]] = {
    Missed.RUN_LATE: _run,
    Missed.ASK: _ask,
    Missed.SKIP: _skip,
}


def _say(distribution: Distribution, words: str) -> None:
    """Why it could not be started; it is tried again, and keeps nobody else waiting meanwhile."""
    Distribution.objects.filter(pk=distribution.pk, status=Status.PENDING).update(
        status_reason=words, next_attempt_at=clock.now() + PAUSE_UNEXPECTED
    )
