"""The whole local stack: services, devnet, the Procfile's processes."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from urllib.error import URLError

from config import boot
from devnet.clock import DIRECTORY_VARIABLE
from devnet.services import environment
from devnet.services.paths import freshen_port, kept_port
from devnet.services.postgres import Postgres
from devnet.services.processes import ServiceFailed, end, read_pid, tether, wait_until
from devnet.services.redis import Redis
from devnet.services.supervisor import Entry, Supervisor, read_procfile, scaled

READY_SECONDS = 120
STOP_SECONDS = 60
PYTHON = sys.executable


class Stack:
    """One local stack, in one folder.

    Addresses given by DATABASE_URL and REDIS_URL are used instead of our own; so is the devnet of another stack,
    when PAYDATE_DEVNET_DIR names its folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.devnet = Path(os.environ.get(DIRECTORY_VARIABLE) or self.home / "devnet").resolve()
        own: dict[str, Postgres | Redis] = {
            "DATABASE_URL": Postgres(self.home),
            "REDIS_URL": Redis(self.home),
        }
        self.services = {name: service for name, service in own.items() if self._is_wanted(name, service)}
        self.stopping = threading.Event()
        self.pid_file = self.home / "run" / "supervisor.pid"
        self.spawned: subprocess.Popen[bytes] | None = None

    def choose_stellar(self, kind: str) -> None:
        """The model or the real host, for a stack that was never started; empty leaves it as it is."""
        # Imported late: what needs no devnet shall not wait for its SDKs.
        from devnet.stellar import choose

        if kind:
            try:
                choose(self.devnet, kind)
            except ValueError as error:
                raise ServiceFailed(str(error)) from error

    # --- for whoever wants it running ------------------------------------------------------------

    def up(self, copies: Mapping[str, int] | None = None) -> None:
        """Start it in the background, or find it running; return when it is ready for work."""
        self.begin(copies)
        wait_until(lambda: self.pid() is None or self.is_ready(), READY_SECONDS)
        if not self.is_ready():
            raise ServiceFailed(f"the stack did not become ready: {self.why_not()}\n{self._last_words()}")

    def begin(self, copies: Mapping[str, int] | None = None) -> None:
        """As `up`, without waiting: one that the fence holds never is ready."""
        if self.pid() is None:
            self._spawn(copies or {})

    def manage(self, *arguments: str) -> int:
        """Run a manage.py command on this stack, in the foreground; its exit code."""
        done = subprocess.run([PYTHON, "manage.py", *arguments], cwd=boot.BASE_DIR, env=self._environment())  # noqa: S603
        return done.returncode

    def down(self) -> bool:
        """False if nothing was running."""
        pid = self.pid() or self._spawned_pid()
        if pid is not None:
            end(pid, signal.SIGTERM, STOP_SECONDS)
        return pid is not None

    def pid(self) -> int | None:
        """Of the supervisor: whoever holds the lock is alive."""
        with self._lock_file() as lock:
            if _try_lock(lock):
                return None
        return read_pid(self.pid_file)

    def is_ready(self) -> bool:
        return not self.why_not()

    def why_not(self) -> str:
        """What the readiness page complains about; empty when it does not."""
        try:
            # Never by a proxy: this is loopback.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{self.web}/health/ready", timeout=5):
                return ""
        except urllib.error.HTTPError as error:
            with contextlib.suppress(ValueError):
                return ", ".join(json.load(error).get("problems", []))
            return f"HTTP {error.code}"
        except (URLError, OSError):
            return "the web process does not answer"

    def _last_words(self) -> str:
        """What the supervisor wrote at the end, and where the rest is."""
        lines = (self.home / "log" / "supervisor.log").read_text(errors="replace").splitlines()
        return "\n".join([*lines[-15:], f"All logs are in {self.home / 'log'}"])

    @property
    def web(self) -> str:
        return f"http://{environment.read(self.home / 'env').get('WEB_ADDRESS', '127.0.0.1:1')}"

    # --- the supervisor's own process ------------------------------------------------------------

    def run(self, copies: Mapping[str, int], *, echo: bool) -> int:
        """In the foreground until SIGTERM or ctrl-C; ends everything it started."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        with self._lock_file() as lock:
            # A little patience: whoever asks for our pid holds the lock for an instant.
            if not wait_until(lambda: _try_lock(lock), 1):
                print(f"already running in {self.home}")
                return 0
            self.pid_file.write_text(str(os.getpid()))
            try:
                return self._run(copies, echo=echo)
            except ServiceFailed as error:
                print(error, file=sys.stderr)
                return 1
            finally:
                for service in reversed(self.services.values()):
                    service.stop()
                self.pid_file.unlink(missing_ok=True)

    def _run(self, copies: Mapping[str, int], *, echo: bool) -> int:
        for service in self.services.values():
            service.start()
        self._renew_environment()
        supervisor = Supervisor(
            [*self._devnet(), *scaled(read_procfile(boot.BASE_DIR / "Procfile"), copies)],
            home=self.home,
            folder=boot.BASE_DIR,
            environment=self._environment(),
            stopping=self.stopping,
            services=self.services.values(),
            echo=echo,
        )
        try:
            # The devnet needs no database, so it may start while the migrations run.
            supervisor.start(names=("devnet",))
            self._release()
            supervisor.run()
        finally:
            supervisor.stop()
        return 0

    def _is_local(self) -> bool:
        """Unless the settings file was edited to name a public network."""
        return environment.read(self.home / "env").get("HEDERA_NETWORK", "local") == "local"

    def _devnet(self) -> list[Entry]:
        is_own = self.devnet == self.home / "devnet"
        return (
            [Entry("devnet", (PYTHON, "manage.py", "devnet", "serve"))] if is_own and self._is_local() else []
        )

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping.set()

    def _renew_environment(self) -> None:
        addresses = {name: service.url for name, service in self.services.items()}
        addresses |= {
            name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)
        }
        if self._is_local():
            addresses |= self._devnet_addresses()
        freshen_port(self.home, "web")
        environment.renew(self.home, addresses, web_port=kept_port(self.home, "web"))

    def _devnet_addresses(self) -> dict[str, str]:
        done = subprocess.run(  # noqa: S603
            [*tether(signal.SIGKILL), PYTHON, "-m", "devnet.services.addresses", str(self.devnet)],
            cwd=boot.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        if done.returncode:
            raise ServiceFailed("the devnet could not be prepared; its error stands above")
        addresses: dict[str, str] = json.loads(done.stdout)
        return addresses

    def _release(self) -> None:
        done = subprocess.run(  # noqa: S603
            [*tether(signal.SIGKILL), PYTHON, "manage.py", "prepare_database", "--forget-heartbeats"],
            cwd=boot.BASE_DIR,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        if done.returncode:
            raise ServiceFailed("the database could not be prepared; the error stands above")

    def _environment(self) -> dict[str, str]:
        boot.keep_loopback_off_proxies()
        beside = str(Path(PYTHON).parent)
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "config.development",
            "PAYDATE_HOME": str(self.home),
            DIRECTORY_VARIABLE: str(self.devnet),
            "PATH": f"{beside}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONUNBUFFERED": "1",
        }

    def _spawned_pid(self) -> int | None:
        """Of a supervisor that we have just made and that has no lock yet."""
        return self.spawned.pid if self.spawned is not None and self.spawned.poll() is None else None

    def _spawn(self, copies: Mapping[str, int]) -> None:
        log = self.home / "log" / "supervisor.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        scale = [f"--scale={name}={count}" for name, count in copies.items()]
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603
                [PYTHON, "-m", "devnet.services", "run", "--quiet", *scale],
                cwd=boot.BASE_DIR,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.spawned = process
        # Reap it, whenever it ends: a zombie child would look alive to us.
        threading.Thread(target=process.wait, daemon=True).start()
        wait_until(lambda: self.pid() is not None or process.poll() is not None, READY_SECONDS)

    def _is_wanted(self, name: str, service: Postgres | Redis) -> bool:
        """Neither the environment nor an edited settings file names another one."""
        written = environment.read(self.home / "env").get(name, "")
        return not os.environ.get(name) and written in ("", service.url)

    @contextlib.contextmanager
    def _lock_file(self) -> Iterator[int]:
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.pid_file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield handle
        finally:
            os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
