"""Custody. Its secrets are the signer's alone, so elsewhere these checks say how to make them."""

import base64
import json
import time
from collections.abc import Mapping

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from pydantic import SecretStr

from config.doctor.findings import Finding, failed, from_sentence, ok, skipped, warning
from config.doctor.registry import check
from config.doctor.signing import Signer, sign_test, signers
from config.doctor.wallets import sources, wallets
from contracts.custody.base import WalletFacts, custodian
from contracts.custody.credentials import UnusableKey, kind_of_key
from contracts.gateways.errors import GatewayError, Refused
from contracts.models import Wallet
from contracts.services.wallets import WalletMismatch, check_custody

GROUP = "Custody"
AS_SIGNER = "run it where the signer runs: PAYDATE_PROCESS=signer manage.py doctor"
NEEDED = (
    "DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN",
    "DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID",
    "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH",
)
KEY = NEEDED[2]
SOON_SECONDS = 30 * 86_400
SIGN_SECONDS = 40.0


def _text(name: str) -> str:
    value: SecretStr | str = getattr(settings, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _uses_key_file() -> bool:
    return bool(settings.CUSTODY_LOCAL_KEY_FILE) and not _text(NEEDED[0])


@check(GROUP, "custody secrets")
def secrets() -> Finding:
    if _uses_key_file():
        return ok("none: a key file signs (CUSTODY_LOCAL_KEY_FILE)")
    missing = [name for name in NEEDED if not _text(name)]
    if not missing:
        return ok("all three are set")
    if len(missing) == len(NEEDED) and settings.PAYDATE_PROCESS != "signer":
        return skipped(f"this process ({settings.PAYDATE_PROCESS}) has none, as it should be", AS_SIGNER)
    return failed(f"missing: {', '.join(missing)}", "set them in .env.signer, or each as NAME_FILE")


@check(GROUP, "credential key", needs=("custody secrets",))
def credential_key() -> Finding:
    if _uses_key_file():
        return ok("not needed")
    try:
        kind = kind_of_key(_text(KEY))
    except UnusableKey as error:
        return from_sentence(f"{KEY} is unusable: {error}")
    return ok(f"{kind}; whether custody knows its public part is tried by --sign-test")


@check(GROUP, "custody token", needs=("custody secrets",))
def token() -> Finding:
    """Service account tokens are JWTs with an end; one that is not is left to custody to judge."""
    left = _seconds_left(_text(NEEDED[0]))
    if left is None:
        return ok("it names no end")
    if left <= 0:
        return failed(
            f"{NEEDED[0]} ended {-left // 86_400} days ago",
            "make a new token for the service account in custody",
        )
    words = f"it ends in {left // 86_400} days"
    return ok(words) if left > SOON_SECONDS else warning(words, "renew it in custody before that")


def _seconds_left(text: str) -> int | None:
    parts = text.split(".")
    if len(parts) != 3:
        return None
    try:
        ends = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))["exp"]
        return int(ends) - int(time.time())
    except (ValueError, KeyError, TypeError):
        return None


@check(GROUP, "custody", needs=("credential key", "custody token"))
def answers() -> Finding:
    try:
        custodian("LOCAL" if _uses_key_file() else "DFNS").check()
    except ImproperlyConfigured as error:
        return failed(str(error), "correct the setting that is named")
    except Refused as error:
        return failed(f"custody refuses us: {error}", _fix_of_refusal(error.status))
    except GatewayError as error:
        return failed(
            f"custody does not answer: {error}", "check DFNS_BASE_URL and that this machine may reach it"
        )
    return ok("a key file" if _uses_key_file() else f"{settings.DFNS_BASE_URL} accepts our token")


def _fix_of_refusal(status: int | None) -> str:
    if status == 401:
        return f"correct {NEEDED[0]}; a token belongs to the address in DFNS_BASE_URL"
    if status == 403:
        return "give the service account the permissions Wallets:Read and Keys:Signatures:Create"
    return "check DFNS_BASE_URL"


def _in_custody() -> Mapping[str, Wallet]:
    name = "LOCAL" if _uses_key_file() else "DFNS"
    known = {**wallets(), **sources()}
    return {account: wallet for account, wallet in known.items() if wallet.custodian == name}


@check(GROUP, "custody of", needs=("custody", "migrations"), each=_in_custody)
def describes(wallet: Wallet) -> Finding:
    """Custody's own words about a registered wallet against our row."""
    try:
        facts = custodian(wallet.custodian).describe(wallet.custody_wallet_id)
    except Refused as error:
        return failed(
            f"custody does not show {wallet.custody_wallet_id}: {error}",
            "give the service account Wallets:Read, or register the wallet that it may use",
        )
    try:
        check_custody(wallet, facts)
    except WalletMismatch as error:
        return from_sentence(str(error))
    return _network_of(facts, "STELLAR_NETWORK" if wallet.is_on_stellar else "HEDERA_NETWORK")


def _network_of(facts: WalletFacts, setting: str) -> Finding:
    """On chain a key is the same everywhere; a wallet made for the other kind of network is still a mistake."""
    is_real = facts.network.lower() in ("hedera", "stellar", "mainnet")
    network = getattr(settings, setting)
    if is_real != (network in ("mainnet", "public")):
        return failed(
            f"custody made this wallet for {facts.network}, {setting} is {network}",
            f"use a wallet of this network, or correct {setting}",
        )
    return ok(f"active on {facts.network}, {facts.scheme} key {facts.custody_key_id}")


@check(
    GROUP,
    "sign test",
    needs=("custody", "identity"),
    each=signers,
    seconds=SIGN_SECONDS,
    is_on_request=True,
    fix="check DFNS_BASE_URL and that this machine may reach it",
)
def signs(signer: Signer) -> Finding:
    return sign_test(signer)
