"""Dividends and coupons as last read, and on an asset's page what makes distributions of them and of its maturity."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldBooleanSwitchWidget

from chainsync.admin.assets import AssetAdmin
from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import PlainForm, button, who
from contracts.admin.cells import column
from contracts.amounts import format_units
from contracts.gateways.errors import GatewayError
from contracts.models import Asset
from payouts.amounts import counted
from payouts.models import ActionImport, CorporateAction, Distribution
from payouts.services.actions import read_actions, set_import
from payouts.services.cashing_out import create_cash_out
from payouts.services.creating import BadInput

PERMISSION = "payouts.add_distribution"
SHOWN = ("imports", "last_import", "last_import_problem")


def _paying(row: CorporateAction) -> Distribution | None:
    rows = Distribution.objects.filter(asset=row.asset, kind=Distribution.Kind.CORPORATE_ACTION)
    return rows.filter(corporate_action_id=str(row.number)).order_by("-pk").first()


def _distribution(row: CorporateAction) -> SafeString | str:
    made = _paying(row)
    if made is None:
        return "none"
    return format_html("{} {}", cells.link(made, made.concept or made.uid), cells.badge(made.status))


def _state(row: CorporateAction) -> SafeString:
    if row.is_cancelled:
        return cells.badge("CANCELLED")
    return (
        cells.badge("SNAPSHOT TAKEN", tone="success")
        if row.snapshot_id
        else cells.badge("DECLARED", tone="quiet")
    )


def _value(row: CorporateAction) -> str:
    """As the asset tells it: money for a token, or a part of the nominal value for a year."""
    shown = format_units(int(row.value), decimals=row.value_decimals, symbol="")
    return f"{shown.strip()} {'a token' if row.type == CorporateAction.Type.DIVIDEND else 'of the nominal value'}"


@admin.register(CorporateAction)
class CorporateActionAdmin(EvidenceAdmin):
    list_display = ("name", "of", "state", "value_told", "record", "paid_from", "distribution")
    list_display_links = ("name",)
    list_filter = ("type", "is_cancelled", "asset")
    list_select_related = ("asset",)
    search_fields = ("asset__symbol", "asset__name", "=number")
    search_help_text = "An asset's symbol or name, or a number"
    ordering = ("-execute_at",)
    fields = ("name", "of", "state", "value_told", "record", "paid_from", "snapshot", "distribution", "read")
    readonly_fields = fields

    name = column("Corporate action", str, order="number")
    of = column("Asset", lambda row: cells.link(row.asset, row.asset.symbol), order="asset__symbol")
    state = column("State", _state, order="is_cancelled")
    value_told = column("Amount or rate", _value)
    record = column("Record date", lambda row: cells.moment(row.record_at), order="record_at")
    paid_from = column("Paid from", lambda row: cells.moment(row.execute_at), order="execute_at")
    snapshot = column("Record-date snapshot", lambda row: row.snapshot_id or "not taken yet")
    distribution = column("Distribution", _distribution)
    read = column("Read at", lambda row: cells.moment(row.as_of))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("asset")


class ImportForm(BaseDialogForm):
    enabled = forms.BooleanField(
        label="Make distributions of them by themselves", required=False, widget=UnfoldBooleanSwitchWidget()
    )
    minutes = forms.IntegerField(
        label="Read every so many minutes",
        min_value=1,
        max_value=10_080,
        initial=60,
        widget=UnfoldAdminIntegerFieldWidget(),
    )


def _switch(asset: Asset) -> ActionImport | None:
    return ActionImport.objects.filter(asset=asset).first()


def _imports(asset: Asset) -> str:
    switch = _switch(asset)
    if switch is None or not switch.enabled:
        return "off: nothing is paid by itself"
    return f"on, read every {counted(int(switch.every.total_seconds() // 60), 'minute')}"


def _last_import(asset: Asset) -> object:
    switch = _switch(asset)
    return cells.moment(switch.read_at) if switch and switch.read_at else "never"


def _last_problem(asset: Asset) -> object:
    switch = _switch(asset)
    return cells.words(switch.error if switch else "")


admin.site.unregister(Asset)


@admin.register(Asset)
class PaidAssetAdmin(AssetAdmin):
    """The page of the app below, and what only this app knows."""

    actions_detail: Any = (*AssetAdmin.actions_detail, "import_actions", "cash_out")
    fieldsets: Any = (
        *AssetAdmin.fieldsets[:3],
        ("Dividends and coupons", {"fields": SHOWN}),
        *AssetAdmin.fieldsets[3:],
    )
    readonly_fields: Any = (*AssetAdmin.readonly_fields, *SHOWN)

    imports = column("Import", _imports)
    last_import = column("Last read", _last_import)
    last_import_problem = column("Last problem of the import", _last_problem)

    @button(
        "Import dividends and coupons",
        permission=PERMISSION,
        available=lambda asset: True,
        explained="They are read from the asset now. If they are to be paid by themselves, each one not cancelled "
        "becomes a distribution, is planned at its record date and paid from its payment date on.",
        refusals=(BadInput,),
        icon="event_available",
        form=ImportForm,
        label="Import",
    )
    def import_actions(self, request: HttpRequest, row: Asset, enabled: bool, minutes: int) -> str:
        switch = set_import(row, enabled=enabled, every=timedelta(minutes=minutes), by=who(request))
        try:
            found = read_actions(row, makes_distributions=switch.enabled)
        except GatewayError as error:
            raise BadInput(f"the chain could not be asked: {error}. It is tried again by itself") from error
        state = "each becomes a distribution by itself" if enabled else "nothing is paid by itself"
        return f"{counted(len(found), 'corporate action')} of {row.symbol} read; {state}."

    @button(
        "Create the cash-out",
        permission=PERMISSION,
        available=lambda asset: asset.kind != Asset.Kind.EQUITY,
        explained="At its maturity every holder of the bond is paid the principal, and the bond is burnt. It starts by "
        "itself and can be cancelled before.",
        refusals=(BadInput,),
        icon="price_check",
        label="Cash-out",
        variant=ActionVariant.DEFAULT,
        form=PlainForm,
    )
    def cash_out(self, request: HttpRequest, row: Asset) -> str:
        made = create_cash_out(row.address, by=who(request))
        return f"Created: {made.uid} starts at {made.execute_at:%Y-%m-%d %H:%M} UTC."
