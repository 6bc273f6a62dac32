"""A PAYOUT: a snapshot of its own, and shares of a frozen pool."""

from collections.abc import Sequence

from contracts.addresses import ZERO_ADDRESS
from contracts.services.planning import Call
from payouts.amounts import share_units
from payouts.models import Batch, Distribution
from payouts.services import chain, preflight, sizing
from payouts.services.funding import ensure_pool
from payouts.services.plans import Held, Owed, Plan
from payouts.services.snapshots import ensure_snapshot, why_not_snapshot


def prepare(distribution: Distribution) -> bool:
    return ensure_snapshot(distribution) and ensure_pool(distribution)


def count(distribution: Distribution) -> tuple[int, int]:
    snapshot_id, block = distribution.snapshot_id, distribution.pool_block
    holders = chain.ask_asset(distribution.asset, "getTotalTokenHoldersAtSnapshot", snapshot_id, block=block)
    supply = chain.ask_asset(distribution.asset, "totalSupplyAtSnapshot", snapshot_id, block=block)
    return int(holders), int(supply)


def view(distribution: Distribution, number: int, size: int) -> list[Held]:
    """Holders and balances as one view of the snapshot tells them, as of the block that froze the pool."""
    rows = chain.ask_asset(
        distribution.asset,
        "balancesOfAtSnapshot",
        distribution.snapshot_id,
        number,
        size,
        block=distribution.pool_block,
    )
    return [Held(holder, balance) for holder, balance in rows if holder != ZERO_ADDRESS]


def owed(distribution: Distribution, holders: Sequence[Held]) -> list[Owed]:
    pool, supply = distribution.pool_units or 0, distribution.supply_units or 1
    return [
        Owed(
            one.holder,
            one.balance_units,
            share_units(pool_units=pool, balance_units=one.balance_units, supply_units=supply),
        )
        for one in holders
    ]


def why_not(distribution: Distribution) -> str | None:
    if distribution.snapshot_id is None:
        return why_not_snapshot(distribution)
    return preflight.why_not(distribution.asset)


def call(batch: Batch) -> Call:
    distribution = batch.distribution
    contract = distribution.asset.payout_contract
    return Call(
        target=contract.address,
        interface=f"lccf/{contract.interface_version}",
        function="executeAmountSnapshotByAddresses",
        arguments=[
            distribution.asset.evm_address,
            int(distribution.snapshot_id or 0),
            list(batch.holders),
            int(distribution.pool_units or 0),
        ],
        gas_limit=sizing.gas_for(contract, holders=batch.total),
    )


PLAN = Plan(
    prepare=prepare,
    count=count,
    view=view,
    owed=owed,
    fund=lambda distribution: True,
    why_not=why_not,
    call=call,
    take_money=ensure_pool,
)
