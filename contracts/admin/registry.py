"""Wallets and tokens: registered by command from custody and the chain, looked at here."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.enums import ActionVariant

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.models import Token, Wallet
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
