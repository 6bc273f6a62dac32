"""`doctor --sign-test`: custody signs a real transaction that nobody can use, and it is not sent."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from django.conf import settings

from config.doctor.findings import Finding, failed, ok, skipped, warning
from config.doctor.wallets import sources, wallets
from contracts import clock
from contracts.custody.base import SignatureAnswer, WalletFacts, custodian, is_stellar, verify
from contracts.gateways import hedera, soroban, soroban_accounts
from contracts.gateways.errors import Conflict, GatewayError, Refused, Throttled
from contracts.models import Wallet
from contracts.services import budget

MEMO = "pd1-doctor"
AGE_SECONDS = 3600
VALID_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Signer:
    """A registered wallet, or the one that DFNS_WALLET_ID names before it is registered."""

    custodian: str
    key_id: str
    scheme: str
    public_key: str
    account: str
    network: str
    why_not: str = ""


def signers() -> Mapping[str, Signer]:
    return {**_payers(), **{account: _of_row(wallet) for account, wallet in sources().items()}}


def _payers() -> Mapping[str, Signer]:
    found = {account: _of_row(wallet) for account, wallet in wallets().items()}
    if found or not settings.DFNS_WALLET_ID:
        return found
    facts = custodian("DFNS").describe(settings.DFNS_WALLET_ID)
    signer = _of_facts(facts)
    return {signer.account or facts.custody_wallet_id: signer}


def _of_row(wallet: Wallet) -> Signer:
    return Signer(
        wallet.custodian,
        wallet.custody_key_id,
        wallet.key_scheme,
        wallet.public_key,
        wallet.account,
        wallet.network,
        wallet.stopped_reason,
    )


def _of_facts(facts: WalletFacts) -> Signer:
    account = settings.DFNS_HEDERA_ACCOUNT_ID or facts.account or ""
    network = f"hedera-{settings.HEDERA_NETWORK}"
    why_not = "" if account else "its account is not known yet; set DFNS_HEDERA_ACCOUNT_ID"
    return Signer("DFNS", facts.custody_key_id, facts.scheme, facts.public_key, account, network, why_not)


def sign_test(signer: Signer) -> Finding:
    if signer.why_not:
        return skipped(f"nothing may be signed with it: {signer.why_not}")
    office = custodian(signer.custodian)
    slot = budget.take(signer.custodian, requests=office.requests_per_signature)
    if not slot.is_granted:
        return skipped("Paydate itself uses up the custody budget of this minute", "try again in a minute")
    budget.wait_for(slot.at)
    body = _body_of(signer)
    begin = time.monotonic()
    try:
        answer = office.sign(
            key_id=signer.key_id,
            scheme=signer.scheme,
            body=body,
            external_id=external_id(body),
            network=signer.network,
        )
    except GatewayError as error:
        return _refused(signer, error)
    return _judged(signer, body, answer, milliseconds=(time.monotonic() - begin) * 1000)


def _body_of(signer: Signer) -> bytes:
    """On Stellar as on Hedera unlike any before: there its sequence number is this nanosecond."""
    if not is_stellar(signer.network):
        return expired_body(signer.account)
    now_ns = clock.now_ns()
    ended_at = now_ns // clock.NANOSECONDS - AGE_SECONDS
    return soroban_accounts.expired_envelope(signer.account, number=now_ns, ended_at=ended_at)


def expired_body(account: str) -> bytes:
    """The payer's transfer of nothing to itself, unlike any before: its start is this nanosecond, an hour ago.

    It ended almost an hour ago, so that the signature is worthless whoever gets hold of it: every node
    refuses it, and no fee can be charged. That is why it needs no row in the book of transactions.
    """
    envelope = hedera.Envelope(
        payer=account,
        max_fee_tinybars=1,
        memo=MEMO,
        valid_start_ns=clock.now_ns() - AGE_SECONDS * clock.NANOSECONDS,
        valid_seconds=VALID_SECONDS,
    )
    return hedera.build_transfer(envelope, node=hedera.nodes()[0])


def external_id(body: bytes) -> str:
    return f"{MEMO}-{hashlib.sha256(body).hexdigest()[:48]}"


def _refused(signer: Signer, error: GatewayError) -> Finding:
    if isinstance(error, Throttled):
        budget.pause(signer.custodian, error.retry_after)
        return skipped("custody says that it is asked too often", "try again in a minute")
    if isinstance(error, Conflict):
        return failed(f"custody answers for another content: {error}", "ask custody what it signed")
    if isinstance(error, Refused):
        return failed(
            f"custody refused to sign: {error}",
            "compare DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID and its key with custody, and give the service account "
            "the permission Keys:Signatures:Create",
        )
    return failed(
        f"custody does not answer: {error}", "check DFNS_BASE_URL and that this machine may reach it"
    )


def _judged(signer: Signer, body: bytes, answer: SignatureAnswer, *, milliseconds: float) -> Finding:
    if answer.status == "PENDING":
        return warning(
            f"custody waits for an approval ({answer.reference})",
            "reject it there, it is of no use; if every signature needs one, set CUSTODY_APPROVAL_LEAD",
        )
    if answer.status != "SIGNED" or answer.signature is None:
        return failed(
            f"custody answered {answer.status}: {answer.reason or 'no reason given'}",
            "see the wallet's policies in custody",
        )
    if not verify(signer.scheme, signer.public_key, body, answer.signature, signer.network):
        return failed(
            "the signature does not fit the wallet's public key", "register the wallet again with add_wallet"
        )
    raw = _assembled(signer, body, answer.signature)
    return ok(
        f"signed with {signer.scheme} in {milliseconds:.0f} ms and verified; {len(raw)} bytes, expired "
        "an hour ago, NOT sent"
    )


def _assembled(signer: Signer, body: bytes, signature: bytes) -> bytes:
    if is_stellar(signer.network):
        return soroban.assemble(body, account=signer.account, signature=signature)
    scheme, key = cast(hedera.Scheme, signer.scheme), bytes.fromhex(signer.public_key)
    return hedera.assemble(body, scheme=scheme, public_key=key, signature=signature).raw
