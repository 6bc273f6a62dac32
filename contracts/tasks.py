"""Doorbells: an id in, one service call."""

from celery import shared_task

from contracts.services import (
    deploying,
    deploying_investments,
    fencing,
    notices,
    resolving,
    resolving_many,
    signing,
    sweeping,
)


@shared_task(name="contracts.sign_transaction")
def sign_transaction(row_id: int) -> None:
    signing.sign_transaction(row_id)


@shared_task(name="contracts.resolve_transaction")
def resolve_transaction(row_id: int) -> None:
    resolving.resolve_transaction(row_id)


@shared_task(name="contracts.resolve_sent")
def resolve_sent(wallet_id: int) -> None:
    resolving_many.resolve_sent(wallet_id)


@shared_task(name="contracts.advance_deployment")
def advance_deployment(pk: int) -> None:
    deploying.advance_deployment(pk)


@shared_task(name="contracts.advance_investment_deployment")
def advance_investment_deployment(pk: int) -> None:
    deploying_investments.advance_investment_deployment(pk)


@shared_task(name="contracts.sweep")
def sweep() -> None:
    sweeping.sweep()


@shared_task(name="contracts.seal_audit_events")
def seal_audit_events() -> None:
    sweeping.seal_audit_events()


@shared_task(name="contracts.guard_wallets")
def guard_wallets() -> None:
    fencing.guard_wallets()


@shared_task(name="contracts.send_notices")
def send_notices() -> None:
    notices.send_notices()


@shared_task(name="contracts.send_notice")
def send_notice(pk: int) -> None:
    notices.send_notice(pk)
