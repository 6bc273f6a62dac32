"""Roles on a payout contract as its events tell them: whether our wallet may still pay.

The newest event of an account and role decides, so they may come in any order. While the wallet lacks the role, runs
of the contract are held; with the role back they go on by themselves.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from chainsync.models import ChainEvent
from chainsync.processors import Processor, register
from contracts.models import AuditEvent, Contract, Hold
from contracts.reverts import role_name
from contracts.services.holds import PAYDATE, lift_own, place_hold
from payouts.services.preflight import PAYOUT_ROLE

INTERFACE = "lccf/1.1"
GRANTED = "RoleGranted"
CHANGES = {GRANTED: "granted", "RoleRevoked": "revoked", "RoleRenounced": "renounced"}


def register_processors() -> None:
    register(INTERFACE, CHANGES, Processor(key=_key, apply=apply_changes))


def _key(args: Mapping[str, Any]) -> str:
    return f"roles:{args['account']}"


def apply_changes(contract: Contract, key: str, ids: Sequence[int]) -> bool:
    """The processor: each change is evidence, and the wallet's own role decides about its runs."""
    AuditEvent.write_many(
        [
            _evidence(contract, event)
            for event in ChainEvent.objects.filter(pk__in=ids).order_by("consensus_at")
        ],
        what="role on chain",
        by=PAYDATE,
    )
    wallet = contract.wallet
    newest = _told(contract, wallet.evm_address, PAYOUT_ROLE).order_by("consensus_at", "log_index").last()
    if newest is not None and key == f"roles:{wallet.evm_address}":
        _align(contract, newest)
    return True


def _evidence(contract: Contract, event: ChainEvent) -> tuple[Contract, str, str, str]:
    role = role_name(event.args["role"])
    by = f" by {event.args['operator']}" if "operator" in event.args else ""
    return (
        contract,
        "",
        f"{role} {CHANGES[event.name]}",
        f"{event.args['account']}{by}, at {event.consensus_at}",
    )


def _told(contract: Contract, account: str, role: str) -> QuerySet[ChainEvent]:
    events = ChainEvent.objects.of(contract.network, contract.address).filter(
        is_proved=True, name__in=CHANGES
    )
    return events.filter(key=f"roles:{account}", args__role=role)


def _align(contract: Contract, newest: ChainEvent) -> None:
    scope, cause = Hold.Scope.CONTRACT, Hold.Cause.PREFLIGHT
    wallet = contract.wallet.account
    if newest.name == GRANTED:
        reason = f"the wallet {wallet} has the role PAYOUT again"
        lift_own(scope=scope, object_uid=contract.uid, cause=cause, reason=reason)
        return
    reason = f"the wallet {wallet} lost the role PAYOUT on {contract.address}; grant it, and its runs go on"
    place_hold(scope=scope, object_uid=contract.uid, cause=cause, reason=reason)
