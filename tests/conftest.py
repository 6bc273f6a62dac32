"""PostgreSQL and Redis of this test run: the first process starts them, ends them and removes their files."""

import os
import shutil

import pytest
from django.conf import settings


def _services(config: pytest.Config) -> list[object]:
    if hasattr(config, "workerinput"):
        return []
    given = {"DATABASE_URL": settings.TEST_POSTGRES, "REDIS_URL": settings.TEST_REDIS}
    return [service for name, service in given.items() if name not in os.environ]


def pytest_sessionstart(session: pytest.Session) -> None:
    for service in _services(session.config):
        service.start()


def pytest_sessionfinish(session: pytest.Session) -> None:
    for service in _services(session.config):
        service.stop()
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(settings.TEST_HOME, ignore_errors=True)
