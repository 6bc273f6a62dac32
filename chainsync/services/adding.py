"""Following a contract that is not ours and only reports about an asset."""

from django.db import transaction

from chainsync.followed import MODELS
from chainsync.models import EventListener
from contracts.gateways.mirror import mirror
from contracts.models import Asset, AuditEvent

# The versions that contracts report in, and the interface that each has.
REPORTING = {"seed": "reports/seed"}


class NotAdded(ValueError):
    """Says in words what stands against it, and the fix."""


def add_reporter(address: str, *, interface: str, asset: Asset, by: str) -> EventListener:
    """Follows a contract, given as 0.0.x or 0x..., on the asset's network. Raises NotAdded or a GatewayError.

    A mirror node answers the events of a contract that does not exist by an empty list, so it is asked for it first.
    """
    found = mirror().contract(address)
    if found is None:
        raise NotAdded(
            f"there is no contract {address} on {asset.network}; check the address, HEDERA_NETWORK and "
            "HEDERA_MIRROR_URL"
        )
    for model in MODELS.values():
        if model._default_manager.filter(network=asset.network, address=found.contract_id).exists():
            raise NotAdded(
                f"{found.contract_id} is registered as {model._meta.verbose_name} and followed as that; "
                "leave --interface out"
            )
    with transaction.atomic():
        listener, is_new = EventListener.objects.get_or_create(
            network=asset.network,
            address=found.contract_id,
            defaults={
                "kind": EventListener.Kind.REPORTS,
                "interface": REPORTING[interface],
                "asset": asset,
            },
        )
        if listener.asset_id != asset.pk:
            raise NotAdded(f"{found.contract_id} reports about {listener.asset} already; it has one asset")
        if is_new:
            reason = f"events of {REPORTING[interface]} about {asset}"
            AuditEvent.write(listener, what="followed", reason=reason, by=by)
    return listener
