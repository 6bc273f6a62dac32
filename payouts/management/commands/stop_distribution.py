from typing import Any

from contracts.management.users import current_user
from payouts.management.controlling import ControlCommand
from payouts.models import Distribution
from payouts.services.stopping import stop_distribution


class Command(ControlCommand):
    help = (
        "Stops a distribution after what is under way: nothing new is sent until resume_distribution. "
        "Exit 0 stopped, 2 it cannot be stopped."
    )

    def act(self, distribution: Distribution, reason: str, **options: Any) -> str:
        return stop_distribution(distribution, by=current_user(), reason=reason)
