"""Doorbells: an id in, one service call."""

from celery import shared_task

from chainsync.services import asking, following, reconciling, syncing, watching


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


@shared_task(name="chainsync.replay")
def replay(pk: int) -> None:
    asking.replay_quarantined(pk)


@shared_task(name="chainsync.watch")
def watch() -> None:
    watching.watch()


@shared_task(name="chainsync.refresh_asset")
def refresh_asset(pk: int) -> None:
    syncing.refresh_asset(pk)


@shared_task(name="chainsync.reconcile_due")
def reconcile_due() -> None:
    reconciling.reconcile_due()
