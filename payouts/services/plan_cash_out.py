"""A BOND_CASH_OUT: each holder's principal at maturity, paid and redeemed in one call.

The chain has no paid flag for it, only the burn, and one holder whose bond may not be burnt takes the whole call back.
So groups are small, a group that reverts is halved until that holder stands alone, and no holder is in a new call
while another one could still land. The list of holders is frozen at one block: the live one shrinks with each call.
"""

from collections.abc import Sequence

from contracts import clock
from contracts.gateways.mirror import mirror
from contracts.models import Hold
from contracts.services.planning import Call
from payouts.models import Batch, Distribution
from payouts.probing import MOST_GAS
from payouts.services import asset_actions, chain, preflight
from payouts.services.funding import ensure_sum, fix_block
from payouts.services.holding import hold_distribution
from payouts.services.plans import Held, Owed, Plan
from payouts.services.waiting import wait_until


def prepare(distribution: Distribution) -> bool:
    if distribution.pool_block is not None:
        return True
    if reason := why_not(distribution):
        hold_distribution(distribution, cause=Hold.Cause.PREFLIGHT, reason=reason)
        return False
    block = mirror().newest_block()
    matures_at = asset_actions.maturity(distribution.asset, block=block.number)
    if clock.from_ns(block.to_ns) < matures_at:
        wait_until(distribution, f"matures at {matures_at:%Y-%m-%d %H:%M:%S} UTC", matures_at)
        return False
    fix_block(distribution, block.number, decided_at=matures_at)
    return True


def count(distribution: Distribution) -> tuple[int, int]:
    asset, block = distribution.asset, distribution.pool_block
    holders = chain.ask_asset(asset, "getTotalSecurityHolders", block=block)
    return int(holders), int(chain.ask_asset(asset, "totalSupply", block=block))


def view(distribution: Distribution, number: int, size: int) -> list[Held]:
    block = distribution.pool_block
    holders = chain.ask_asset(distribution.asset, "getSecurityHolders", number, size, block=block)
    return [Held(holder) for holder in holders]


def owed(distribution: Distribution, holders: Sequence[Held]) -> list[Owed]:
    """Advisory: what is paid is what the asset says when the call runs."""
    return asset_actions.owed_at_maturity(
        distribution.asset, holders, block=int(distribution.pool_block or 0)
    )


def why_not(distribution: Distribution) -> str | None:
    return preflight.why_not_cash_out(distribution.asset)


def call(batch: Batch) -> Call:
    contract = batch.distribution.asset.payout_contract
    return Call(
        target=contract.address,
        interface=f"lccf/{contract.interface_version}",
        function="executeBondCashOutByAddresses",
        arguments=[batch.distribution.asset.evm_address, list(batch.holders)],
        gas_limit=MOST_GAS,
    )


PLAN = Plan(
    prepare=prepare,
    count=count,
    view=view,
    owed=owed,
    fund=ensure_sum,
    why_not=why_not,
    call=call,
    take_money=ensure_sum,
    has_guard=False,
    is_sized=False,
)
