"""Making a distribution or a batch wait: the reason is stored, and the sweeper comes back."""

from datetime import datetime, timedelta

from contracts import clock
from contracts.doorbell import ring
from payouts.models import Batch, Distribution

SHORT_PAUSE = timedelta(seconds=2)
PAUSE = timedelta(seconds=5)
LONG_PAUSE = timedelta(minutes=1)


def wait(distribution: Distribution, reason: str, *, pause: timedelta = SHORT_PAUSE) -> None:
    """Stores when to look again, and why while it is being planned: a hold's reason stays where it is.

    A pause shorter than a sweep's gets a ring of its own.
    """
    distribution.next_attempt_at = clock.now() + pause
    if distribution.status == Distribution.Status.PLANNING and pause < SHORT_PAUSE:
        ring("payouts.advance_distribution", distribution.pk, after=pause.total_seconds())
    rows = Distribution.objects.filter(pk=distribution.pk)
    rows.update(next_attempt_at=distribution.next_attempt_at)
    rows.filter(status=Distribution.Status.PLANNING).update(status_reason=reason)


def wait_until(distribution: Distribution, reason: str, at: datetime) -> None:
    """Until a time that may be far away; it is looked at again within a minute, because times on chain move."""
    wait(distribution, reason, pause=min(max(at - clock.now(), SHORT_PAUSE), LONG_PAUSE))


def wait_batch(batch: Batch, reason: str, *, pause: timedelta = PAUSE) -> None:
    Batch.objects.filter(pk=batch.pk).update(waiting_reason=reason, next_attempt_at=clock.now() + pause)
