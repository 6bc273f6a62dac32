"""A CORPORATE_ACTION: what the asset says that each holder is owed for a dividend or coupon.

It is planned when the record-date snapshot is there, and paid from the execution date on by the chain's clock, after
its terms were read once more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts import clock
from contracts.gateways.mirror import mirror
from contracts.models import Hold
from contracts.services.planning import Call
from payouts.models import Batch, CorporateAction, Distribution
from payouts.services import asset_actions, chain, preflight, sizing
from payouts.services.actions import follow_terms, keep
from payouts.services.asset_actions import Terms
from payouts.services.funding import ensure_sum, fix_block
from payouts.services.holding import hold_distribution
from payouts.services.plans import Held, Owed, Plan
from payouts.services.snapshots import take_for_record_date
from payouts.services.waiting import wait_until

LOOK_AGAIN = timedelta(seconds=30)


def prepare(distribution: Distribution) -> bool:
    if distribution.pool_block is not None:
        return True
    if reason := why_not(distribution):
        hold_distribution(distribution, cause=Hold.Cause.PREFLIGHT, reason=reason)
        return False
    block = mirror().newest_block()
    terms = read_again(distribution, block=block.number)
    if terms is None or not _has_snapshot(distribution, terms, clock.from_ns(block.to_ns)):
        return False
    fix_block(distribution, block.number, decided_at=terms.record_at)
    return True


def read_again(distribution: Distribution, *, block: int) -> Terms | None:
    """The action's terms, stored and followed; None when that ended or held the distribution. Raises GatewayError."""
    terms = asset_actions.read_terms(distribution.asset, _number(distribution), block=block)
    keep(distribution.asset, terms)
    return terms if follow_terms(distribution, terms) else None


def _has_snapshot(distribution: Distribution, terms: Terms, chain_now: datetime) -> bool:
    """Nothing on a chain runs by itself: the first transaction of the asset after the record date takes it."""
    if terms.snapshot_id:
        return True
    if chain_now <= terms.record_at:
        wait_until(distribution, f"waits for its record date, {_words(terms.record_at)}", terms.record_at)
    elif chain_now < terms.execute_at:
        words = (
            "the record-date snapshot is not taken yet: the next transaction of the asset takes it; "
            f"if none comes, Paydate has it taken on {_words(terms.execute_at)}"
        )
        wait_until(distribution, words, min(terms.execute_at, clock.now() + LOOK_AGAIN))
    else:
        take_for_record_date(distribution)
    return False


def count(distribution: Distribution) -> tuple[int, int]:
    asset, block = distribution.asset, _block(distribution)
    holders = asset_actions.holder_count(asset, _number(distribution), block=block)
    snapshot_id = int(_action(distribution).snapshot_id)
    return holders, int(chain.ask_asset(asset, "totalSupplyAtSnapshot", snapshot_id, block=block))


def view(distribution: Distribution, number: int, size: int) -> list[Held]:
    return asset_actions.action_holders(
        distribution.asset, _number(distribution), number, size, block=_block(distribution)
    )


def owed(distribution: Distribution, holders: Sequence[Held]) -> list[Owed]:
    return asset_actions.owed_by_action(
        distribution.asset, _action(distribution), holders, block=_block(distribution)
    )


def fund(distribution: Distribution) -> bool:
    """Right before anything is paid the asset is asked once more whether, and when."""
    block = mirror().newest_block()
    terms = read_again(distribution, block=block.number)
    if terms is None:
        return False
    if clock.from_ns(block.to_ns) < terms.execute_at:
        wait_until(distribution, f"planned; paid from {_words(terms.execute_at)} on", terms.execute_at)
        return False
    return ensure_sum(distribution)


def why_not(distribution: Distribution) -> str | None:
    return preflight.why_not_action(distribution.asset)


def call(batch: Batch) -> Call:
    distribution = batch.distribution
    contract = distribution.asset.payout_contract
    return Call(
        target=contract.address,
        interface=f"lccf/{contract.interface_version}",
        function="executeDistributionByAddresses",
        arguments=[distribution.asset.evm_address, _number(distribution), list(batch.holders)],
        gas_limit=sizing.gas_for(contract, holders=batch.total),
    )


def _number(distribution: Distribution) -> int:
    return int(distribution.corporate_action_id or 0)


def _block(distribution: Distribution) -> int:
    return int(distribution.pool_block or 0)


def _action(distribution: Distribution) -> CorporateAction:
    return CorporateAction.objects.get(asset=distribution.asset, number=_number(distribution))


def _words(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


PLAN = Plan(
    prepare=prepare,
    count=count,
    view=view,
    owed=owed,
    fund=fund,
    why_not=why_not,
    call=call,
    take_money=ensure_sum,
)
