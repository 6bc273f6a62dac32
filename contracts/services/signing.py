"""From PLANNED to SIGNED: fix the identity, store the body, have custody sign exactly these bytes.

Each step leaves its trace in the database before the next begins, so a signer that dies anywhere is followed
by one that goes on with the same identity, the same bytes and the same externalId.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from contracts import clock, gates
from contracts.custody.base import SignatureAnswer, custodian, verify
from contracts.faults import fault_point
from contracts.gateways.errors import Conflict, GatewayError, Refused, Throttled
from contracts.models import ContractTransaction, SignedBody
from contracts.services import budget, fencing
from contracts.services.building import Identity, NotNow, assembled, body_for, first_node, new_identity
from contracts.services.sending import send, send_marked, why_not_allowed, why_not_now
from contracts.services.steps import advance, fail, over_ns, postpone, visit
from contracts.services.wallets import WalletMismatch, ensure_verified, stop_wallet

log = structlog.get_logger(__name__)
Status = ContractTransaction.Status

IDENTIFIED = fault_point("transaction.identified", scenario="payout")
BODY_STORED = fault_point("transaction.body_stored", scenario="payout")
CUSTODY_ANSWERED = fault_point("transaction.custody_answered", scenario="payout")
CUSTODY_WAITING = fault_point("transaction.custody_waiting", scenario="approval")
SIGNED = fault_point("transaction.signed", scenario="payout")

BODY_MAX_AGE = timedelta(seconds=30)
POLL_CUSTODY = timedelta(seconds=2)


def sign_transaction(row_id: int) -> None:
    """One visit of the signer: from wherever the row stands to SUBMITTED, or to a reason why not."""
    visit(row_id, _sign_and_send, asked="custody or the network")


def _sign_and_send(row: ContractTransaction) -> None:
    body = _sign_planned(row) if row.status == Status.PLANNED else None
    if body is not None and row.broadcast_started_at is not None:  # the commit that stored the signature
        send_marked(row, body, sign_for_node=_sign_for_other_node)
    elif row.status == Status.SIGNED:
        send(row, sign_for_node=_sign_for_other_node)


def _sign_planned(row: ContractTransaction) -> SignedBody | None:
    """The body when it is signed now."""
    if reason := wallet_why_not(row):
        postpone(row, reason)
    elif row.custody_waiting_since is not None:
        return _collect(row)
    elif reason := _pending_elsewhere(row):
        postpone(row, reason)
    elif body := _identify(row) if row.valid_start_ns is None else _body_again(row):
        return _sign_body(row, body)
    return None


def _body_again(row: ContractTransaction) -> SignedBody | None:
    """Of a row whose signer ended between fixing its identity and storing the signature."""
    if reason := gates.why_not(row):
        postpone(row, reason)
        return None
    if not (_is_young(row) and _has_custody_slot(row)):
        return None
    return _stored_body(row, first_node(row))


def _sign_for_other_node(row: ContractTransaction, node: str) -> SignedBody | None:
    """A second body keeps the rules of the first. Without it the first one's bytes are sent again later."""
    if wallet_why_not(row) or _pending_elsewhere(row) or not (_is_young(row) and _has_custody_slot(row)):
        return None
    return sign_body_for(row, node)


def wallet_why_not(row: ContractTransaction) -> str | None:
    """Why nothing of this wallet may be signed now."""
    wallet = row.wallet
    if wallet.stopped_reason:
        return f"the wallet is stopped: {wallet.stopped_reason}"
    try:
        ensure_verified(wallet)
    except WalletMismatch as error:
        stop_wallet(wallet, str(error))
        return f"the wallet is stopped: {error}"
    except GatewayError as error:
        return f"custody does not tell us about the wallet: {error}"
    if row.is_on_stellar:  # its sequence number fences it: what another one sends makes ours invalid
        return fencing.whose_database()
    return fencing.why_not(wallet, fresh=not row.has_guard)


def _pending_elsewhere(row: ContractTransaction) -> str | None:
    """While one body waits for approval, no further one of its wallet goes to custody."""
    waiting = ContractTransaction.objects.filter(
        wallet=row.wallet, status=Status.PLANNED, custody_waiting_since__isnull=False
    )
    other = waiting.exclude(pk=row.pk).only("subject", "attempt").first()
    return f"custody still waits for the approval of {other}" if other else None


def _has_custody_slot(row: ContractTransaction) -> bool:
    slot = _take_slot(row)
    if slot is None:
        return False
    budget.wait_for(slot)
    return True


def _take_slot(row: ContractTransaction) -> datetime | None:
    """The moment from which custody may be asked for this row, at most a few seconds away; else it is postponed."""
    name = row.wallet.custodian
    slot = budget.take(name, requests=custodian(name).requests_per_signature)
    if slot.is_granted:
        return slot.at
    postpone(row, "the custody budget of this minute is used up", until=slot.at)
    return None


def _identify(row: ContractTransaction) -> SignedBody | None:
    """Fixes transaction id and validity once and for ever, and stores the body made of them, in one commit.

    The gate is asked and the custody slot taken in the same commit: what may not go on costs no slot.
    """
    if (identity := _identity_of(row)) is None:
        return None
    try:
        with transaction.atomic():
            slot = _gate_and_slot(row)
            body = _store_identity(row, identity) if slot else None
    except IntegrityError:  # another row of the wallet has taken the nanosecond, or the sequence number
        postpone(row, "its transaction id is taken; another follows")
        return None
    if slot is None or body is None:
        return None
    IDENTIFIED.reach(row.subject)
    BODY_STORED.reach(row.subject)
    budget.wait_for(slot)
    return body


def _identity_of(row: ContractTransaction) -> Identity | None:
    """A network that is asked before may refuse: then nothing was ever signed."""
    if row.is_on_stellar and (reason := gates.why_not(row)):
        postpone(row, reason)
        return None
    try:
        return new_identity(row)
    except NotNow as error:
        postpone(row, str(error))
    except Refused as error:
        fail(row, error.code or "REFUSED", str(error))
    return None


def _gate_and_slot(row: ContractTransaction) -> datetime | None:
    if reason := gates.why_not(row):
        postpone(row, reason)
        return None
    return _take_slot(row)


def _store_identity(row: ContractTransaction, identity: Identity) -> SignedBody | None:
    """None when somebody else has fixed it."""
    unfixed = ContractTransaction.objects.filter(pk=row.pk, status=Status.PLANNED, valid_start_ns=None)
    if not unfixed.update(**identity.columns):
        return None
    for name, value in identity.columns.items():
        setattr(row, name, value)
    body = _new_body(row, identity.node, identity.raw)
    body.save(force_insert=True)
    return body


def _is_young(row: ContractTransaction) -> bool:
    """Custody never sees a body older than 30 s: what it signs later may meet a chain that moved on."""
    if row.identified_at and clock.now() - row.identified_at <= BODY_MAX_AGE:
        return True
    postpone(row, "too old to be signed; a new attempt follows its expiry", until=_after_expiry(row))
    return False


def _after_expiry(row: ContractTransaction) -> datetime:
    return clock.from_ns(over_ns(row))


def sign_body_for(row: ContractTransaction, node: str) -> SignedBody | None:
    """Stores the body for ``node``, has it signed and stored; None when it has to wait or was refused."""
    return _sign_body(row, _stored_body(row, node))


def _sign_body(row: ContractTransaction, body: SignedBody) -> SignedBody | None:
    if body.signed_bytes is not None:
        return body
    answer = _ask(row, body)
    if answer is None:
        return None
    CUSTODY_ANSWERED.reach(row.subject)
    return body if _take_answer(row, body, answer) else None


def _stored_body(row: ContractTransaction, node: str) -> SignedBody:
    """The loser of the unique constraint drops its own body and takes the stored one."""
    if stored := row.bodies.filter(node=node).first():
        return stored
    new = _new_body(row, node, body_for(row, node))
    body, _ = SignedBody.objects.get_or_create(
        transaction=row,
        node=node,
        defaults={"body": new.body, "body_hash": new.body_hash, "external_id": new.external_id},
    )
    return body


def _new_body(row: ContractTransaction, node: str, raw: bytes) -> SignedBody:
    digest = hashlib.sha256(raw).hexdigest()
    external_id = f"pd1-{settings.PAYDATE_INSTANCE_ID}-{digest[:48]}"
    return SignedBody(transaction=row, node=node, body=raw, body_hash=digest, external_id=external_id)


def _ask(row: ContractTransaction, body: SignedBody) -> SignatureAnswer | None:
    """One request to custody. Any doubt is harmless here: the same bytes and externalId are asked again."""
    wallet = row.wallet
    try:
        return custodian(wallet.custodian).sign(
            key_id=wallet.custody_key_id,
            scheme=wallet.key_scheme,
            body=bytes(body.body),
            external_id=body.external_id,
            network=wallet.network,
        )
    except Conflict as error:
        return _adopt_duplicate(row, body, error)
    except Throttled as error:
        until = budget.pause(wallet.custodian, error.retry_after)
        postpone(row, "custody says that we ask too often", until=until)
    except Refused as error:
        _refused(row, f"custody refused to sign: {error}")
    except GatewayError as error:
        postpone(row, f"custody does not answer: {error}")
    return None


def _adopt_duplicate(row: ContractTransaction, body: SignedBody, error: Conflict) -> SignatureAnswer | None:
    wallet = row.wallet
    answer = None
    if error.duplicate_id:
        try:
            answer = custodian(wallet.custodian).fetch(
                key_id=wallet.custody_key_id, reference=error.duplicate_id
            )
        except GatewayError as problem:
            postpone(row, f"custody holds a duplicate and does not show it: {problem}")
            return None
    if answer and answer.is_for(wallet.key_scheme, bytes(body.body), wallet.network):
        return answer
    stop_wallet(wallet, f"custody knows {body.external_id} with another content")
    return None


def _take_answer(row: ContractTransaction, body: SignedBody, answer: SignatureAnswer) -> bool:
    if answer.status == "PENDING":
        if row.status == Status.PLANNED:  # an approval for a second node's body is not worth waiting for
            _wait_for_approval(row, body, answer)
        return False
    if answer.status != "SIGNED" or answer.signature is None:
        _refused(row, f"custody answered {answer.status}: {answer.reason or 'no reason given'}")
        return False
    return _store_signature(row, body, answer)


def _wait_for_approval(row: ContractTransaction, body: SignedBody, answer: SignatureAnswer) -> None:
    now = clock.now()
    with transaction.atomic():
        SignedBody.objects.filter(pk=body.pk).update(custody_reference=answer.reference)
        first = ContractTransaction.objects.filter(
            pk=row.pk, status=row.status, custody_waiting_since=None
        ).update(
            custody_waiting_since=now,
            waiting_reason="custody waits for approval",
            next_attempt_at=now + POLL_CUSTODY,
        )
        if first:
            row.custody_waiting_since = now
            gates.tell(row, "WAITING")
    if first:
        log.warning("custody_waiting", transaction_id=row.transaction_id, subject=row.subject)
        CUSTODY_WAITING.reach(row.subject)


def _collect(row: ContractTransaction) -> SignedBody | None:
    """Polls a pending approval by its reference; the signature itself is never asked for a second time."""
    body = row.bodies.exclude(custody_reference="").order_by("pk").last()
    if body is None or clock.now_ns() > row.valid_until_ns:
        postpone(row, "the approval did not come in time; expires", until=_after_expiry(row))
        return None
    try:
        answer = custodian(row.wallet.custodian).fetch(
            key_id=row.wallet.custody_key_id, reference=body.custody_reference
        )
    except GatewayError as error:
        postpone(row, f"custody does not answer: {error}", until=clock.now() + POLL_CUSTODY)
        return None
    if answer.status == "PENDING":
        postpone(row, "custody waits for approval", until=clock.now() + POLL_CUSTODY)
        return None
    CUSTODY_ANSWERED.reach(row.subject)
    return body if _take_answer(row, body, answer) else None


def _store_signature(row: ContractTransaction, body: SignedBody, answer: SignatureAnswer) -> bool:
    wallet, raw, signature = row.wallet, bytes(body.body), answer.signature or b""
    if not verify(wallet.key_scheme, wallet.public_key, raw, signature, wallet.network):
        stop_wallet(wallet, "custody returned a signature that does not fit the wallet's public key")
        return False
    signed_bytes, digest = assembled(row, raw, signature)
    now = clock.now()
    columns = {
        "signed_bytes": signed_bytes,
        "hash": digest.hex(),
        "signed_at": now,
        "custody_reference": answer.reference,
    }
    if row.status == Status.PLANNED:
        is_stored = _store_and_mark(row, body, columns, now)
    else:
        is_stored = bool(_unsigned(body).update(**columns))
    if not is_stored:
        body.refresh_from_db()
        return body.signed_bytes is not None
    for name, value in columns.items():
        setattr(body, name, value)
    SIGNED.reach(row.subject)
    return True


def _store_and_mark(
    row: ContractTransaction, body: SignedBody, columns: dict[str, Any], now: datetime
) -> bool:
    """SIGNED and, where nothing forbids it, the start of the broadcast, in one commit; False when another was first.

    The gate is asked behind the arrow, because the last approval lifts the hold of custody; what it forbids is
    unmarked before anybody has seen the mark.
    """
    wait = why_not_now(row)
    started_at = None if wait else now
    with transaction.atomic():
        has_moved = advance(
            row, Status.SIGNED, signed_at=now, next_attempt_at=now, broadcast_started_at=started_at
        )
        if has_moved and wait is None and (wait := why_not_allowed(row)):
            ContractTransaction.objects.filter(pk=row.pk).update(broadcast_started_at=None)
            row.broadcast_started_at = None
        if has_moved and wait is not None:
            postpone(row, wait.reason, until=wait.until)
        is_sent = has_moved and wait is None
        marks = {"sends": 1, "first_sent_at": now, "last_sent_at": now} if is_sent else {}
        return bool(_unsigned(body).update(**columns, **marks))


def _unsigned(body: SignedBody) -> QuerySet[SignedBody]:
    return SignedBody.objects.filter(pk=body.pk, signed_bytes=None)


def _refused(row: ContractTransaction, text: str) -> None:
    """Custody said no. A row that was never sent fails; its owner decides who must act before a new attempt."""
    if row.status == Status.PLANNED:
        fail(row, "CUSTODY_REFUSED", text)
    else:  # a body for a second node was refused; the first may have been accepted
        postpone(row, text)
