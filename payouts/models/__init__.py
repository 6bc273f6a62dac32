from payouts.models.batches import Batch, Payment
from payouts.models.distributions import ACTIVE, UNSETTLED, Distribution, PlanPage
from payouts.models.sizing import BatchSizing

__all__ = ["ACTIVE", "UNSETTLED", "Batch", "BatchSizing", "Distribution", "Payment", "PlanPage"]
