"""Doorbells: an id in, one service call."""

from celery import shared_task

from chainsync.services import following, syncing


@shared_task(name="chainsync.follow_due")
def follow_due() -> None:
    following.follow_due()


@shared_task(name="chainsync.follow")
def follow(pk: int) -> None:
    following.follow(pk)


@shared_task(name="chainsync.sync_due")
def sync_due() -> None:
    syncing.sync_due()


@shared_task(name="chainsync.sync_asset")
def sync_asset(pk: int) -> None:
    syncing.sync_asset(pk)
