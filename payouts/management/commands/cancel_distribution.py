from typing import Any

from contracts.management.users import current_user
from payouts.management.controlling import ControlCommand
from payouts.models import Distribution
from payouts.services.cancelling import cancel_distribution


class Command(ControlCommand):
    help = "Cancels a distribution that has paid nobody. Exit 0 cancelled, 2 it cannot be cancelled."

    def act(self, distribution: Distribution, reason: str, **options: Any) -> str:
        cancel_distribution(distribution, by=current_user(), reason=reason)
        return f"{distribution.uid} is cancelled: nobody is paid by it"
