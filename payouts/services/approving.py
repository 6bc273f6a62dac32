"""A second person's word on exactly what was asked for: asked by one, given or refused by another, void on any change.

Whoever asks registers what the hash is made of now, and what follows from the decision.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet

from contracts import clock
from contracts.models import AuditEvent
from contracts.services.holds import PAYDATE
from payouts.models import Approval, Distribution, Reissue

log = structlog.get_logger(__name__)
Subject = Distribution | Reissue
OPEN, APPROVED, REFUSED, VOIDED = "OPEN", "APPROVED", "REFUSED", "VOIDED"
# A command names the user of the system in this way; it is the same person as in the admin.
BY_COMMAND = " (command)"


class NotDecided(Exception):
    """The approval stays as it was; the message says why."""


@dataclass(frozen=True, slots=True)
class Owner:
    """What ``subject`` stands for now as a hash, and what is done in the transaction of a decision about it."""

    hash_of: Callable[[Any], str]
    on_decided: Callable[[Any, Approval], None]


_owners: dict[type[Subject], Owner] = {}


def register(model: type[Subject], *, hash_of: Callable[[Any], str], on_decided: Callable[..., None]) -> None:
    """Called from ``AppConfig.ready``."""
    _owners[model] = Owner(hash_of, on_decided)


def hash_over(**content: str | int) -> str:
    """SHA-256 over named values, whatever their order."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def request_approval(subject: Subject, *, words: str, by: str) -> Approval:
    """Asks for a second person, in the caller's transaction; what was asked about it before is void."""
    void(subject, reason="asked for again", by=by)
    approval = Approval.objects.create(
        **_key(subject), content_hash=_owners[type(subject)].hash_of(subject), words=words, requested_by=by
    )
    AuditEvent.write(approval, what="approval", target=OPEN, reason=words, by=by)
    return approval


def decide(approval: Approval, *, is_approved: bool, by: str, reason: str) -> bool:
    """Keeps the second person's word; False when what was asked for has changed since, which voids it.

    Raises NotDecided.
    """
    if not reason.strip():
        raise NotDecided("say why: a decision needs a reason")
    if not by.strip():
        raise NotDecided("say who decides: a decision needs a person")
    with transaction.atomic():
        subject = _lock_subject(approval)
        approval = Approval.objects.select_for_update().get(pk=approval.pk)
        if why_not := _why_not(approval, by):
            raise NotDecided(why_not)
        if _owners[type(subject)].hash_of(subject) != approval.content_hash:
            _void(approval, reason="what was asked for has changed since", by=PAYDATE)
            return False
        _keep(approval, is_approved=is_approved, by=by, reason=reason)
        _owners[type(subject)].on_decided(subject, approval)
    return True


def _keep(approval: Approval, *, is_approved: bool, by: str, reason: str) -> None:
    approval.decided_by, approval.decided_at = by, clock.now()
    approval.is_approved, approval.reason = is_approved, reason
    approval.save(update_fields=["decided_by", "decided_at", "is_approved", "reason"])
    target = APPROVED if is_approved else REFUSED
    AuditEvent.write(approval, what="approval", source=OPEN, target=target, reason=reason, by=by)
    log.info("approval_decided", approval=approval.uid, decision=target, by=by)


def why_not_by(approval: Approval, by: str) -> str | None:
    """Why this person may not decide, in words."""
    if _person(by) == _person(approval.requested_by):
        return f"{approval.requested_by} has asked for it: a second person has to decide"
    return None


def _why_not(approval: Approval, by: str) -> str | None:
    if state_of(approval) != OPEN:
        who = f" by {approval.decided_by}" if approval.decided_by else ""
        return f"it is {state_of(approval)}{who} already: {approval.reason}"
    return why_not_by(approval, by)


def _person(name: str) -> str:
    return name.removesuffix(BY_COMMAND).strip().casefold()


def state_of(approval: Approval) -> str:
    if approval.voided_at is not None:
        return VOIDED
    if approval.decided_at is None:
        return OPEN
    return APPROVED if approval.is_approved else REFUSED


def why_not_valid(subject: Subject) -> str | None:
    """Whether a second person has agreed to exactly what it is now, in words."""
    latest = approvals_of(subject).order_by("pk").last()
    if latest is None or state_of(latest) != APPROVED:
        return "it waits for the approval of a second person"
    if latest.content_hash != _owners[type(subject)].hash_of(subject):
        return "it is not what was approved; ask for another approval"
    return None


def void(subject: Subject, *, reason: str, by: str) -> None:
    """Ends what is open about it, in the caller's transaction."""
    for approval in approvals_of(subject).filter(decided_at=None, voided_at=None).select_for_update():
        _void(approval, reason=reason, by=by)


def _void(approval: Approval, *, reason: str, by: str) -> None:
    approval.voided_at, approval.reason = clock.now(), reason
    approval.save(update_fields=["voided_at", "reason"])
    AuditEvent.write(approval, what="approval", source=OPEN, target=VOIDED, reason=reason, by=by)


def approvals_of(subject: Subject) -> QuerySet[Approval]:
    return Approval.objects.filter(**_key(subject))


def _key(subject: Subject) -> dict[str, Any]:
    return {"reissue": subject} if isinstance(subject, Reissue) else {"distribution": subject}


def _lock_subject(approval: Approval) -> Subject:
    """As it is now, and for as long as it is decided about; before the approval, as where that is made void."""
    subject: Any = approval.reissue or approval.distribution
    subject.refresh_from_db(from_queryset=type(subject).objects.select_for_update(of=("self",)))
    return subject  # type: ignore[no-any-return]
