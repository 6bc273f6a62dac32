"""Doorbells: an id in, one service call."""

from celery import shared_task

from payouts.services import (
    actions,
    depositing,
    feeding,
    paying,
    planning,
    repeating,
    scheduling,
    settling,
    sweeping,
    transferring,
    unclaimed,
)


@shared_task(name="payouts.advance_distribution")
def advance_distribution(pk: int) -> None:
    planning.advance_distribution(pk)


@shared_task(name="payouts.plan_page")
def plan_page(pk: int) -> None:
    planning.plan_page(pk)


@shared_task(name="payouts.feed")
def feed(wallet_id: int) -> None:
    feeding.feed(wallet_id)


@shared_task(name="payouts.pay_batch")
def pay_batch(pk: int) -> None:
    paying.pay_batch(pk)


@shared_task(name="payouts.settle")
def settle(pk: int) -> None:
    settling.settle_due(pk)


@shared_task(name="payouts.wake_distribution")
def wake_distribution(pk: int) -> None:
    sweeping.wake_distribution(pk)


@shared_task(name="payouts.recheck_distribution")
def recheck_distribution(pk: int) -> None:
    sweeping.recheck_distribution(pk)


@shared_task(name="payouts.retry_failed")
def retry_failed() -> None:
    repeating.retry_failed()


@shared_task(name="payouts.retry_distribution")
def retry_distribution(pk: int) -> None:
    repeating.retry_distribution_by_itself(pk)


@shared_task(name="payouts.pay_reissue")
def pay_reissue(pk: int) -> None:
    transferring.pay_reissue(pk)


@shared_task(name="payouts.remind_unclaimed")
def remind_unclaimed() -> None:
    unclaimed.remind_unclaimed()


@shared_task(name="payouts.start_due")
def start_due() -> None:
    scheduling.start_due()


@shared_task(name="payouts.start_some")
def start_some(number: int) -> None:
    scheduling.start_some(number)


@shared_task(name="payouts.start_distribution")
def start_distribution(pk: int) -> None:
    scheduling.start_distribution(pk)


@shared_task(name="payouts.fire_trigger")
def fire_trigger(pk: int) -> None:
    depositing.fire_trigger(pk)


@shared_task(name="payouts.sweep")
def sweep() -> None:
    sweeping.sweep()


@shared_task(name="payouts.import_due")
def import_due() -> None:
    actions.import_due()


@shared_task(name="payouts.import_actions")
def import_actions(pk: int) -> None:
    actions.import_actions(pk)
