"""Making a distribution wait: the reason is stored, and the sweeper comes back."""

from datetime import timedelta

from contracts import clock
from payouts.models import Distribution

SHORT_PAUSE = timedelta(seconds=2)


def wait(distribution: Distribution, reason: str, *, pause: timedelta = SHORT_PAUSE) -> None:
    """Stores when to look again, and why while it is being planned: a hold's reason stays where it is."""
    distribution.next_attempt_at = clock.now() + pause
    rows = Distribution.objects.filter(pk=distribution.pk)
    rows.update(next_attempt_at=distribution.next_attempt_at)
    rows.filter(status=Distribution.Status.PLANNING).update(status_reason=reason)
