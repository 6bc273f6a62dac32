"""Placing and lifting holds. Code lifts only its own causes, never an operator's."""

import structlog
from django.db import transaction

from contracts import clock, gates
from contracts.models import AuditEvent, Hold

log = structlog.get_logger(__name__)
PAYDATE = "paydate"


class HoldRefused(Exception):
    """The hold cannot be placed or lifted; the text says why."""


def place_hold(
    *,
    scope: str,
    object_uid: str = "",
    cause: str,
    reason: str,
    by: str = PAYDATE,
    needs_operator: bool = False,
) -> Hold:
    """Opens a hold, or returns the open one of the same cause with its reason brought up to date.

    One that needs an operator keeps its reason when code places a lesser one of the same cause.
    """
    if not reason.strip():
        raise HoldRefused("say why: a hold needs a reason")
    with transaction.atomic():
        needs_operator = needs_operator or cause == Hold.Cause.OPERATOR
        key = {"scope": scope, "object_uid": object_uid, "cause": cause}
        hold, is_new = (
            Hold.objects.open()
            .select_for_update()
            .get_or_create(
                **key,
                lifted_at=None,
                defaults={"reason": reason, "placed_by": by, "needs_operator": needs_operator},
            )
        )
        if is_new:
            AuditEvent.write(hold, what="hold", target="OPEN", reason=reason, by=by)
            log.warning("hold_placed", scope=scope, object=object_uid, cause=cause, reason=reason, by=by)
        elif needs_operator or not hold.needs_operator:
            hold.reason, hold.needs_operator = reason, needs_operator
            hold.save(update_fields=["reason", "needs_operator"])
        gates.tell_hold(hold)
    return hold


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
    """Lifts the hold that code itself placed for ``cause``, if there is one and it needs no operator."""
    own = Hold.objects.open().filter(placed_by=PAYDATE, needs_operator=False)
    hold = own.filter(scope=scope, object_uid=object_uid, cause=cause).first()
    return lift_hold(hold, reason=reason, by=PAYDATE) if hold else False
