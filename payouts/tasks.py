"""Doorbells: an id in, one service call."""

from celery import shared_task

from payouts.services import paying, planning, sweeping


@shared_task(name="payouts.advance_distribution")
def advance_distribution(pk: int) -> None:
    planning.advance_distribution(pk)


@shared_task(name="payouts.plan_page")
def plan_page(pk: int) -> None:
    planning.plan_page(pk)


@shared_task(name="payouts.pay_batch")
def pay_batch(pk: int) -> None:
    paying.pay_batch(pk)


@shared_task(name="payouts.wake_distribution")
def wake_distribution(pk: int) -> None:
    sweeping.wake_distribution(pk)


@shared_task(name="payouts.recheck_distribution")
def recheck_distribution(pk: int) -> None:
    sweeping.recheck_distribution(pk)


@shared_task(name="payouts.sweep")
def sweep() -> None:
    sweeping.sweep()
