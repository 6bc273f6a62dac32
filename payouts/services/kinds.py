"""Which plan belongs to which kind of distribution."""

from payouts.models import Distribution
from payouts.services import plan_action, plan_cash_out, plan_snapshot
from payouts.services.plans import Plan

PLANS: dict[str, Plan] = {
    Distribution.Kind.PAYOUT: plan_snapshot.PLAN,
    Distribution.Kind.CORPORATE_ACTION: plan_action.PLAN,
    Distribution.Kind.BOND_CASH_OUT: plan_cash_out.PLAN,
}


def plan_of(distribution: Distribution) -> Plan:
    return PLANS[distribution.kind]
