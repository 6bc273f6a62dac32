"""The registered wallets: what the settings promise about them, and what the chain says."""

from collections.abc import Mapping

from django.conf import settings

from config.doctor.findings import Finding, failed, from_sentence, ok, warning
from config.doctor.registry import check
from contracts.gateways.mirror import mirror
from contracts.models import Wallet
from contracts.services.networks import hedera_network, stellar_network
from contracts.services.planning import TINYBARS_PER_HBAR
from contracts.services.wallets import (
    WalletMismatch,
    check_account,
    check_network,
    check_settings,
    has_no_key,
)

GROUP = "Wallets"
FEW_CALLS = 10
REGISTER = "manage.py add_wallet"
START = "remove the cause, then start the wallet in the admin under Wallets"


def every_wallet() -> Mapping[str, Wallet]:
    rows = Wallet.objects.filter(role=Wallet.Role.PAYER).order_by("pk")
    return {wallet.account: wallet for wallet in rows}


def wallets() -> Mapping[str, Wallet]:
    """Those of the network that the settings name."""
    return _on(hedera_network(), every_wallet())


def every_source() -> Mapping[str, Wallet]:
    """Those of Stellar."""
    rows = Wallet.objects.filter(role=Wallet.Role.SOURCE).order_by("pk")
    return {wallet.account: wallet for wallet in rows}


def sources() -> Mapping[str, Wallet]:
    return _on(stellar_network(), every_source())


def _on(network: str, known: Mapping[str, Wallet]) -> Mapping[str, Wallet]:
    return {account: wallet for account, wallet in known.items() if wallet.network == network}


@check(GROUP, "promises", needs=("migrations",))
def promises() -> Finding | list[Finding]:
    """DFNS_WALLET_PUBLIC_KEY and DFNS_HEDERA_ACCOUNT_ID are about DFNS_WALLET_ID."""
    if not settings.DFNS_WALLET_ID:
        return ok("the settings promise nothing about a wallet")
    wallet = Wallet.objects.filter(custody_wallet_id=settings.DFNS_WALLET_ID).first()
    if wallet is None:
        return ok(f"DFNS_WALLET_ID is not registered yet; {REGISTER} does it")
    try:
        check_settings(wallet, account=wallet.account)
    except WalletMismatch as error:
        return from_sentence(str(error))
    return ok(f"the settings and the registered wallet {wallet.account} agree")


@check(GROUP, "wallet", needs=("migrations",), each=every_wallet)
def registered(wallet: Wallet) -> Finding | list[Finding]:
    problems = []
    try:
        check_network(wallet)
    except WalletMismatch as error:
        problems.append(
            failed(
                str(error), f"start the Paydate of that network, or register a wallet here with {REGISTER}"
            )
        )
    if wallet.stopped_reason:
        words = f"it is stopped, nothing is signed with it: {wallet.stopped_reason}"
        problems.append(from_sentence(words) if wallet.stopped_by_fence else failed(words, START))
    return problems or ok(f"{wallet.key_scheme}, {wallet.custodian} {wallet.custody_wallet_id}")


@check(GROUP, "account", needs=("network",), each=wallets, fix="check HEDERA_MIRROR_URL")
def on_chain(wallet: Wallet) -> Finding | list[Finding]:
    account = mirror().account(wallet.account)
    try:
        check_account(wallet, account)
    except WalletMismatch as error:
        return failed(
            str(error),
            f"register the wallet with the account that its key controls: {REGISTER} --account 0.0.x",
        )
    if account is None:
        return failed(f"there is no account {wallet.account}", "check HEDERA_NETWORK")
    state = "waits for its first signature" if has_no_key(account) else "its key is the wallet's"
    return _fees(account.balance_tinybars or 0, state)


def _fees(tinybars: int, state: str) -> Finding:
    has, most = tinybars // TINYBARS_PER_HBAR, settings.HEDERA_MAX_FEE_HBAR
    if has < most:
        return failed(f"{has} HBAR are left, one call may cost {most}", "send it HBAR for fees")
    if has < FEW_CALLS * most:
        return warning(
            f"{has} HBAR are left, one call may cost {most}", "send it HBAR for fees before the next payout"
        )
    return ok(f"{state}, {has:,} HBAR for fees")
