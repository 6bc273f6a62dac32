"""Doorbells: an id in, one service call."""

from celery import shared_task

from reserves.services import checking, refreshing, ticketing


@shared_task(name="reserves.check_payment_availability")
def check_payment_availability() -> None:
    ticketing.open_tickets()


@shared_task(name="reserves.check_blocked")
def check_blocked() -> None:
    ticketing.open_blocked()


@shared_task(name="reserves.check")
def check(pk: int) -> None:
    checking.check(pk)


@shared_task(name="reserves.sweep")
def sweep() -> None:
    ticketing.sweep()


@shared_task(name="reserves.forget_old")
def forget_old() -> None:
    ticketing.forget_old()


@shared_task(name="reserves.refresh_book")
def refresh_book(pk: int) -> None:
    refreshing.refresh_book(pk)


@shared_task(name="reserves.refresh_books")
def refresh_books() -> None:
    refreshing.refresh_books()
