"""The buttons that pause and unpause a payout contract on chain."""

from typing import Any

from django.http import HttpRequest
from unfold.enums import ActionVariant

from contracts.admin.buttons import button, who
from contracts.models import Contract
from contracts.services.pausing import PauseRefused, pause_contract, unpause_contract

PERMISSION = "contracts.pause_contract"
SENT = "The call is planned. The status here follows when it is on chain, within seconds to a minute: look again."


def _is_payout(row: Any) -> bool:
    return bool(row.kind == Contract.Kind.LIFECYCLE_CASH_FLOW)


def _stands(row: Any) -> str:
    """Its status without a block, which says nothing about the chain."""
    return str(row.status_before_block if row.status == Contract.Status.BLOCKED else row.status)


class PauseButtons:
    """For the admin of contracts."""

    @button(
        "Pause on chain",
        permission=PERMISSION,
        available=lambda row: _is_payout(row) and _stands(row) != Contract.Status.PAUSED,
        explained="Nobody can pay by this contract until it is unpaused, whatever tool he uses. Its runs here wait.",
        refusals=(PauseRefused,),
        icon="pause_circle",
        variant=ActionVariant.DANGER,
    )
    def pause(self, request: HttpRequest, row: Contract, reason: str) -> str:
        pause_contract(row, reason=reason, by=who(request))
        return SENT

    @button(
        "Unpause on chain",
        permission=PERMISSION,
        available=lambda row: _is_payout(row) and _stands(row) == Contract.Status.PAUSED,
        explained="Everybody can pay by this contract again. Runs that waited for it go on by themselves.",
        refusals=(PauseRefused,),
        icon="play_circle",
        variant=ActionVariant.SUCCESS,
    )
    def unpause(self, request: HttpRequest, row: Contract, reason: str) -> str:
        unpause_contract(row, reason=reason, by=who(request))
        return SENT
