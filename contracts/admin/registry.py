"""Wallets, tokens and assets: registered by command from custody and the chain, looked at here."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.enums import ActionVariant

from contracts.admin import cells
from contracts.admin.adding import BackingForm
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.admin.holding import HoldButtons
from contracts.models import Asset, Contract, Holding, Token, Wallet
from contracts.services.backing import NotBacked, back_asset
from contracts.services.wallets import WalletNotStarted, start_wallet, stop_wallet


def _signs(wallet: Wallet) -> object:
    return cells.badge("STOPPED" if wallet.stopped_reason else "ACTIVE")


def _stopped(wallet: Wallet) -> object:
    return cells.moment(wallet.stopped_at) if wallet.stopped_at else "not stopped"


@admin.register(Wallet)
class WalletAdmin(EvidenceAdmin):
    list_display = ("__str__", "signing", "address", "custodian", "key_scheme", "stopped_why")
    list_filter = ("network", "custodian")
    search_fields = ("label", "account", "custody_wallet_id")
    actions_detail = ("stop", "start")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "label",
                    "network",
                    "address",
                    "evm",
                    "signing",
                    "stopped",
                    "stopped_why",
                    "watched",
                )
            },
        ),
        ("Custody", {"fields": ("custodian", "custody_wallet_id", "custody_key_id", "key_scheme", "key")}),
        ("Registered", {"fields": ("created_at",)}),
    )
    readonly_fields = ("address", "evm", "signing", "stopped", "stopped_why", "watched", "key")

    signing = column("Signing", _signs)
    address = column("Account", lambda wallet: cells.code(wallet.account), order="account")
    evm = column("EVM address", lambda wallet: cells.code(wallet.evm_address))
    key = column("Public key", lambda wallet: cells.code(wallet.public_key))
    stopped = column("Stopped at", _stopped)
    stopped_why = column(
        "Stopped because", lambda wallet: cells.words(wallet.stopped_reason, empty="not stopped")
    )

    watched = column(
        "Compared with the chain up to",
        lambda wallet: (
            cells.consensus(wallet.watched_through) if wallet.watched_through else "not compared yet"
        ),
    )

    @button(
        "Stop the wallet",
        permission="contracts.stop_wallet",
        available=lambda wallet: not wallet.stopped_reason,
        explained="Nothing is signed for it until it is started again. What was sent already is settled.",
        icon="stop_circle",
        variant=ActionVariant.DANGER,
    )
    def stop(self, request: HttpRequest, row: Wallet, reason: str) -> str:
        if stop_wallet(row, reason, by=who(request)):
            return "The wallet is stopped: nothing is signed for it."
        return "Nothing to do: the wallet was stopped already."

    @button(
        "Start the wallet",
        permission="contracts.stop_wallet",
        available=lambda wallet: bool(wallet.stopped_reason),
        explained="Your word that the cause is gone: signing goes on, after wallet, custody and chain are compared.",
        refusals=(WalletNotStarted,),
        icon="play_circle",
        variant=ActionVariant.SUCCESS,
    )
    def start(self, request: HttpRequest, row: Wallet, reason: str) -> str:
        if start_wallet(row, reason=reason, by=who(request)):
            return "The wallet is started: signing goes on."
        return "Nothing to do: the wallet was not stopped."


@admin.register(Token)
class TokenAdmin(EvidenceAdmin):
    list_display = ("symbol", "on_chain", "evm", "decimals", "network")
    list_filter = ("network",)
    search_fields = ("symbol", "address", "evm_address")
    fields = ("symbol", "network", "on_chain", "evm", "decimals")
    readonly_fields = ("on_chain", "evm")

    on_chain = column("Address", lambda token: cells.code(token.address), order="address")
    evm = column("EVM address", lambda token: cells.code(token.evm_address))


def _maturity(asset: Asset) -> object:
    return cells.moment(asset.maturity_at) if asset.maturity_at else "none"


def _synced(asset: Asset) -> object:
    return cells.moment(asset.synced_at) if asset.synced_at else "never"


def _supply(asset: Asset) -> object:
    return cells.unknown() if asset.supply_units is None else cells.money(asset.supply_units, asset)


def _paused(asset: Asset) -> object:
    return cells.unknown() if asset.is_paused is None else "yes" if asset.is_paused else "no"


@admin.register(Asset)
class AssetAdmin(HoldButtons, EvidenceAdmin):
    list_display = ("symbol", "name", "isin_or_none", "kind", "on_chain", "payout_contract", "sync")
    list_filter = ("kind", "sync_status", "network")
    list_select_related = ("payout_contract",)
    search_fields = ("symbol", "name", "isin", "address", "evm_address", "uid")
    actions_detail = ("set_backing", "place_hold", "lift_hold")
    fieldsets = (
        (None, {"fields": ("symbol", "name", "isin_or_none", "kind", "decimals", "maturity")}),
        (
            "On chain",
            {"fields": ("network", "on_chain", "evm", "interface_version", "payout_contract", "backing")},
        ),
        ("Holders", {"fields": ("supply", "paused", "sync_enabled", "sync", "synced", "sync_problem")}),
        ("Registered", {"fields": ("uid", "created_at")}),
    )
    readonly_fields = (
        "uid",
        "isin_or_none",
        "maturity",
        "on_chain",
        "evm",
        "backing",
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
    supply = column("Supply", _supply)
    paused = column("Transfers paused", _paused)
    sync = column("Holders read", lambda asset: cells.badge(asset.sync_status), order="sync_status")
    synced = column("Last read at", _synced)
    sync_problem = column("Last problem", lambda asset: cells.words(asset.sync_error))

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

    address = column("Holder", lambda holding: cells.code(holding.holder), order="holder")
    balance = column(
        "Balance", lambda holding: cells.money(holding.balance_units, holding.asset), order="balance_units"
    )
