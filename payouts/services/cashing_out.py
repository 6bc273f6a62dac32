"""The one cash-out of a bond, made by hand or before its maturity, and started when that has come."""

from django.db import IntegrityError, transaction

from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import mirror
from contracts.models import Asset
from contracts.transitions import record_move
from payouts.models import AmountType, Distribution
from payouts.services import asset_actions
from payouts.services.creating import BadInput, find_asset
from payouts.services.keys import MATURITY

Kind = Distribution.Kind


def create_cash_out(name: str, *, by: str) -> Distribution:
    """``name`` is the bond's address, symbol or ISIN. Raises BadInput; then nothing was written."""
    asset = find_asset(name)
    if asset.kind == Asset.Kind.EQUITY:
        raise BadInput(f"{asset.symbol} is an equity: it never matures. Name a bond")
    try:
        matures_at = asset_actions.maturity(asset, block=mirror().newest_block().number)
    except GatewayError as error:
        raise BadInput(
            f"the chain could not be asked for the maturity: {error}. Check HEDERA_MIRROR_URL and try again"
        ) from error
    try:
        with transaction.atomic():
            distribution = Distribution.objects.create(
                asset=asset,
                kind=Kind.BOND_CASH_OUT,
                execution=Distribution.Execution.SCHEDULED,
                amount_type=AmountType.ON_CHAIN,
                corporate_action_id=MATURITY,
                concept=f"Cash-out of {asset.symbol}",
                execute_at=matures_at,
                created_by=by,
            )
            record_move(distribution, "", distribution.status, reason="cash-out at maturity", by=by)
    except IntegrityError as error:
        if "distribution_once_per_corporate_action" not in str(error):
            raise
        raise BadInput(_there_is_one(asset)) from error
    return distribution


def _there_is_one(asset: Asset) -> str:
    rows = Distribution.objects.filter(asset=asset, kind=Kind.BOND_CASH_OUT)
    existing = rows.exclude(status=Distribution.Status.CANCELLED).first()
    status = f": {existing.uid}, {existing.status}" if existing else ""
    return f"{asset.symbol} has its cash-out already{status}. Retry what failed there instead"
