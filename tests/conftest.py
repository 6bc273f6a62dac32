"""The test run's own PostgreSQL: started by the first process, stopped and removed by it."""

import os
import shutil

import pytest
from django.conf import settings


def _owns_services(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput") and "DATABASE_URL" not in os.environ


def pytest_sessionstart(session: pytest.Session) -> None:
    if _owns_services(session.config):
        settings.TEST_POSTGRES.start()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _owns_services(session.config):
        settings.TEST_POSTGRES.stop()
        shutil.rmtree(settings.TEST_HOME, ignore_errors=True)
