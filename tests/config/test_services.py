import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config.boot import BASE_DIR
from devnet.services import environment
from devnet.services.paths import freshen_port, kept_port, socket_folder
from devnet.services.postgres import Postgres
from devnet.services.processes import wait_until
from devnet.services.redis import ONCE, Redis
from devnet.services.stack import Stack


@pytest.fixture
def home() -> Iterator[Path]:
    """Much longer than a socket path may be."""
    with tempfile.TemporaryDirectory() as folder:
        deep = Path(folder) / ("a-clone-with-a-long-name/" * 8)
        deep.mkdir(parents=True)
        yield deep


@pytest.fixture
def postgres(home: Path) -> Iterator[Postgres]:
    service = Postgres(home)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def broker(home: Path) -> Iterator[Redis]:
    service = Redis(home)
    service.start()
    yield service
    service.stop()


def told(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def asked(url: str, query: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return str(row[0])


def test_postgres_starts_is_reused_and_keeps_its_data_and_port_over_a_restart(postgres: Postgres) -> None:
    pid, url = postgres.pid(), postgres.url
    told(url, "CREATE TABLE kept AS SELECT trunc(2::numeric(78,0) ^ 255) AS units")
    assert postgres.start() is False
    assert Postgres(postgres.home).start() is False
    assert postgres.pid() == pid
    postgres.stop()
    assert postgres.pid() is None
    assert not postgres.sockets.exists()
    assert postgres.start() is True
    assert postgres.url == url
    assert asked(url, "SELECT units FROM kept") == str(2**255)


def test_postgres_is_durable_private_and_on_loopback_only(postgres: Postgres) -> None:
    assert asked(postgres.url, "SHOW fsync") == "on"
    assert asked(postgres.url, "SHOW synchronous_commit") == "on"
    assert asked(postgres.url, "SHOW listen_addresses") == "127.0.0.1"
    assert postgres.sockets.stat().st_mode & 0o777 == 0o700
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host="127.0.0.1", port=postgres.port, user="paydate", dbname="paydate", password="guess"
        )


def test_postgres_survives_being_killed(postgres: Postgres) -> None:
    told(postgres.url, "CREATE TABLE kept (id int)")
    pid = postgres.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: postgres.pid() is None, 10)
    assert postgres.start() is True
    assert asked(postgres.url, "SELECT count(*) FROM kept") == "0"


def test_redis_starts_is_reused_and_keeps_its_messages_over_a_restart(broker: Redis) -> None:
    with redis.Redis.from_url(broker.url) as client:
        client.lpush("signing", "ring")
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    url = broker.url
    assert broker.start() is False
    broker.stop()
    assert broker.start() is True
    with redis.Redis.from_url(url) as client:
        assert client.lrange("signing", 0, -1) == [b"ring"]
    with pytest.raises(redis.AuthenticationError), redis.Redis(port=broker.port, retry=ONCE) as stranger:
        stranger.ping()


def test_no_password_stands_on_a_command_line(broker: Redis) -> None:
    password = (broker.home / "redis.password").read_text()
    assert password not in Path(f"/proc/{broker.pid()}/cmdline").read_text()


@pytest.mark.parametrize("kind", ["Postgres", "Redis"])
def test_a_service_ends_with_the_process_that_started_it(home: Path, kind: str) -> None:
    code = (
        f"import sys, time; from pathlib import Path; from devnet.services.{kind.lower()} import {kind}\n"
        f"service = {kind}(Path(sys.argv[1]), durable=False); service.start(); print(service.pid(), flush=True)\n"
        "time.sleep(600)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(home)], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    service = {"Postgres": Postgres, "Redis": Redis}[kind](home, durable=False)
    assert wait_until(lambda: service.pid() is None, 10), f"{pid} stayed"
    service.stop()


def test_a_port_is_kept_until_a_stranger_takes_it(tmp_path: Path) -> None:
    port = kept_port(tmp_path, "web")
    assert kept_port(tmp_path, "web") == freshen_port(tmp_path, "web") == port
    with socket.create_server(("127.0.0.1", port)):
        other = freshen_port(tmp_path, "web")
    assert other != port
    assert kept_port(tmp_path, "web") == other


def test_socket_folders_are_short_and_one_for_each_home(home: Path, tmp_path: Path) -> None:
    assert len(str(socket_folder(home) / ".s.PGSQL.65535.lock")) < 100
    assert socket_folder(home) != socket_folder(tmp_path)


def test_settings_files_are_private_renewed_and_keep_what_a_person_wrote(tmp_path: Path) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"
    addresses = {"REDIS_URL": "redis://one", "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH": key}
    environment.renew(tmp_path, addresses, web_port=8001)
    first = environment.read(tmp_path / "env")
    with (tmp_path / "env").open("a") as file:
        file.write("LOG_LEVEL=DEBUG\n")
    environment.renew(tmp_path, addresses | {"REDIS_URL": "redis://two"}, web_port=8001)
    assert environment.read(tmp_path / "env") == first | {"REDIS_URL": "redis://two", "LOG_LEVEL": "DEBUG"}
    signer = environment.read(tmp_path / "env.signer")
    assert signer == {"DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH": key.replace("\n", "\\n")}
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("env", "env.signer")} == {0o600}


def test_given_addresses_are_used_instead_of_own_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert list(Stack(tmp_path).services) == ["DATABASE_URL", "REDIS_URL"]
    monkeypatch.setenv("DATABASE_URL", "postgresql://mine/paydate")
    assert list(Stack(tmp_path).services) == ["REDIS_URL"]
    monkeypatch.delenv("DATABASE_URL")
    (tmp_path / "env").write_text("REDIS_URL='redis://mine'\n")
    assert list(Stack(tmp_path).services) == ["DATABASE_URL"]
