"""A new distribution: checked against the chain first, then one row, or none and a sentence with the fix."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from contracts.gateways.errors import GatewayError
from contracts.models import Asset
from contracts.transitions import record_move
from payouts.amounts import BadAmount, parse_percentage, parse_units
from payouts.models import Distribution
from payouts.services import chain, preflight

AmountType = Distribution.AmountType


class BadInput(ValueError):
    """What was asked for cannot be done; the message names the fix. Nothing was written."""


@dataclass(frozen=True, slots=True)
class NewDistribution:
    """``asset`` is its address, symbol or ISIN; ``amount`` is in whole tokens, or a percentage."""

    asset: str
    amount_type: str
    amount: str
    concept: str
    by: str


def create_distribution(wanted: NewDistribution) -> Distribution:
    """Creates an IMMEDIATE PAYOUT in PENDING. Raises BadInput; then nothing was written."""
    asset = find_asset(wanted.asset)
    amount = _amount(asset, wanted)
    _check_chain(asset)
    with transaction.atomic():
        distribution = Distribution.objects.create(
            asset=asset,
            amount_type=wanted.amount_type,
            concept=wanted.concept,
            created_by=wanted.by,
            **amount,
        )
        record_move(distribution, "", distribution.status, reason=f"created: {wanted.concept}", by=wanted.by)
    return distribution


def find_asset(name: str) -> Asset:
    """By address, EVM address, ISIN, or symbol where that is unique."""
    for field in ("address", "evm_address", "isin", "uid", "symbol"):
        found = list(Asset.objects.filter(**{field: name.strip()})[:2]) if name.strip() else []
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput(f"{name} fits more than one asset; give its address 0.0.x instead")
    known = ", ".join(Asset.objects.order_by("symbol").values_list("symbol", flat=True)[:10]) or "none yet"
    raise BadInput(f"there is no asset {name!r}; known are: {known}. Register it with manage.py add_asset")


def _amount(asset: Asset, wanted: NewDistribution) -> dict[str, Any]:
    token = asset.payout_contract.payment_token
    try:
        if wanted.amount_type == AmountType.FIXED:
            return {"amount_units": parse_units(wanted.amount, decimals=token.decimals, symbol=token.symbol)}
        return {"percentage_bp": parse_percentage(wanted.amount)}
    except BadAmount as error:
        raise BadInput(str(error)) from error


def _check_chain(asset: Asset) -> None:
    try:
        if reason := preflight.why_unusable(asset):
            raise BadInput(reason)
        if not chain.ask_asset(asset, "getTotalSecurityHolders"):
            raise BadInput(
                f"the asset {asset.symbol} has no holders; nobody could be paid. Check its address"
            )
    except GatewayError as error:
        raise BadInput(
            f"the chain could not be asked: {error}. Check HEDERA_MIRROR_URL and try again"
        ) from error
