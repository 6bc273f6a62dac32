"""PostgreSQL and Redis of this test run: the first process starts them, ends them and removes their files."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import stamina
from django.conf import settings
from django.test import TransactionTestCase
from pytest_django.fixtures import Settings

from contracts import doorbell
from contracts.services import identity
from devnet.services.processes import is_alive
from payouts.services import shared_answers
from reserves.services import ticketing
from tests import emptying
from tests.crash.stacks import beside
from tests.restoring import Backup, backup_schema
from tests.world import Pump, World

# How fast a shared machine draws an example says nothing about what is tested.
hypothesis.settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared machine")


def _services(config: pytest.Config) -> list[object]:
    if hasattr(config, "workerinput"):
        return []
    given = {"DATABASE_URL": settings.TEST_POSTGRES, "REDIS_URL": settings.TEST_REDIS}
    return [service for name, service in given.items() if name not in os.environ]


def _forget_dead_runs(folder: Path) -> None:
    """Removes what runs left behind that were killed; a run's folder is named by its process."""
    for old in folder.iterdir() if folder.is_dir() else ():
        if old.name.isdigit() and not is_alive(int(old.name)):
            shutil.rmtree(old, ignore_errors=True)


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        _forget_dead_runs(settings.TEST_HOME.parent)
    for service in _services(session.config):
        service.start()


def pytest_sessionfinish(session: pytest.Session) -> None:
    for service in _services(session.config):
        service.stop()
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(settings.TEST_HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def quick_emptying() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", emptying.empty)
        yield


@pytest.fixture(scope="module", autouse=True)
def beside_other_stacks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Modules with stacks of their own run side by side, but not beside one that has to be alone."""
    folder = request.path.parent.name
    if folder in ("crash", "stack") and not getattr(request.module, "IS_ALONE", False):
        with beside():
            yield
    else:
        yield


@pytest.fixture(autouse=True)
def forgotten_identity() -> None:
    """Each test has a database of its own in effect, and what was read from the last one says nothing about it."""
    identity.forget()
    shared_answers.forget()


@pytest.fixture(scope="session")
def devnet_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One devnet in this process, shared by all tests that want a chain."""
    folder = tmp_path_factory.mktemp("devnet")
    os.environ["PAYDATE_DEVNET_DIR"] = str(folder)
    world = World(folder)
    yield world
    world.close()


@pytest.fixture
def world(devnet_world: World, settings: Settings, transactional_db: None) -> Iterator[World]:
    """The devnet with the settings pointed at it; its faults are cleared afterwards."""
    devnet_world.point(settings)
    yield devnet_world
    devnet_world.control.do_clear()


@pytest.fixture
def pump(world: World, monkeypatch: pytest.MonkeyPatch) -> Pump:
    """Takes the place of Redis and the workers: rings are answered when the test says so."""
    pump = Pump(world)
    monkeypatch.setattr(doorbell, "_send", pump.send)
    monkeypatch.setattr(doorbell, "_send_soon", pump.send)
    # In this run nobody takes what other tests have left in Redis.
    monkeypatch.setattr(ticketing, "backlog", lambda queue: 0)
    return pump


@pytest.fixture
def backup(transactional_db: None) -> Iterator[Backup]:
    """Takes Paydate's tables aside and puts them back, while the chain goes on."""
    with backup_schema() as backup:
        yield backup


@pytest.fixture
def quick_retries() -> Iterator[None]:
    """Reads of a mirror node that is away are not repeated in the call itself; the sweeper comes back anyway."""
    with stamina.set_testing(True, attempts=1):
        yield
