"""Assets and their holders: registered by command, read from the chain by tick or by button."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from chainsync.services.asking import NotDone, ask_for_sync
from chainsync.services.syncing import refresh_holding
from contracts.admin import cells
from contracts.admin.adding import BackingForm
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import PlainForm, button, who
from contracts.admin.cells import column
from contracts.admin.holding import HoldButtons
from contracts.amounts import counted, format_units
from contracts.fields import EVM_ADDRESS
from contracts.gateways.errors import GatewayError
from contracts.models import Asset, Contract, Holding
from contracts.services.backing import NotBacked, back_asset

SYNC = "contracts.sync_asset"


class HolderForm(BaseDialogForm):
    holder = forms.CharField(
        label="Holder",
        max_length=42,
        validators=[EVM_ADDRESS],
        widget=UnfoldAdminTextInputWidget,
        help_text="The 20 bytes as the asset lists them: 0x and 40 hex digits.",
    )

    def clean_holder(self) -> str:
        return str(self.cleaned_data["holder"]).lower()


def _maturity(asset: Asset) -> object:
    return cells.moment(asset.maturity_at) if asset.maturity_at else "none"


def _synced(asset: Asset) -> object:
    return cells.moment(asset.synced_at) if asset.synced_at else "never"


def _supply(asset: Asset) -> object:
    return cells.unknown() if asset.supply_units is None else cells.money(asset.supply_units, asset)


def _paused(asset: Asset) -> object:
    return cells.unknown() if asset.is_paused is None else "yes" if asset.is_paused else "no"


def _holders(asset: Asset) -> object:
    """How many there are, with the way to their list."""
    page = f"{reverse('admin:contracts_holding_changelist')}?asset__id__exact={asset.pk}"
    return format_html('<a class="pd-link" href="{}">{}</a>', page, counted(asset.holdings.count(), "holder"))


def _read_balance(asset: Asset, holder: str) -> str:
    """Raises NotDone when the chain does not answer."""
    try:
        holding = refresh_holding(asset, holder)
    except GatewayError as error:
        raise NotDone(
            f"The mirror node could not be asked: {error}. What was read before stays; try again in a moment."
        ) from error
    units = format_units(holding.balance_units, decimals=asset.decimals, symbol=asset.symbol)
    return f"{holder} has {units}, read from the chain just now."


@admin.register(Asset)
class AssetAdmin(HoldButtons, EvidenceAdmin):
    list_display = ("symbol", "name", "isin_or_none", "kind", "on_chain", "payout_contract", "sync")
    list_filter = ("kind", "sync_status", "network")
    list_select_related = ("payout_contract",)
    search_fields = ("symbol", "name", "isin", "address", "evm_address", "uid")
    actions_detail = ("read_now", "read_holder", "set_backing", "place_hold", "lift_hold")
    fieldsets = (
        (None, {"fields": ("symbol", "name", "isin_or_none", "kind", "decimals", "maturity")}),
        (
            "On chain",
            {"fields": ("network", "on_chain", "evm", "interface_version", "payout_contract", "backing")},
        ),
        (
            "Holders",
            {"fields": ("holders", "supply", "paused", "sync_enabled", "sync", "synced", "sync_problem")},
        ),
        ("Registered", {"fields": ("uid", "created_at")}),
    )
    readonly_fields = (
        "uid",
        "isin_or_none",
        "maturity",
        "on_chain",
        "evm",
        "backing",
        "holders",
        "supply",
        "paused",
        "sync",
        "synced",
        "sync_problem",
    )

    isin_or_none = column("ISIN", lambda asset: asset.isin or cells.NONE, order="isin")
    on_chain = column("Address", lambda asset: cells.code(asset.address), order="address")
    evm = column("EVM address", lambda asset: cells.code(asset.evm_address))
    maturity = column("Maturity", _maturity)
    backing = column(
        "Backing contract",
        lambda asset: cells.link(asset.backing_contract) if asset.backing_contract else cells.NONE,
    )
    holders = column("Holders", _holders)
    supply = column("Supply", _supply)
    paused = column("Transfers paused", _paused)
    sync = column("Holders read", lambda asset: cells.badge(asset.sync_status), order="sync_status")
    synced = column("Last read at", _synced)
    sync_problem = column("Last problem", lambda asset: cells.words(asset.sync_error))

    @button(
        "Read from the chain now",
        permission=SYNC,
        available=lambda asset: True,
        explained="What the asset is, its supply, whether it is paused, and who holds how much, all as of one block.",
        refusals=(NotDone,),
        icon="sync",
        variant=ActionVariant.PRIMARY,
        form=PlainForm,
    )
    def read_now(self, request: HttpRequest, row: Asset) -> str:
        ask_for_sync(row)
        return "Asked for. The asset and its holders are read now: look at this page again."

    @button(
        "Read one holder's balance",
        permission=SYNC,
        available=lambda asset: True,
        explained="Only this holder's balance is read from the chain, at once.",
        refusals=(NotDone,),
        icon="person_search",
        form=HolderForm,
    )
    def read_holder(self, request: HttpRequest, row: Asset, holder: str) -> str:
        return _read_balance(row, holder)

    @button(
        "Set backing contract",
        permission="contracts.set_backing_contract",
        available=lambda asset: True,
        explained="While the contract behind an asset is BLOCKED, the asset's payouts are held before their first "
        "signature. They go on by themselves when the block ends, or when another contract is set here.",
        refusals=(NotBacked,),
        icon="shield",
        form=BackingForm,
    )
    def set_backing(self, request: HttpRequest, row: Asset, reason: str, contract: Contract | None) -> str:
        if not back_asset(row, contract, reason=reason, by=who(request)):
            return "Nothing to do: it was set so already."
        if contract is None:
            return "No contract stands behind the asset any more."
        return f"{contract.label} stands behind the asset: while it is BLOCKED, payouts are held."


@admin.register(Holding)
class HoldingAdmin(EvidenceAdmin):
    list_display = ("address", "asset", "balance", "as_of")
    list_filter = ("asset",)
    list_select_related = ("asset",)
    search_fields = ("holder",)
    fields = ("asset", "address", "balance", "as_of")
    readonly_fields = ("address", "balance")
    actions_detail = ("refresh",)

    address = column("Holder", lambda holding: cells.code(holding.holder), order="holder")
    balance = column(
        "Balance", lambda holding: cells.money(holding.balance_units, holding.asset), order="balance_units"
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("asset")

    @button(
        "Read the balance now",
        permission=SYNC,
        available=lambda holding: True,
        explained="Only this holder's balance is read from the chain, at once.",
        refusals=(NotDone,),
        icon="sync",
        variant=ActionVariant.PRIMARY,
        form=PlainForm,
    )
    def refresh(self, request: HttpRequest, row: Holding) -> str:
        return _read_balance(row.asset, row.holder)
