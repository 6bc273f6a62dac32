"""Placing and lifting holds. Code lifts only its own causes, never an operator's."""

import structlog
from django.db import IntegrityError, transaction

from contracts import clock, gates
from contracts.models import AuditEvent, Hold

log = structlog.get_logger(__name__)
PAYDATE = "paydate"


class HoldRefused(Exception):
    """The hold cannot be placed or lifted; the text says why."""


def place_hold(*, scope: str, object_uid: str = "", cause: str, reason: str, by: str = PAYDATE) -> Hold:
    """Opens a hold, or returns the open one of the same cause with its reason brought up to date."""
    if not reason.strip():
        raise HoldRefused("say why: a hold needs a reason")
    with transaction.atomic():
        hold, is_new = _get_or_open(scope, object_uid, cause, reason, by)
        if is_new:
            AuditEvent.write(hold, what="hold", target="OPEN", reason=reason, by=by)
            log.warning("hold_placed", scope=scope, object=object_uid, cause=cause, reason=reason, by=by)
        elif hold.reason != reason:
            hold.reason = reason
            hold.save(update_fields=["reason"])
        gates.tell_hold(hold)
    return hold


def _get_or_open(scope: str, object_uid: str, cause: str, reason: str, by: str) -> tuple[Hold, bool]:
    key = {"scope": scope, "object_uid": object_uid, "cause": cause}
    if hold := Hold.objects.open().filter(**key).first():
        return hold, False
    try:
        with transaction.atomic():
            return Hold.objects.create(**key, reason=reason, placed_by=by), True
    except IntegrityError:
        return Hold.objects.open().get(**key), False


def lift_hold(hold: Hold, *, reason: str, by: str) -> bool:
    """Lifts an open hold; False when somebody else did. Code may not lift an operator's."""
    if hold.cause == Hold.Cause.OPERATOR and by == PAYDATE:
        raise HoldRefused("an operator's hold is lifted by an operator")
    if not reason.strip():
        raise HoldRefused("say why: lifting a hold needs a reason")
    with transaction.atomic():
        now = clock.now()
        lifted = (
            Hold.objects.open().filter(pk=hold.pk).update(lifted_at=now, lifted_by=by, lift_reason=reason)
        )
        if not lifted:
            return False
        hold.refresh_from_db()
        AuditEvent.write(hold, what="hold", source="OPEN", target="LIFTED", reason=reason, by=by)
        log.info(
            "hold_lifted", scope=hold.scope, object=hold.object_uid, cause=hold.cause, reason=reason, by=by
        )
        gates.tell_hold(hold)
    return True


def lift_own(*, scope: str, object_uid: str, cause: str, reason: str) -> bool:
    """Lifts the hold that code itself placed for ``cause``, if there is one."""
    hold = (
        Hold.objects.open().filter(scope=scope, object_uid=object_uid, cause=cause, placed_by=PAYDATE).first()
    )
    return lift_hold(hold, reason=reason, by=PAYDATE) if hold else False
