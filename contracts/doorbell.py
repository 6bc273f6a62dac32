"""Waking a task. The row is the message; a ring that is lost costs one sweep, never a payment."""

import threading
import time

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)
# By then the sweeper has rung again; older rings would only keep a returning worker busy.
EXPIRES_SECONDS = 60
SOON_SECONDS = 0.3
_pending: dict[tuple[str, int], float] = {}
_pending_lock = threading.Lock()


def ring(name: str, row_id: int, *, after: float = 0) -> None:
    """Sends task ``name`` with one id once the surrounding transaction has committed.

    ``after`` delays it by at most a few seconds: a long countdown would be delivered twice by the Redis
    transport. A broker that is down is logged and left to the sweeper.
    """
    transaction.on_commit(lambda: _send(name, row_id, after))


def backlog(queue: str) -> int:
    """How many rings wait in a queue that nobody has taken yet; 0 where the broker does not tell."""
    try:
        with current_app.pool.acquire(block=True) as connection:
            return int(connection.default_channel.client.llen(queue))
    except (OperationalError, OSError, RuntimeError, AttributeError) as error:
        log.warning("backlog_unknown", queue=queue, error=str(error))
        return 0


def ring_soon(name: str, row_id: int) -> None:
    """Like ``ring`` after SOON seconds, and one ring for all that ask for it until then.

    For work that is done for many rows at once: fifty arrows a second need not ring fifty times.
    """
    transaction.on_commit(lambda: _send_soon(name, row_id))


def _send_soon(name: str, row_id: int) -> None:
    """A ring that is still under way comes after this commit, so it covers it."""
    now = time.monotonic()
    with _pending_lock:
        if _pending.get((name, row_id), 0.0) > now:
            return
        _pending[name, row_id] = now + SOON_SECONDS
    _send(name, row_id, SOON_SECONDS)


def _send(name: str, row_id: int, after: float) -> None:
    try:
        current_app.send_task(
            name, args=[row_id], countdown=after or None, expires=EXPIRES_SECONDS, ignore_result=True
        )
    except (OperationalError, OSError, RuntimeError) as error:
        log.warning("ring_lost", task=name, row=row_id, error=str(error))
