"""Wallets: what custody and the chain say about them must be what we stored, or nothing is signed."""

import structlog
from django.conf import settings
from django.db import transaction

from contracts import clock
from contracts.custody.base import WalletFacts, custodian
from contracts.gateways.mirror import mirror
from contracts.models import AuditEvent, ContractTransaction, Wallet

log = structlog.get_logger(__name__)
_verified: set[int] = set()


class WalletMismatch(Exception):
    """Custody, chain, settings and our row disagree; the text names both values and the fix."""


def ensure_verified(wallet: Wallet) -> None:
    """Compares the row with custody, the settings and the chain, once per process.

    Raises WalletMismatch on a difference and a GatewayError when somebody could not be asked.
    """
    if wallet.pk in _verified:
        return
    check_network(wallet)
    facts = custodian(wallet.custodian).describe(wallet.custody_wallet_id)
    for name, ours, theirs in (
        ("key id", wallet.custody_key_id, facts.custody_key_id),
        ("key scheme", wallet.key_scheme, facts.scheme),
        ("public key", wallet.public_key, facts.public_key),
    ):
        if ours != theirs:
            raise WalletMismatch(
                f"its {name} is {ours} here and {theirs} in custody; register the wallet again"
            )
    if not facts.is_active:
        raise WalletMismatch("custody says that the wallet is not active; activate it there")
    check_settings(facts, account=wallet.account)
    _check_account(wallet)
    _verified.add(wallet.pk)


def check_network(wallet: Wallet) -> None:
    if wallet.network != (expected := f"hedera-{settings.HEDERA_NETWORK}"):
        raise WalletMismatch(
            f"the wallet is on {wallet.network}, HEDERA_NETWORK says {expected.split('-')[1]}"
        )


def check_settings(facts: WalletFacts | Wallet, *, account: str) -> None:
    """``DFNS_WALLET_PUBLIC_KEY`` and ``DFNS_HEDERA_ACCOUNT_ID`` are promises about the wallet ``DFNS_WALLET_ID``."""
    if facts.custody_wallet_id != settings.DFNS_WALLET_ID:
        return
    key = str(settings.DFNS_WALLET_PUBLIC_KEY or "").removeprefix("0x").lower()
    if key and key != facts.public_key:
        raise WalletMismatch(
            f"DFNS_WALLET_PUBLIC_KEY differs from custody, which says {facts.public_key}; correct it"
        )
    told = settings.DFNS_HEDERA_ACCOUNT_ID
    if told and told != account:
        raise WalletMismatch(
            f"DFNS_HEDERA_ACCOUNT_ID is {told}, the wallet's account is {account}; correct one"
        )


def _check_account(wallet: Wallet) -> None:
    account = mirror().account(wallet.account)
    if account is None or account.deleted:
        raise WalletMismatch(
            f"the account {wallet.account} does not exist on {wallet.network}; check the network"
        )
    on_chain = (account.key_hex or "").lower()
    if on_chain and not on_chain.endswith(wallet.public_key):
        raise WalletMismatch(f"the account {wallet.account} is controlled by another key ({on_chain})")


def stop_wallet(wallet: Wallet, reason: str, *, by: str = "paydate") -> bool:
    """Stops all signing for a wallet until an operator starts it again; False when it was stopped already."""
    now = clock.now()
    with transaction.atomic():
        if not Wallet.objects.filter(pk=wallet.pk, stopped_reason="").update(
            stopped_reason=reason, stopped_at=now
        ):
            return False
        AuditEvent.write(wallet, what="stop", target="STOPPED", reason=reason, by=by)
    wallet.stopped_reason, wallet.stopped_at = reason, now
    log.critical("wallet_stopped", wallet=wallet.account, network=wallet.network, reason=reason)
    return True


def start_wallet(wallet: Wallet, *, reason: str, by: str) -> bool:
    """An operator's word that the cause is gone; False when the wallet was not stopped."""
    with transaction.atomic():
        stopped = Wallet.objects.filter(pk=wallet.pk).exclude(stopped_reason="")
        if not stopped.update(stopped_reason="", stopped_at=None):
            return False
        AuditEvent.write(wallet, what="stop", source="STOPPED", reason=reason, by=by)
        ContractTransaction.objects.open().filter(wallet=wallet).update(next_attempt_at=clock.now())
    _verified.discard(wallet.pk)
    log.warning("wallet_started", wallet=wallet.account, reason=reason, by=by)
    return True
