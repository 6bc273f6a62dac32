"""Automatic retries: with each tick of beat, at most MAX_BATCH_RETRIES for a line, with growing pauses between them."""

import structlog
from django.db import transaction
from django.db.models import F
from structlog.contextvars import bound_contextvars

from contracts import clock
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.gateways.errors import GatewayError
from contracts.leases import lease
from contracts.models import AuditEvent
from contracts.services.sweeping import single_flight
from payouts.models import Distribution, Payment
from payouts.services import chain, choosing
from payouts.services.choosing import CAN_BE_RETRIED, NotRetryable
from payouts.services.finishing import plan_next_retry, say_why_not_retried
from payouts.services.retrying import RETRY_CREATED, catch_up, create, lock, read_money
from reserves.services.reserving import BalanceAt, InsufficientReserve

log = structlog.get_logger(__name__)
RETRY_POSTPONED = fault_point("distribution.retry_postponed", scenario="retry")
RETRY_LOCK = 0x5041_5944_0010
PAYDATE = "paydate"
Cause = Payment.Cause
# What stands on the holder's own account, where one look tells whether it is gone.
OF_THE_HOLDER = (Cause.NO_ACCOUNT, Cause.NOT_ASSOCIATED, Cause.FROZEN, Cause.NO_KYC)
# A look costs two requests and saves a hundredth of a signature. Above this many lines, sending is the cheaper look.
MOST_LOOKS = 500


def retry_failed() -> None:
    """One tick: rings for every distribution with failed lines whose pause is over. Two ticks do no harm."""
    with single_flight(RETRY_LOCK) as is_mine:
        if not is_mine:
            return
        due = Distribution.objects.filter(status__in=CAN_BE_RETRIED, next_retry_at__lte=clock.now())
        for pk in due.order_by("next_retry_at").values_list("pk", flat=True):
            ring("payouts.retry_distribution", pk)


def retry_distribution_by_itself(pk: int) -> None:
    """Tries once what has an automatic retry left. What is held or blocked is left alone until it is not."""
    with lease(Distribution, pk) as distribution:
        if distribution is None or not _is_due(distribution):
            return
        with bound_contextvars(distribution=distribution.uid):
            _take_step(distribution)


def _is_due(distribution: Distribution) -> bool:
    next_at = distribution.next_retry_at
    return distribution.status in CAN_BE_RETRIED and next_at is not None and next_at <= clock.now()


def _take_step(distribution: Distribution) -> None:
    """Whatever hinders it costs no try: the distribution stays due, and the next tick comes back."""
    try:
        _try_again(distribution)
    except GatewayError as error:
        say_why_not_retried(distribution, f"the chain could not be asked: {error}")
    except NotRetryable as error:
        say_why_not_retried(distribution, str(error))
    except Exception as error:
        log.exception("unexpected_error")
        say_why_not_retried(distribution, f"unexpected error, see the log: {type(error).__name__}: {error}")


def _try_again(distribution: Distribution) -> None:
    if reason := choosing.why_not(distribution):
        raise NotRetryable(reason)
    due_at = distribution.next_retry_at
    catch_up(distribution)
    money = read_money(distribution)
    hopeless = _look_at_causes(distribution)
    try:
        with transaction.atomic():
            lock(distribution)
            if distribution.next_retry_at != due_at:
                return  # somebody else tried, or an event of the chain paid the last line
            is_sent = _send_or_postpone(distribution, hopeless, money.balance)
    except InsufficientReserve as error:
        raise NotRetryable(money.missing(error)) from error
    if is_sent:
        RETRY_CREATED.reach(distribution.uid)
    else:
        RETRY_POSTPONED.reach(distribution.uid)


def _look_at_causes(distribution: Distribution) -> list[int]:
    """The lines whose holder still cannot be paid. A signature for them would be spent on a known answer."""
    contract = distribution.asset.payout_contract
    failed = distribution.payments.tried_again_by_itself().filter(failure_cause__in=OF_THE_HOLDER)
    lines = list(failed.order_by("ordinal").values_list("pk", "holder")[:MOST_LOOKS])
    reasons = chain.why_unpaid(contract, {holder: 0 for _, holder in lines}, block=None)
    return [pk for pk, holder in lines if reasons[holder].cause != Payment.Cause.UNKNOWN]


def _send_or_postpone(distribution: Distribution, hopeless: list[int], balance: BalanceAt) -> bool:
    """A line that is sent has used one of its tries, and so has one that was looked at in vain."""
    waiting = distribution.payments.tried_again_by_itself()
    looked_at = waiting.filter(pk__in=hopeless).update(retries=F("retries") + 1)
    words = f"{looked_at} still cannot be paid, for the same causes as before" if looked_at else ""
    chosen = waiting.exclude(pk__in=hopeless)
    if chosen.exists():
        create(distribution, chosen, balance, by=PAYDATE, reason=words, is_automatic=True)
        return True
    plan_next_retry(distribution)
    reason = f"not sent: {words or 'no payment has an automatic retry left'}"
    AuditEvent.write(distribution, what="retry", target="POSTPONED", reason=reason, by=PAYDATE)
    return False
