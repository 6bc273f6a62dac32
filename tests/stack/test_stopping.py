"""A demo that starts the stack itself, on a PostgreSQL and a Redis of somebody else's: what it stops, and what not."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from django.conf import settings

from tests.stack.installation import Installation, beside

REDIS_DATABASE = 7


@dataclass
class Given:
    """A database and a broker that were there before."""

    name: str

    @property
    def administration(self) -> str:
        return os.environ.get("DATABASE_URL", settings.TEST_POSTGRES.url)

    @property
    def database(self) -> str:
        return urlunsplit(urlsplit(self.administration)._replace(path=f"/{self.name}"))

    @property
    def broker(self) -> str:
        address = os.environ.get("REDIS_URL", settings.TEST_REDIS.url)
        return urlunsplit(urlsplit(address)._replace(path=f"/{REDIS_DATABASE}"))

    def administer(self, statement: str) -> None:
        with psycopg.connect(self.administration, autocommit=True) as connection:
            connection.execute(statement)

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def given() -> Iterator[Given]:
    given = Given(f"given_{os.getpid()}")
    given.administer(f"CREATE DATABASE {given.name}")
    yield given
    given.administer(f"DROP DATABASE {given.name} WITH (FORCE)")
    with redis.Redis.from_url(given.broker) as client:
        client.flushdb()


@pytest.fixture(scope="module")
def installation(given: Given) -> Iterator[Installation]:
    installation = beside(
        settings.TEST_HOME / "stopped", {"DATABASE_URL": given.database, "REDIS_URL": given.broker}
    )
    yield installation
    installation.make("down")


@pytest.fixture(scope="module")
def interrupted(installation: Installation) -> str:
    """Ctrl-C in the middle of a payment; what was said."""
    with installation.making("demo", "HOLDERS=3") as demo:
        demo.until("^distribution ")
        demo.interrupt()
        assert demo.end() != 0
    return demo.text


def assert_nothing_runs(installation: Installation) -> None:
    assert installation.processes() == []
    assert installation.open_ports() == []


def test_ctrl_c_stops_everything_the_demo_started_and_nothing_else(
    installation: Installation, interrupted: str, given: Given
) -> None:
    assert "interrupted\nstopping what this command started\n" in interrupted
    assert "Traceback" not in interrupted
    assert_nothing_runs(installation)
    assert given.ask("SELECT count(*) FROM payouts_distribution") == [(1,)]
    with redis.Redis.from_url(given.broker) as client:
        assert client.ping()


def test_a_demo_with_once_goes_on_where_the_other_ended_and_leaves_nothing_running(
    installation: Installation, interrupted: str, given: Given
) -> None:
    before = given.ask("SELECT uid FROM payouts_distribution")
    demo = installation.make("demo", "ONCE=1", "HOLDERS=4")
    assert demo.returncode == 0, demo.stdout
    assert "proved: 4 of 4 balances on chain" in demo.stdout
    assert "log in as" not in demo.stdout
    assert_nothing_runs(installation)
    assert given.ask("SELECT uid FROM payouts_distribution ORDER BY id LIMIT 1") == before
    assert given.ask("SELECT status FROM payouts_distribution ORDER BY id DESC LIMIT 1") == [("COMPLETED",)]


def test_no_service_of_our_own_is_started_beside_given_ones(
    installation: Installation, interrupted: str
) -> None:
    assert not (installation.home / "postgres").exists()
    assert not (installation.home / "redis").exists()
