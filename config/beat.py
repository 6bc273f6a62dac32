"""django-celery-beat's scheduler, with a heartbeat of its own."""

import time

import structlog
from django.db import Error
from django_celery_beat.schedulers import DatabaseScheduler

from config.beats import HEARTBEAT_SECONDS
from config.tasks import record_heartbeat

log = structlog.get_logger(__name__)


class Scheduler(DatabaseScheduler):
    _heartbeat_due = 0.0

    def tick(self, *args: object, **kwargs: object) -> float:
        if time.monotonic() >= self._heartbeat_due:
            self._heartbeat_due = time.monotonic() + HEARTBEAT_SECONDS
            self._record()
        return super().tick(*args, **kwargs)  # type: ignore[no-any-return]

    def _record(self) -> None:
        try:
            record_heartbeat("beat")
        except Error as error:
            # The scheduler's own queries survive a database that is away, so this one must, too.
            log.warning("heartbeat_failed", error=str(error))
