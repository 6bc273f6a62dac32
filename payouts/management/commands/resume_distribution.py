from typing import Any

from contracts.management.users import current_user
from payouts.management.controlling import ControlCommand
from payouts.models import Distribution
from payouts.services.stopping import resume_distribution


class Command(ControlCommand):
    help = "Lets a distribution go on that a person has stopped. Exit 0 resumed, 2 nobody has stopped it."

    def act(self, distribution: Distribution, reason: str, **options: Any) -> str:
        return resume_distribution(distribution, by=current_user(), reason=reason)
