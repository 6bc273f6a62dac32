"""Runs that a deposit starts: one for each that is large enough, or one until the trigger is armed again.

A deposit is one row, however often it was told. Whoever makes its run holds the trigger's row, and the database allows
one run for a deposit, and one for an arming.
"""

from dataclasses import dataclass

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from chainsync.models import Deposit
from chainsync.processors import register_awaited, register_funded
from contracts import clock
from contracts.doorbell import ring
from contracts.models import AuditEvent, Contract
from payouts.amounts import BadAmount, format_units, parse_units
from payouts.models import DepositTrigger, Distribution
from payouts.services.bad_input import BadInput
from payouts.services.creating import amount_columns, check_chain, find_asset, write
from payouts.services.times import consensus_of

Mode = DepositTrigger.Mode
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewTrigger:
    """``threshold`` in whole tokens; the amount as of a NewDistribution."""

    asset: str
    mode: str
    threshold: str
    amount_type: str
    amount: str
    concept: str
    by: str


class NotArmed(Exception):
    """Nothing was changed; the message says why."""


def create_trigger(wanted: NewTrigger) -> DepositTrigger:
    """An armed trigger: deposits from now on count. Raises BadInput; then nothing was written."""
    asset = find_asset(wanted.asset)
    columns = amount_columns(asset, wanted.amount_type, wanted.amount)
    token = asset.payout_contract.payment_token
    try:
        units = parse_units(wanted.threshold, decimals=token.decimals, symbol=token.symbol)
    except BadAmount as error:
        raise BadInput(f"the least deposit: {error}") from error
    if wanted.mode not in Mode.values:
        raise BadInput(f"{wanted.mode!r} is no mode; write one of {', '.join(Mode.values)}")
    check_chain(asset)
    with transaction.atomic():
        trigger = DepositTrigger.objects.create(
            asset=asset,
            mode=wanted.mode,
            threshold_units=units,
            amount_type=wanted.amount_type,
            concept=wanted.concept,
            created_by=wanted.by,
            **columns,
        )
        arm(trigger, by=wanted.by, reason=f"created: {wanted.concept}")
    return trigger


@transaction.atomic
def arm(trigger: DepositTrigger, *, by: str, reason: str) -> None:
    """Deposits from now on count; one that fired ONCE may do so once more. Raises NotArmed."""
    row = _lock(trigger.pk)
    if row.armed_at is not None:
        raise NotArmed(f"the {row} is armed already, since {row.armed_at:%Y-%m-%d %H:%M:%S} UTC")
    row.armed_at, row.round = clock.now(), row.round + 1
    row.save(update_fields=["armed_at", "round"])
    AuditEvent.write(row, what="armed", target=f"round {row.round}", reason=reason, by=by)
    trigger.refresh_from_db()


@transaction.atomic
def disarm(trigger: DepositTrigger, *, by: str, reason: str) -> None:
    """No deposit starts anything until it is armed again, not even one that came before. Raises NotArmed."""
    row = _lock(trigger.pk)
    if row.armed_at is None:
        raise NotArmed(f"the {row} is not armed")
    _disarm(row, by=by, reason=reason)
    trigger.refresh_from_db()


def _disarm(row: DepositTrigger, *, by: str, reason: str) -> None:
    row.armed_at = None
    row.save(update_fields=["armed_at"])
    AuditEvent.write(row, what="disarmed", target=f"round {row.round}", reason=reason, by=by)


def _lock(pk: int) -> DepositTrigger:
    rows = DepositTrigger.objects.select_related("asset__payout_contract__payment_token")
    return rows.select_for_update(no_key=True, of=("self",)).get(pk=pk)


def register() -> None:
    register_funded(on_funded)
    register_awaited(awaited_contracts)


def on_funded(contract: Contract) -> None:
    """Told in the transaction that stored a deposit; a ring that is lost is made up for by the tick."""
    for pk in _armed().filter(asset__payout_contract=contract).values_list("pk", flat=True):
        ring("payouts.fire_trigger", pk)


def ring_triggers() -> None:
    """For every armed trigger whose deposit has no run yet."""
    for trigger in _armed().select_related("asset__payout_contract"):
        if waiting_deposits(trigger).exists():
            ring("payouts.fire_trigger", trigger.pk)


def awaited_contracts() -> list[int]:
    """Contracts whose next deposit starts something: it is seen within seconds."""
    return list(_armed().values_list("asset__payout_contract_id", flat=True).distinct())


def _armed() -> QuerySet[DepositTrigger]:
    return DepositTrigger.objects.filter(armed_at__isnull=False)


def waiting_deposits(trigger: DepositTrigger) -> QuerySet[Deposit]:
    """What came since it was armed, is large enough and has no run, oldest first."""
    contract = trigger.asset.payout_contract
    runs = Distribution.objects.filter(trigger=trigger, deposit=OuterRef("pk"))
    return Deposit.objects.filter(
        ~Exists(runs),
        contract=contract,
        token=contract.payment_token_id,
        units__gte=trigger.threshold_units,
        consensus_at__gte=consensus_of(trigger.armed_at) if trigger.armed_at else "",
    ).order_by("consensus_at")


def fire_trigger(pk: int) -> None:
    """Makes the run of every deposit that waits for one, each in a commit of its own."""
    while _fire_next(pk):
        pass


@transaction.atomic
def _fire_next(pk: int) -> bool:
    """The run is due at once, so whoever looks for due ones finds it when the ring is lost."""
    trigger = _lock(pk)
    deposit = waiting_deposits(trigger).first() if trigger.armed_at else None
    if deposit is None:
        return False
    words = f"{_shown(trigger, deposit)} came in at {deposit.consensus_at}"
    is_once = trigger.mode == Mode.ONCE
    distribution = write(
        trigger.asset,
        by=trigger.created_by,
        reason=f"{words}; the {trigger} is armed",
        amount_type=trigger.amount_type,
        amount_units=trigger.amount_units,
        percentage_bp=trigger.percentage_bp,
        concept=trigger.concept,
        execution=Distribution.Execution.AUTOMATED,
        execute_at=clock.now(),
        trigger=trigger,
        trigger_round=trigger.round if is_once else None,
        deposit=deposit,
    )
    if is_once:
        _disarm(trigger, by="paydate", reason=f"it has fired: {words}")
    ring("payouts.start_distribution", distribution.pk)
    return not is_once


def _shown(trigger: DepositTrigger, deposit: Deposit) -> str:
    token = trigger.asset.payout_contract.payment_token
    return format_units(int(deposit.units), decimals=token.decimals, symbol=token.symbol)
