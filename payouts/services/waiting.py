"""Making a distribution wait: the reason is stored, and the sweeper comes back."""

from datetime import timedelta

from contracts import clock
from payouts.models import Distribution

SHORT_PAUSE = timedelta(seconds=2)


def wait(distribution: Distribution, reason: str, *, pause: timedelta = SHORT_PAUSE) -> None:
    """Stores why, unless a hold's reason stands there, and when to look again."""
    distribution.next_attempt_at = clock.now() + pause
    rows = Distribution.objects.filter(pk=distribution.pk)
    rows.update(next_attempt_at=distribution.next_attempt_at)
    rows.exclude(status=Distribution.Status.HELD).update(status_reason=reason)
