"""Waking a task. The row is the message; a ring that is lost costs one sweep, never a payment."""

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)
# By then the sweeper has rung again; older rings would only keep a returning worker busy.
EXPIRES_SECONDS = 60


def ring(name: str, row_id: int, *, after: float = 0) -> None:
    """Sends task ``name`` with one id once the surrounding transaction has committed.

    ``after`` delays it by at most a few seconds: a long countdown would be delivered twice by the Redis
    transport. A broker that is down is logged and left to the sweeper.
    """
    transaction.on_commit(lambda: _send(name, row_id, after))


def _send(name: str, row_id: int, after: float) -> None:
    try:
        current_app.send_task(
            name, args=[row_id], countdown=after or None, expires=EXPIRES_SECONDS, ignore_result=True
        )
    except (OperationalError, OSError, RuntimeError) as error:
        log.warning("ring_lost", task=name, row=row_id, error=str(error))
