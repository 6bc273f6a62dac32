"""Freezing the pool and reserving the money for it, in one transaction."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from contracts import clock
from contracts.faults import fault_point
from contracts.models import OPEN, Contract, ContractTransaction, Hold
from contracts.services.holds import lift_own
from payouts.amounts import format_units, percentage_of
from payouts.models import Batch, Distribution
from payouts.services.holding import hold_distribution
from payouts.services.waiting import wait
from reserves.services.reserving import BalanceAt, InsufficientReserve, read_balance, reserve

POOL_FROZEN = fault_point("distribution.pool_frozen", scenario="payout")


def ensure_pool(distribution: Distribution) -> bool:
    """True when the pool is frozen and reserved. Short of money the distribution waits, or is HELD."""
    return _ensure(distribution, _pool_of(distribution), fixes_block=True)


def ensure_sum(distribution: Distribution) -> bool:
    """The same for a distribution whose lines are stored: what they add up to is its pool."""
    units = int(distribution.pages.aggregate(units=Sum("expected_units"))["units"] or 0)
    return _ensure(distribution, lambda available: units, fixes_block=False)


def _ensure(distribution: Distribution, pool_of: Callable[[int], int], *, fixes_block: bool) -> bool:
    """While calls of this contract are under way, money they paid may be missing from the balance and still be
    counted on; only with nothing in flight is a shortfall real. So that is asked after the balance was read
    and before the reservations are: what was paid before the balance is by then in flight or drawn.
    """
    if distribution.pool_units is not None:
        _lift(distribution)
        return True
    balance = read_balance(distribution.asset.payout_contract)
    in_flight = is_in_flight(distribution.asset.payout_contract)
    if balance.as_of_ns < clock.consensus_ns(distribution.snapshot_consensus_at):
        wait(distribution, "the mirror node has not passed the snapshot yet")
        return False
    try:
        _freeze(distribution, balance, pool_of, fixes_block=fixes_block)
    except InsufficientReserve as error:
        reason = shortfall_words(distribution, error)
        if in_flight:
            wait(distribution, f"{reason}; calls of this contract are still under way")
        else:
            hold_distribution(distribution, cause=Hold.Cause.RESERVE, reason=reason)
        return False
    POOL_FROZEN.reach(distribution.uid)
    return True


def fix_block(distribution: Distribution, block: int, *, decided_at: datetime) -> None:
    """Fixes, once, the block at which the lines are read, and since when events may have paid them."""
    since = clock.consensus_text(int(decided_at.timestamp()) * clock.NANOSECONDS)
    rows = Distribution.objects.filter(pk=distribution.pk, pool_block=None)
    rows.update(pool_block=block, snapshot_consensus_at=since)
    distribution.refresh_from_db()


def is_in_flight(contract: Contract) -> bool:
    """True while a call of the contract may be on chain, or has succeeded and is not settled."""
    calls = ContractTransaction.objects.filter(contract=contract)
    if calls.filter(status__in=OPEN, broadcast_started_at__isnull=False).exists():
        return True
    processing = Batch.objects.filter(
        status=Batch.Status.PROCESSING, distribution__asset__payout_contract=contract
    )
    subjects = [batch.subject for batch in processing.only("uid")]
    return calls.filter(status=ContractTransaction.Status.SUCCEEDED, subject__in=subjects).exists()


def _freeze(
    distribution: Distribution, balance: BalanceAt, pool_of: Callable[[int], int], *, fixes_block: bool
) -> None:
    contract = distribution.asset.payout_contract
    with transaction.atomic():
        reservation = reserve(
            contract=contract, distribution_uid=distribution.uid, pool_of=pool_of, balance=balance
        )
        columns = {"pool_units": reservation.units} | ({"pool_block": balance.block} if fixes_block else {})
        # A cancel takes the contract's row first, too: it closes what is reserved, or nothing is reserved after it.
        if Distribution.objects.filter(pk=distribution.pk, status=Distribution.Status.CANCELLED).exists():
            transaction.set_rollback(True)
            return
        Distribution.objects.filter(pk=distribution.pk, pool_units=None).update(**columns)
        distribution.refresh_from_db()
        _lift(distribution)


def _lift(distribution: Distribution) -> None:
    lift_own(
        scope=Hold.Scope.DISTRIBUTION,
        object_uid=distribution.uid,
        cause=Hold.Cause.RESERVE,
        reason="the money is there and reserved",
    )


def _pool_of(distribution: Distribution) -> Callable[[int], int]:
    """FIXED asks for its amount; PERCENTAGE becomes an amount here, once, from the unreserved balance."""
    if distribution.percentage_bp is not None:
        hundredths = distribution.percentage_bp
        return lambda available: percentage_of(available, hundredths)
    amount = distribution.amount_units or 0
    return lambda available: amount


def shortfall_words(distribution: Distribution, error: InsufficientReserve) -> str:
    contract = distribution.asset.payout_contract
    if distribution.percentage_bp is None:
        return missing_words(contract, error)
    free = _shown(contract, max(0, error.available_units))
    return f"nothing to share: of the contract's free balance, {free}, this percentage is 0; top it up"


def missing_words(contract: Contract, error: InsufficientReserve) -> str:
    free = _shown(contract, max(0, error.available_units))
    return (
        f"needs {_shown(contract, error.needed_units)}, free are {free}, "
        f"missing {_shown(contract, error.shortfall_units)}; top up {contract.address}"
    )


def _shown(contract: Contract, units: int) -> str:
    return format_units(units, decimals=contract.payment_token.decimals, symbol=contract.payment_token.symbol)
