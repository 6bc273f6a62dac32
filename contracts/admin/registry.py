"""Wallets, tokens, contracts and assets: registered by command from custody and the chain, looked at here."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.enums import ActionVariant

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.admin.holding import HoldButtons
from contracts.models import Asset, Contract, Holding, Token, Wallet
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


def _deficit(contract: Contract) -> object:
    if contract.accepted_deficit_units is None:
        return "none accepted"
    return cells.money(contract.accepted_deficit_units, contract.payment_token)


def _blocked(contract: Contract) -> object:
    return cells.moment(contract.blocked_at) if contract.blocked_at else "not blocked"


def _checked(contract: Contract) -> object:
    return cells.moment(contract.checked_at) if contract.checked_at else "never checked"


def _required(contract: Contract) -> object:
    """Before the first check nobody has asked what is missing, and a zero would look like an answer."""
    if contract.checked_at is None:
        return "never checked"
    return cells.money(contract.required_funds_units, contract.payment_token)


@admin.register(Contract)
class ContractAdmin(HoldButtons, EvidenceAdmin):
    list_display = ("label", "state", "on_chain", "kind", "payment_token", "wallet", "checked")
    list_filter = ("status", "kind", "network")
    list_select_related = ("payment_token", "wallet")
    search_fields = ("label", "address", "evm_address", "uid")
    actions_detail = ("place_hold", "lift_hold")
    fieldsets = (
        (None, {"fields": ("label", "state", "kind", "network", "on_chain", "evm", "interface_version")}),
        ("Paying", {"fields": ("wallet", "payment_token", "batch_size")}),
        ("Reserve", {"fields": ("checked", "required", "blocked", "accepted_deficit")}),
        ("Registered", {"fields": ("uid", "created_at")}),
    )
    readonly_fields = (
        "uid",
        "state",
        "on_chain",
        "evm",
        "batch_size",
        "checked",
        "required",
        "blocked",
        "accepted_deficit",
    )

    state = column("Status", lambda contract: cells.badge(contract.status), order="status")
    on_chain = column("Address", lambda contract: cells.code(contract.address), order="address")
    evm = column("EVM address", lambda contract: cells.code(contract.evm_address))
    batch_size = column(
        "Learned batch size", lambda contract: contract.learned_batch_size or "not learned yet"
    )
    checked = column("Reserve checked at", _checked)
    required = column("Missing", _required)
    blocked = column("Blocked at", _blocked)
    accepted_deficit = column("Accepted deficit", _deficit)


def _maturity(asset: Asset) -> object:
    return cells.moment(asset.maturity_at) if asset.maturity_at else "none"


def _synced(asset: Asset) -> object:
    return cells.moment(asset.synced_at) if asset.synced_at else "never"


@admin.register(Asset)
class AssetAdmin(HoldButtons, EvidenceAdmin):
    list_display = ("symbol", "name", "isin_or_none", "kind", "on_chain", "payout_contract", "sync")
    list_filter = ("kind", "sync_status", "network")
    list_select_related = ("payout_contract",)
    search_fields = ("symbol", "name", "isin", "address", "evm_address", "uid")
    actions_detail = ("place_hold", "lift_hold")
    fieldsets = (
        (None, {"fields": ("symbol", "name", "isin_or_none", "kind", "decimals", "maturity")}),
        (
            "On chain",
            {"fields": ("network", "on_chain", "evm", "interface_version", "payout_contract", "backing")},
        ),
        ("Holders", {"fields": ("sync_enabled", "sync", "synced", "sync_problem")}),
        ("Registered", {"fields": ("uid", "created_at")}),
    )
    readonly_fields = (
        "uid",
        "isin_or_none",
        "maturity",
        "on_chain",
        "evm",
        "backing",
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
    sync = column("Holders read", lambda asset: cells.badge(asset.sync_status), order="sync_status")
    synced = column("Last read at", _synced)
    sync_problem = column("Last problem", lambda asset: cells.words(asset.sync_error))


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
