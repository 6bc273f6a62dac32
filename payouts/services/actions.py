"""Corporate actions of the assets: read from the chain, kept, and made into distributions where that is switched on."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction

from chainsync.processors import Processor, register
from contracts import clock
from contracts.doorbell import ring
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import mirror
from contracts.models import Asset, AuditEvent
from contracts.services.sweeping import single_flight
from contracts.transitions import record_move
from payouts.models import ActionImport, AmountType, CorporateAction, Distribution
from payouts.services import asset_actions
from payouts.services.asset_actions import Terms
from payouts.services.cancelled import stop
from payouts.services.creating import BadInput

log = structlog.get_logger(__name__)
DECLARED = ("DividendSet", "CouponSet")
IMPORT_LOCK = 0x5041_5944_0061
PAYDATE = "paydate"
LEAST_EVERY, MOST_EVERY = timedelta(minutes=1), timedelta(days=7)
PAUSE_AFTER_ERROR = timedelta(minutes=1)
Kind, Status = Distribution.Kind, Distribution.Status
# Nothing is reserved or sent before PROCESSING, so dates may still move.
MOVABLE = (Status.DRAFT, Status.PENDING, Status.PLANNING)


def register_processors() -> None:
    """7.x tells of a new action by an event that is not known here; there the next reading finds it."""
    register("ats/8", DECLARED, Processor(key=_declared_key, apply=apply_declared))


def _declared_key(args: Mapping[str, Any]) -> str:
    return f"declared:{args.get('dividendId', args.get('couponId'))}"


def apply_declared(asset: Asset, key: str, ids: Sequence[int]) -> bool:
    """The processor: what the event says is asked of the asset itself, at once."""
    ActionImport.objects.filter(asset=asset).update(next_read_at=clock.now())
    return True


def set_import(
    asset: Asset, *, by: str, enabled: bool | None = None, every: timedelta | None = None
) -> ActionImport:
    """Switches the import of an asset, and says how often; None leaves as it is. Raises BadInput."""
    if every is not None and not LEAST_EVERY <= every <= MOST_EVERY:
        raise BadInput("corporate actions can be read every 1 to 10080 minutes; give a number between")
    with transaction.atomic():
        ActionImport.objects.bulk_create([ActionImport(asset=asset)], ignore_conflicts=True)
        switch = ActionImport.objects.select_for_update().get(asset=asset)
        before = (switch.enabled, switch.every)
        switch.enabled = switch.enabled if enabled is None else enabled
        switch.every = every or switch.every
        if (switch.enabled, switch.every) != before:
            switch.next_read_at = clock.now()
            switch.save(update_fields=["enabled", "every", "next_read_at"])
            words = f"{'on' if switch.enabled else 'off'}, every {int(switch.every.total_seconds() // 60)} minutes"
            AuditEvent.write(asset, what="corporate actions", target=words, by=by)
    return switch


def import_due() -> None:
    """One tick: rings for every asset whose corporate actions are to be read."""
    with single_flight(IMPORT_LOCK) as is_mine:
        if not is_mine:
            return
        due = ActionImport.objects.filter(enabled=True, next_read_at__lte=clock.now())
        for pk in due.order_by("next_read_at").values_list("pk", flat=True):
            ring("payouts.import_actions", pk)


def import_actions(pk: int) -> None:
    """Reads one asset's actions; what went wrong is stored beside the switch, and it is tried again in a minute."""
    rows = ActionImport.objects.filter(pk=pk)
    switch = rows.select_related("asset__payout_contract__payment_token").get()
    try:
        read_actions(switch.asset, makes_distributions=switch.enabled)
    except GatewayError as error:
        rows.update(error=str(error), next_read_at=clock.now() + PAUSE_AFTER_ERROR)
        log.warning("actions_not_read", asset=switch.asset.uid, error=str(error))
    else:
        rows.update(error="", read_at=clock.now(), next_read_at=clock.now() + switch.every)


def read_actions(asset: Asset, *, makes_distributions: bool) -> list[CorporateAction]:
    """All actions of an asset at one block, each kept and followed. Raises a GatewayError; those read before stay."""
    block = mirror().newest_block().number
    numbers = range(1, asset_actions.count_actions(asset, block=block) + 1)
    found = []
    for number in numbers:
        terms = asset_actions.read_terms(asset, number, block=block)
        found.append(keep(asset, terms))
        if makes_distributions and not terms.is_cancelled:
            make_distribution(asset, terms)
        for distribution in _paying(asset, number):
            follow_terms(distribution, terms)
    return found


def keep(asset: Asset, terms: Terms) -> CorporateAction:
    columns = {
        "type": terms.type,
        "record_at": terms.record_at,
        "execute_at": terms.execute_at,
        "snapshot_id": terms.snapshot_id,
        "value": terms.value,
        "value_decimals": terms.value_decimals,
        "starts_at": terms.starts_at,
        "ends_at": terms.ends_at,
        "is_cancelled": terms.is_cancelled,
        "as_of": clock.now(),
    }
    return CorporateAction.objects.update_or_create(asset=asset, number=terms.number, defaults=columns)[0]


def make_distribution(asset: Asset, terms: Terms, *, by: str = PAYDATE) -> Distribution | None:
    """The one distribution that pays this action; None when there is or was one, whoever made it or cancelled it."""
    if Distribution.objects.filter(
        asset=asset, kind=Kind.CORPORATE_ACTION, corporate_action_id=str(terms.number)
    ).exists():
        return None
    try:
        with transaction.atomic():
            distribution = Distribution.objects.create(
                asset=asset,
                kind=Kind.CORPORATE_ACTION,
                execution=Distribution.Execution.SCHEDULED,
                amount_type=AmountType.ON_CHAIN,
                corporate_action_id=str(terms.number),
                concept=f"{terms.type.label} {terms.number}",
                record_at=terms.record_at,
                execute_at=terms.execute_at,
                created_by=by,
            )
            record_move(distribution, "", distribution.status, reason=f"{terms.type} on chain", by=by)
    except IntegrityError as error:
        if "distribution_once_per_corporate_action" not in str(error):
            raise
        return None
    return distribution


def follow_terms(distribution: Distribution, terms: Terms) -> bool:
    """Cancelled on chain is cancelled here, and moved on chain is moved here. False when it does not go on."""
    if terms.is_cancelled:
        stop(
            distribution,
            f"corporate action {terms.number} of {distribution.asset.symbol} was cancelled on chain",
        )
        return False
    before = (distribution.record_at, distribution.execute_at)
    if before == (terms.record_at, terms.execute_at):
        return True
    movable = Distribution.objects.filter(pk=distribution.pk, status__in=MOVABLE, pool_units=None)
    with transaction.atomic():
        if movable.update(record_at=terms.record_at, execute_at=terms.execute_at):
            words = f"record date {terms.record_at:%Y-%m-%d %H:%M} UTC, paid from {terms.execute_at:%Y-%m-%d %H:%M} UTC"
            AuditEvent.write(distribution, what="dates", target=words, reason="moved on chain", by=PAYDATE)
    distribution.record_at, distribution.execute_at = terms.record_at, terms.execute_at
    return True


def _paying(asset: Asset, number: int) -> list[Distribution]:
    rows = Distribution.objects.filter(
        asset=asset, kind=Kind.CORPORATE_ACTION, corporate_action_id=str(number)
    )
    return list(rows.exclude(status__in=(Status.COMPLETED, Status.CANCELLED)).select_related("asset"))
