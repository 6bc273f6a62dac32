"""Doorbells: an id in, one service call."""

from celery import shared_task

from contracts.services import resolving, signing, sweeping


@shared_task(name="contracts.sign_transaction")
def sign_transaction(row_id: int) -> None:
    signing.sign_transaction(row_id)


@shared_task(name="contracts.resolve_transaction")
def resolve_transaction(row_id: int) -> None:
    resolving.resolve_transaction(row_id)


@shared_task(name="contracts.sweep")
def sweep() -> None:
    sweeping.sweep()


@shared_task(name="contracts.seal_audit_events")
def seal_audit_events() -> None:
    sweeping.seal_audit_events()
