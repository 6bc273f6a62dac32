from payouts.models.actions import ActionImport, CorporateAction
from payouts.models.amounts import AmountType
from payouts.models.batches import Batch, Payment
from payouts.models.control import Approval, Reissue
from payouts.models.distributions import ACTIVE, UNSETTLED, Distribution, PlanPage, covered
from payouts.models.schedules import DepositTrigger, Missed, Schedule
from payouts.models.sizing import BatchSizing

__all__ = [
    "ACTIVE",
    "UNSETTLED",
    "ActionImport",
    "AmountType",
    "Approval",
    "Batch",
    "BatchSizing",
    "CorporateAction",
    "DepositTrigger",
    "Distribution",
    "Missed",
    "Payment",
    "PlanPage",
    "Reissue",
    "Schedule",
    "covered",
]
