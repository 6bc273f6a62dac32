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
from contracts.services.holds import PAYDATE, lift_own, place_hold
from payouts.services.preflight import PAYOUT_ROLE

INTERFACE = "lccf/1.1"
GRANTED = "RoleGranted"
CHANGES = {GRANTED: "granted", "RoleRevoked": "revoked", "RoleRenounced": "renounced"}
# keccak of dotted names, such as lifecycle.cash.flow.role.payout
NAMES = {
    "0x" + "0" * 64: "DEFAULT_ADMIN",
    "0x8943226357c41253cf6ffc651e04f2a3a7cf1255138972ce150e207c0393cbce": "PAUSER",
    PAYOUT_ROLE: "PAYOUT",
    "0xe0d6eef1076057afbcdc5a0534cf7ab9071fa4fdd3750e202da3d49c8913a144": "CASHOUT",
    "0x4a16419d45be80f6de7609caac23eb8c7bfe6336a71da3cefd43ea62183ad211": "TRANSFERER",
    "0x15e92345f55818ea6e01143954b5841c1ba74302c2b157a2b4d0f21f9ad40286": "PAYMENT_TOKEN_MANAGER",
}


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
    role = NAMES.get(event.args["role"], event.args["role"])
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
