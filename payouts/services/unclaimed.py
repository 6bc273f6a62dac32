"""Payments that nobody but a person will make: after a while people are reminded of them, later told that they expired.

Nothing is moved by it: what expires has to be accepted as unpaid, or re-issued, by a person.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, QuerySet, Sum

from contracts import clock
from contracts.models import Notice
from contracts.services.notices import open_notice, resolve_notice
from contracts.services.sweeping import single_flight
from payouts.amounts import counted, format_units
from payouts.models import Distribution
from payouts.services.choosing import CAN_BE_RETRIED
from payouts.services.showing import given_up_in

UNCLAIMED_LOCK = 0x5041_5944_0071
Cause = Notice.Cause
CLAIMED = "every payment of it that had failed is paid, accepted as unpaid or being re-issued"
REMINDER = (
    "Mend the cause and retry them, re-issue them to the holder's new wallet, or accept them as unpaid. "
    "Nothing is done by itself."
)
EXPIRED = (
    "By your own rule they have expired. No money is moved by that: accept them as unpaid, or re-issue them, "
    "on the page of the distribution."
)


def remind_unclaimed() -> None:
    """One tick: at most one notice of each kind per distribution stays open, until its lines are settled."""
    with single_flight(UNCLAIMED_LOCK) as is_mine:
        if not is_mine:
            return
        _tell(Cause.UNCLAIMED, days=settings.UNCLAIMED_REMIND_DAYS, advice=REMINDER)
        _tell(Cause.UNCLAIMED_EXPIRED, days=settings.UNCLAIMED_EXPIRE_DAYS, advice=EXPIRED)
        _resolve()


def _tell(cause: str, *, days: int, advice: str) -> None:
    """``days`` of 0: never."""
    if not days:
        return
    ended = Distribution.objects.filter(
        status__in=CAN_BE_RETRIED, ended_at__lte=clock.now() - timedelta(days=days)
    )
    related = ended.select_related("asset__payout_contract__payment_token").order_by("ended_at")
    for distribution in related:
        words = _words(distribution)
        if words:
            name = distribution.concept or distribution.uid
            since = f"since {distribution.ended_at:%Y-%m-%d}"
            open_notice(
                distribution,
                cause=cause,
                title=f"{name}: {words} unclaimed {since}",
                text=f"{words}. {advice}",
            )


def _words(distribution: Distribution) -> str:
    """How many and how much; empty when there is nothing to claim."""
    lines = given_up_in(distribution).free_of_reissue().order_by()
    totals = lines.aggregate(count=Count("pk"), units=Sum("expected_units"))
    if not totals["count"]:
        return ""
    token = distribution.asset.payout_contract.payment_token
    units = format_units(int(totals["units"]), decimals=token.decimals, symbol=token.symbol)
    return f"{counted(totals['count'], 'payment')}, {units}"


def _resolve() -> None:
    for distribution in _told():
        if not _words(distribution):
            for cause in (Cause.UNCLAIMED, Cause.UNCLAIMED_EXPIRED):
                resolve_notice(distribution, cause=cause, resolution=CLAIMED)


def _told() -> QuerySet[Distribution]:
    causes = (Cause.UNCLAIMED, Cause.UNCLAIMED_EXPIRED)
    notices = Notice.objects.open().filter(noun="distribution", cause__in=causes)
    rows = Distribution.objects.filter(uid__in=notices.values("object_uid"))
    return rows.select_related("asset__payout_contract__payment_token")
