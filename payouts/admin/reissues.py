"""Paying a failed line to another wallet: asked for on the payment's page, followed and given up on its own."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.gateways.errors import GatewayError
from contracts.models import ContractTransaction
from payouts.admin.controlling import MAY_WAIVE, foretell_waiver, waive
from payouts.admin.foretelling import ForetellingForm, Will
from payouts.amounts import format_units
from payouts.models import Payment, Reissue
from payouts.models.batches import REISSUE_LIVES
from payouts.services.approving import state_of
from payouts.services.choosing import Wanted
from payouts.services.reissuing import (
    CAN_BE_REFUSED,
    NotReissued,
    refuse_reissue,
    request_reissue,
    retry_reissue,
)
from payouts.services.waiving import NotWaived

MAY_REISSUE = "payouts.add_reissue"
PAID_IN = "payment__distribution__asset__payout_contract__payment_token"


def _units(payment: Payment) -> str:
    token = payment.distribution.asset.payout_contract.payment_token
    return format_units(int(payment.expected_units), decimals=token.decimals, symbol=token.symbol)


class ReissueForm(ForetellingForm):
    model = Payment
    field_order = ("wallet", "reason")
    wallet = forms.CharField(
        label="The holder's new wallet",
        max_length=60,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="0x and 40 hex digits, or an account as 0.0.1234. It has to be associated with the payment token.",
    )

    def will(self, row: Payment) -> Will:
        lines = (
            f"{_units(row)}, owed to {row.holder}, will go to another wallet when a second person has agreed.",
            "From now on it is not retried. Give as the reason how the holder proved that the wallet is theirs.",
        )
        return Will("Re-issue one payment", lines)


class WaiveLineForm(ForetellingForm):
    model = Payment

    def will(self, row: Payment) -> Will:
        return foretell_waiver(row.distribution, Wanted(holders=(row.holder,)))


def _is_free(row: Payment) -> bool:
    is_reissued = row.reissues.filter(status__in=REISSUE_LIVES).exists()
    return row.status == Payment.Status.FAILED and not is_reissued


class LineButtons:
    """For the admin of payments."""

    @button(
        "Re-issue to another wallet",
        permission=MAY_REISSUE,
        available=_is_free,
        explained="The chain is asked whether the wallet can take the payment. Nothing is sent before the approval.",
        refusals=(NotReissued,),
        icon="forward",
        variant=ActionVariant.PRIMARY,
        form=ReissueForm,
    )
    def reissue(self, request: HttpRequest, row: Payment, wallet: str, reason: str) -> str:
        try:
            made = request_reissue(row, wallet=wallet, by=who(request), reason=reason)
        except GatewayError as error:
            raise NotReissued(
                f"the chain could not be asked: {error}. Nothing was written; try again"
            ) from error
        return f"Asked for: {_units(row)} to {made.wallet}. It waits for the approval of a second person."

    @button(
        "Accept as unpaid",
        permission=MAY_WAIVE,
        available=_is_free,
        explained="The contract's events are read first: if it was paid meanwhile, it stays paid.",
        refusals=(NotWaived,),
        icon="money_off",
        form=WaiveLineForm,
    )
    def waive(self, request: HttpRequest, row: Payment, reason: str) -> str:
        return waive(request, row.distribution, Wanted(holders=(row.holder,)), reason)


class AgainForm(ForetellingForm):
    model = Reissue

    def will(self, row: Reissue) -> Will:
        lines = (f"{_units(row.payment)}, owed to {row.payment.holder}, to {row.wallet}.", row.status_reason)
        return Will("One payment", tuple(line for line in lines if line))


def _call(row: Reissue) -> object:
    call = ContractTransaction.objects.of(row.subject).last()
    return cells.link(call) if call else "none yet"


@admin.register(Reissue)
class ReissueAdmin(EvidenceAdmin):
    list_display = ("state", "line", "to", "sum", "why", "requested_by", "requested")
    list_display_links = ("state",)
    list_filter = ("status",)
    list_select_related = (PAID_IN,)
    search_fields = ("=uid", "wallet", "payment__holder", "=payment__distribution__uid")
    ordering = ("-pk",)
    actions_detail = ("again", "give_up")
    fieldsets = (
        (None, {"fields": ("state", "why", "line", "to", "sum", "paid_on_chain_at", "call")}),
        ("Who and why", {"fields": ("requested_by", "requested", "proof", "decision")}),
    )
    readonly_fields = (
        *("state", "why", "line", "to", "sum", "paid_on_chain_at", "call", "requested", "proof", "decision"),
    )

    state = column("Status", lambda row: cells.badge(row.status), order="status")
    line = column("Payment", lambda row: cells.link(row.payment, row.payment.holder))
    to = column("New wallet", lambda row: cells.code(row.wallet))
    sum = column(
        "Sum",
        lambda row: cells.money(row.units, row.payment.distribution.asset.payout_contract.payment_token),
        order="units",
    )
    why = column("Why", lambda row: cells.words(row.status_reason))
    requested = column("Requested at", lambda row: cells.moment(row.requested_at), order="requested_at")
    proof = column("Proof", lambda row: cells.words(row.reason))
    paid_on_chain_at = column("Consensus time", lambda row: cells.consensus(row.paid_at))
    call = column("Transfer", _call)
    decision = column("Approval", lambda row: _newest_approval(row))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(PAID_IN)

    @button(
        "Try again",
        permission=MAY_REISSUE,
        available=lambda row: row.status == Reissue.Status.FAILED,
        explained="The last transfer surely did not happen; another one is made. The approval still holds.",
        refusals=(NotReissued,),
        icon="replay",
        variant=ActionVariant.PRIMARY,
        form=AgainForm,
    )
    def again(self, request: HttpRequest, row: Reissue, reason: str) -> str:
        retry_reissue(row, by=who(request), reason=reason)
        return "It is tried again."

    @button(
        "Give up",
        permission=MAY_REISSUE,
        available=lambda row: row.status in CAN_BE_REFUSED,
        explained="Only while nothing was sent, or when the transfer surely failed. The payment may then be retried.",
        refusals=(NotReissued,),
        icon="block",
        variant=ActionVariant.DANGER,
        form=AgainForm,
    )
    def give_up(self, request: HttpRequest, row: Reissue, reason: str) -> str:
        refuse_reissue(row, by=who(request), reason=reason)
        return "Given up: the payment may be retried again."


def _newest_approval(row: Reissue) -> object:
    approval = row.approvals.order_by("pk").last()
    return cells.link(approval, state_of(approval)) if approval else "none"
