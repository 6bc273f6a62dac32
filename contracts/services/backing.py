"""Which investment contract stands behind an asset: while it is BLOCKED, the asset's payouts are held."""

import structlog
from django.db import transaction

from contracts import gates
from contracts.models import Asset, AuditEvent, Contract, Hold

log = structlog.get_logger(__name__)


class NotBacked(Exception):
    """Nothing was changed; the message says what stands in the way."""


def back_asset(asset: Asset, contract: Contract | None, *, reason: str, by: str) -> bool:
    """Puts the contract behind the asset, or none; False when it was so already. Raises NotBacked.

    Under a contract with an open hold the asset's distributions are HELD at once. Those that only the former
    contract held go on with the next sweep.
    """
    if not reason.strip():
        raise NotBacked("say why: setting the backing contract needs a reason")
    if contract is not None and contract.kind != Contract.Kind.INVESTMENT:
        raise NotBacked(f"{contract.label} is a payout contract; only an investment contract backs an asset")
    with transaction.atomic():
        if contract is not None:
            # The lock under which a contract is blocked: either that one sees the asset, or this one the hold.
            Contract.objects.select_for_update().get(pk=contract.pk)
        return _set(asset, contract, reason=reason, by=by)


def _set(asset: Asset, contract: Contract | None, *, reason: str, by: str) -> bool:
    locked = Asset.objects.select_for_update(of=("self",)).select_related("backing_contract").get(pk=asset.pk)
    former, to = locked.backing_contract, contract.address if contract else "none"
    if former == contract:
        return False
    Asset.objects.filter(pk=locked.pk).update(backing_contract=contract)
    source = former.address if former else "none"
    AuditEvent.write(locked, what="back", source=source, target=to, reason=reason, by=by)
    log.info("asset_backed", asset=locked.address, contract=to, was=source, by=by)
    if contract is not None:
        for hold in Hold.objects.open().filter(scope=Hold.Scope.CONTRACT, object_uid=contract.uid):
            gates.tell_hold(hold)
    asset.backing_contract = contract
    return True
