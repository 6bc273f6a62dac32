"""Dividends, coupons and maturity as the asset contract tells them at one block. May raise a GatewayError."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.gateways.mirror import mirror
from contracts.gateways.parallel import ask_all
from contracts.models import Asset
from payouts.models import CorporateAction
from payouts.services import chain
from payouts.services.plans import Held, Owed

Type = CorporateAction.Type
# The names of the views differ by what an asset pays.
COUNT = {Type.DIVIDEND: "getDividendsCount", Type.COUPON: "getCouponCount"}
TERMS = {Type.DIVIDEND: "getDividend", Type.COUPON: "getCoupon"}
HOLDER_COUNT = {Type.DIVIDEND: "getTotalDividendHolders", Type.COUPON: "getTotalCouponHolders"}
HOLDERS = {Type.DIVIDEND: "getDividendHolders", Type.COUPON: "getCouponHolders"}
AMOUNT = {Type.DIVIDEND: "getDividendAmountFor", Type.COUPON: "getCouponAmountFor"}


@dataclass(frozen=True, slots=True)
class Terms:
    """One corporate action; ``snapshot_id`` is 0 until its record-date snapshot is taken."""

    number: int
    type: Type
    record_at: datetime
    execute_at: datetime
    snapshot_id: int
    value: int
    value_decimals: int
    starts_at: datetime | None
    ends_at: datetime | None
    is_cancelled: bool


def type_of(asset: Asset) -> Type:
    return Type.DIVIDEND if asset.kind == Asset.Kind.EQUITY else Type.COUPON


def count_actions(asset: Asset, *, block: int) -> int:
    return int(chain.ask_asset(asset, COUNT[type_of(asset)], block=block))


def read_terms(asset: Asset, number: int, *, block: int) -> Terms:
    """Raises Reverted when the asset has no such action."""
    kind = type_of(asset)
    (terms, snapshot_id), is_cancelled = _ask_all_outputs(asset, TERMS[kind], number, block=block)
    if kind == Type.DIVIDEND:
        record, execute, value, decimals = terms
        span: tuple[datetime | None, datetime | None] = (None, None)
    else:
        record, execute, start, end, _, value, decimals, _ = terms
        span = (_at(start), _at(end))
    return Terms(number, kind, _at(record), _at(execute), snapshot_id, value, decimals, *span, is_cancelled)


def holder_count(asset: Asset, number: int, *, block: int) -> int:
    return int(chain.ask_asset(asset, HOLDER_COUNT[type_of(asset)], number, block=block))


def action_holders(asset: Asset, number: int, page: int, size: int, *, block: int) -> list[Held]:
    holders = chain.ask_asset(asset, HOLDERS[type_of(asset)], number, page, size, block=block)
    return [Held(holder) for holder in holders]


def owed_by_action(
    asset: Asset, action: CorporateAction, holders: Sequence[Held], *, block: int
) -> list[Owed]:
    """Asks for the share of each; the balance is what the numerator says of it, 0 where the terms give no weight."""
    weight = _weight(asset, action, block)

    def ask(one: Held) -> tuple[int, int]:
        numerator, denominator, _ = chain.ask_asset(
            asset, AMOUNT[type_of(asset)], action.number, one.holder, block=block
        )
        return numerator, denominator

    return _owed(asset, holders, ask_all(ask, holders), weight)


def owed_at_maturity(asset: Asset, holders: Sequence[Held], *, block: int) -> list[Owed]:
    def ask(one: Held) -> tuple[int, int]:
        numerator, denominator = chain.ask_asset(asset, "getPrincipalFor", one.holder, block=block)
        return numerator, denominator

    return _owed(asset, holders, ask_all(ask, holders), nominal_value(asset, block=block))


def _owed(
    asset: Asset, holders: Sequence[Held], shares: Sequence[tuple[int, int]], weight: int
) -> list[Owed]:
    """As the payout contract computes it: rounded down, the remainder stays with it."""
    unit = 10**asset.payout_contract.payment_token.decimals
    return [
        Owed(
            one.holder,
            numerator // weight if weight else 0,
            numerator * unit // denominator if denominator else 0,
        )
        for one, (numerator, denominator) in zip(holders, shares, strict=True)
    ]


def _weight(asset: Asset, action: CorporateAction, block: int) -> int:
    if action.type == Type.DIVIDEND or action.starts_at is None or action.ends_at is None:
        return int(action.value)
    seconds = int((action.ends_at - action.starts_at).total_seconds())
    return nominal_value(asset, block=block) * int(action.value) * seconds


def nominal_value(asset: Asset, *, block: int) -> int:
    if asset.interface_version == "8":
        return int(chain.ask_asset(asset, "getNominalValue", block=block))
    return int(chain.ask_asset(asset, "getBondDetails", block=block)[1])


def maturity(asset: Asset, *, block: int) -> datetime:
    if asset.interface_version == "8":
        return _at(chain.ask_asset(asset, "getMaturityDate", block=block))
    return _at(chain.ask_asset(asset, "getBondDetails", block=block)[4])


def _ask_all_outputs(asset: Asset, function: str, *arguments: Any, block: int) -> tuple[Any, ...]:
    interface = chain.asset_interface(asset)
    output = mirror().call(asset.evm_address, interface.encode(function, list(arguments)), block=block)
    return interface.decode_output(function, output)


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
