"""A Redis of our own: `redis-server` on the PATH, else the wheel's. Loopback and development only."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from devnet.services.paths import freshen_port, kept_port
from devnet.services.postgres import kept_password
from devnet.services.processes import ServiceFailed, end, read_pid, tether, wait_until

START_SECONDS = 20
# The library's default tries four times, which makes a plain no slow.
ONCE = Retry(NoBackoff(), 0)


class Redis:
    """One server in `home`/redis. It never evicts a message and, when durable, logs each to disk."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = home.resolve()
        self.durable = durable
        self.data = self.home / "redis"
        self.log = self.home / "log" / "redis.log"
        self.pid_file = self.data / "redis.pid"

    @property
    def url(self) -> str:
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/0"

    @property
    def port(self) -> int:
        return kept_port(self.home, "redis")

    def start(self) -> bool:
        """True if this call started it, False if it ran already. It ends with the calling process."""
        wait_until(lambda: self.pid() is None or self.is_ready(), START_SECONDS)
        if self.pid() is not None:
            return False
        for folder in (self.log.parent, self.data):
            folder.mkdir(parents=True, exist_ok=True)
        freshen_port(self.home, "redis")
        process = self._launch()
        answered = wait_until(lambda: process.poll() is not None or self.is_ready(), START_SECONDS)
        if process.poll() is not None or not answered:
            raise ServiceFailed(f"Redis did not start; see {self.log}")
        return True

    def start_again(self) -> None:
        """After a death, at the address it had, without waiting for it. It ends with the calling process."""
        self._launch()

    def stop(self) -> None:
        pid = self.pid()
        if pid is not None:
            end(pid, signal.SIGTERM, START_SECONDS)
        self.pid_file.unlink(missing_ok=True)

    def pid(self) -> int | None:
        return read_pid(self.pid_file)

    def is_ready(self) -> bool:
        if self.pid() is None:
            return False
        try:
            with redis.Redis.from_url(self.url, socket_timeout=5, retry=ONCE) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                [*tether(signal.SIGTERM), str(binary()), "-"],
                cwd=self.data,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # By standard input, since a command line would show the password to every user of the machine.
        if process.stdin is not None:
            process.stdin.write(self._configuration().encode())
            process.stdin.close()
        return process

    def _configuration(self) -> str:
        return f"""
            bind 127.0.0.1
            port {self.port}
            requirepass {self._password()}
            dir "{self.data}"
            pidfile "{self.pid_file}"
            daemonize no
            save ""
            appendonly {"yes" if self.durable else "no"}
            maxmemory-policy noeviction
        """

    def _password(self) -> str:
        return kept_password(self.home / "redis.password")


def binary() -> Path:
    """A wheel puts its server beside the interpreter, which need not be on the PATH."""
    beside = Path(sys.executable).with_name("redis-server")
    found = shutil.which("redis-server") or (beside if beside.exists() else None)
    if found is None:
        raise ServiceFailed(
            "no Redis here: install one (for example the package redis-server), or set REDIS_URL to one of yours"
        )
    return Path(found)
