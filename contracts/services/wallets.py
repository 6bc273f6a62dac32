"""Wallets: what custody and the chain say about them must be what we stored, or nothing is signed."""

import structlog
from django.conf import settings
from django.db import transaction

from contracts import clock
from contracts.custody.base import ED25519, SECP256K1, WalletFacts, custodian, evm_alias
from contracts.gateways import soroban
from contracts.gateways.errors import Refused
from contracts.gateways.mirror import Account, mirror
from contracts.models import AuditEvent, ContractTransaction, Hold, Wallet
from contracts.services.holds import PAYDATE, lift_hold, place_hold
from contracts.services.networks import hedera_network, stellar_network

log = structlog.get_logger(__name__)
FENCE = "fence: "
_verified: set[int] = set()
EMPTY_KEY_LIST = "3200"


class WalletMismatch(Exception):
    """Custody, chain, settings and our row disagree; the text names both values and the fix."""


class WalletNotStarted(Exception):
    """Starting it is not enough; the text says what is."""


def ensure_verified(wallet: Wallet) -> None:
    """Compares the row with custody, the settings and the chain, once per process.

    Raises WalletMismatch on a difference and a GatewayError when somebody could not be asked.
    """
    if wallet.pk in _verified:
        return
    check_network(wallet)
    facts = custodian(wallet.custodian).describe(wallet.custody_wallet_id)
    check_custody(wallet, facts)
    if wallet.is_on_stellar:
        check_stellar_account(wallet)
    else:
        check_settings(facts, account=wallet.account)
        check_account(wallet, mirror().account(wallet.account))
    _verified.add(wallet.pk)


def check_custody(wallet: Wallet, facts: WalletFacts) -> None:
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


def check_network(wallet: Wallet) -> None:
    setting = "STELLAR_NETWORK" if wallet.is_on_stellar else "HEDERA_NETWORK"
    expected = stellar_network() if wallet.is_on_stellar else hedera_network()
    if wallet.network != expected:
        raise WalletMismatch(f"the wallet is on {wallet.network}, {setting} says {expected.split('-')[1]}")


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


def check_account(wallet: Wallet, account: Account | None) -> None:
    """An account made by a transfer to its EVM address has no key until it signs for the first time."""
    if account is None or account.deleted:
        raise WalletMismatch(
            f"the account {wallet.account} does not exist on {wallet.network}; check the network"
        )
    on_chain = (account.key_hex or "").lower()
    if has_no_key(account):
        if wallet.key_scheme == SECP256K1 and account.evm_address != evm_alias(wallet.public_key):
            raise WalletMismatch(
                f"the account {wallet.account} has no key yet, and its EVM address belongs to another key than "
                "the wallet's; register the wallet with the account of its own address"
            )
    elif not on_chain.endswith(wallet.public_key):
        raise WalletMismatch(f"the account {wallet.account} is controlled by another key ({on_chain})")


def check_stellar_account(wallet: Wallet) -> None:
    """An account of Stellar bears the name of its master key. Raises WalletMismatch, and a GatewayError."""
    if wallet.key_scheme != ED25519:
        raise WalletMismatch(
            f"accounts of Stellar sign with {ED25519}, this wallet's key is {wallet.key_scheme}"
        )
    named = soroban.account_of(wallet.public_key)
    if named != wallet.account:
        raise WalletMismatch(
            f"the account of its key is {named}, the wallet's is {wallet.account}; register the wallet again"
        )
    soroban.check_network()
    try:
        soroban.sequence_of(wallet.account)
    except Refused as error:
        raise WalletMismatch(f"{error.text}; fund it, or check STELLAR_NETWORK") from error


def has_no_key(account: Account) -> bool:
    """It waits for its first own signature. Older mirror nodes show an empty list of keys instead of none."""
    return (account.key_hex or EMPTY_KEY_LIST) == EMPTY_KEY_LIST


def stop_wallet(wallet: Wallet, reason: str, *, by: str = PAYDATE) -> bool:
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


def stop_for_fence(wallet: Wallet, reason: str, *, by: str = PAYDATE) -> bool:
    """Stops the wallet until it is claimed, and holds its contracts, so that their distributions say why.

    False when the fence had stopped it before. A wallet stopped for another cause keeps that reason, too.
    """
    words = f"{FENCE}{reason}"
    with transaction.atomic():
        if not Wallet.objects.filter(pk=wallet.pk, stopped_by_fence=False).update(stopped_by_fence=True):
            return False
        if not stop_wallet(wallet, words, by=by):
            AuditEvent.write(wallet, what="stop", target="STOPPED", reason=words, by=by)
        for contract in wallet.contracts.all():
            place_hold(
                scope=Hold.Scope.CONTRACT,
                object_uid=contract.uid,
                cause=Hold.Cause.FENCE,
                reason=words,
                needs_operator=True,
            )
    wallet.stopped_by_fence = True
    return True


def release_from_fence(wallet: Wallet, *, reason: str, by: str) -> None:
    """The wallet was claimed: it signs again, unless it is stopped for another cause as well."""
    with transaction.atomic():
        stopped = Wallet.objects.filter(pk=wallet.pk, stopped_by_fence=True)
        if not stopped.update(stopped_by_fence=False):
            return
        wallet.refresh_from_db()
        if wallet.stopped_reason.startswith(FENCE):
            start_wallet(wallet, reason=reason, by=by)
        uids = wallet.contracts.values("uid")
        placed = Hold.objects.open().filter(scope=Hold.Scope.CONTRACT, object_uid__in=uids)
        for hold in placed.filter(cause=Hold.Cause.FENCE):
            lift_hold(hold, reason=reason, by=by)


def start_wallet(wallet: Wallet, *, reason: str, by: str) -> bool:
    """An operator's word that the cause is gone; False when the wallet was not stopped. Raises WalletNotStarted."""
    with transaction.atomic():
        stopped = Wallet.objects.filter(pk=wallet.pk).exclude(stopped_reason="")
        if stopped.filter(stopped_by_fence=True).exists():
            raise WalletNotStarted(
                "its list on chain has transactions that this database did not know, and more may come: it is started"
                ' by manage.py claim_wallets --reason "..."'
            )
        if not stopped.update(stopped_reason="", stopped_at=None):
            return False
        AuditEvent.write(wallet, what="stop", source="STOPPED", reason=reason, by=by)
        ContractTransaction.objects.open().filter(wallet=wallet).update(next_attempt_at=clock.now())
    _verified.discard(wallet.pk)
    log.warning("wallet_started", wallet=wallet.account, reason=reason, by=by)
    return True
