"""Doorbells: an id in, one service call."""

from celery import shared_task

from chainsync.services import following


@shared_task(name="chainsync.follow_due")
def follow_due() -> None:
    following.follow_due()


@shared_task(name="chainsync.follow")
def follow(pk: int) -> None:
    following.follow(pk)
