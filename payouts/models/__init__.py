from payouts.models.batches import Batch, Payment
from payouts.models.distributions import ACTIVE, Distribution, PlanPage

__all__ = ["ACTIVE", "Batch", "Distribution", "Payment", "PlanPage"]
