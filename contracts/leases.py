"""Taking and renewing leases. One thread per process renews every lease the process holds, once a second."""

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import connection, models

from contracts import clock
from contracts.models import Leased

log = structlog.get_logger(__name__)
RENEW_EVERY_SECONDS = 1.0
Row = TypeVar("Row", bound=Leased)
# For the last statement of a visit, which then gives the lease back as well.
RELEASED: dict[str, Any] = {"lease_owner": "", "lease_until": None}


class _Renewer:
    """Renews what is held in a thread of its own, because the holders are busy waiting for the outside."""

    def __init__(self) -> None:
        self._held: set[tuple[type[Leased], int, str]] = set()
        self._lock = threading.Lock()
        self._pid = 0

    def add(self, key: tuple[type[Leased], int, str]) -> None:
        with self._lock:
            self._held.add(key)
            if self._pid != os.getpid():  # a thread does not survive a fork
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="lease-renewer", daemon=True).start()

    def discard(self, key: tuple[type[Leased], int, str]) -> None:
        with self._lock:
            self._held.discard(key)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(RENEW_EVERY_SECONDS):
            with self._lock:
                held = list(self._held)
            try:
                for model, pk, owner in held:
                    _owned(model, pk, owner).update(lease_until=_until())
            except Exception as error:
                log.warning("lease_renewal_failed", error=str(error))
                held = []
            if not held:
                connection.close()


_renewer = _Renewer()


def _until() -> Any:
    return clock.now() + timedelta(seconds=settings.LEASE_SECONDS)


def _owned(model: type[Leased], pk: int, owner: str) -> models.QuerySet[Any]:
    return model._default_manager.filter(pk=pk, lease_owner=owner)


@contextmanager
def lease(model: type[Row], pk: int) -> Iterator[Row | None]:
    """Gives the freshly read row to the one who got the lease, and None to everybody else."""
    owner = uuid.uuid4().hex
    row = _take(model, pk, owner)
    if row is None:
        yield None
        return
    key = (model, pk, owner)
    _renewer.add(key)
    try:
        yield row
    finally:
        _renewer.discard(key)
        if row.lease_owner == owner:
            _owned(model, pk, owner).update(**RELEASED)


def _take(model: type[Row], pk: int, owner: str) -> Row | None:
    """One statement takes the lease and reads the row."""
    table = model._meta.db_table
    columns = ", ".join(str(field.column) for field in model._meta.concrete_fields)
    statement = (
        f"UPDATE {table} SET lease_owner = %s, lease_until = %s "  # noqa: S608 - the model's own names
        f"WHERE id = %s AND (lease_until IS NULL OR lease_until < %s) RETURNING {columns}"
    )
    return next(iter(model._default_manager.raw(statement, [owner, _until(), pk, clock.now()])), None)
