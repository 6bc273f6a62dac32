"""An installation in which nothing is wrong, for the doctor to look at."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as base
from django.db import connection
from pydantic import SecretStr
from pytest_django.fixtures import Settings

from config.beats import sync_beat, table
from config.health import PROCESSES
from config.metrics import collector, views
from config.tasks import record_heartbeat
from contracts.services import identity
from devnet.services.redis import Redis
from tests.config.doctored import Clinic
from tests.world import World


@pytest.fixture(scope="module")
def durable_redis() -> Iterator[Redis]:
    """One of our own, because what is planted in its configuration would disturb the other tests."""
    folder: Path = base.TEST_HOME / f"redis-of-the-doctor-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    server = Redis(folder, durable=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def clinic(world: World, settings: Settings, durable_redis: Redis) -> Iterator[Clinic]:
    settings.REDIS_URL = SecretStr(durable_redis.url)
    identity.forget()
    sync_beat(table())
    for process in PROCESSES:
        record_heartbeat(process)
    clinic = Clinic(world, settings, world.spare_asset())
    clinic.let_time_pass()
    clinic.commits("on")
    yield clinic
    clinic.commits(None)
    connection.close()
    identity.forget()


@pytest.fixture
def scraped(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Works on both local networks, where nobody is asked; and answers nothing that another test has read."""
    monkeypatch.setattr(views, "COLLECTOR", collector.PaydateCollector())
    settings.HEDERA_NETWORK = settings.STELLAR_NETWORK = "local"
    settings.SOROBAN_RPC_URL = "http://127.0.0.1:1"
