"""The program `paydate-soroban-host` as a child of the devnet."""

import json
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import Any

from devnet.services.processes import ServiceFailed, end, tether

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".local" / "soroban-host" / "paydate-soroban-host"
READY = "ready "
PID_FILE = "pid"
STOP_SECONDS = 10
ASK_SECONDS = 60


class HostError(RuntimeError):
    """The host refused a question; the text is its own."""


class HostProcess:
    """State lives in `<directory>/soroban-host`; the clock is the devnet's. It ends with the devnet, even of -9."""

    def __init__(self, directory: Path, clock: Path) -> None:
        self._directory = directory / "soroban-host"
        self._clock = clock
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        """Returns when it answers. Raises ServiceFailed. From the main thread: the child ends with its starter."""
        if not PROGRAM.exists():
            raise ServiceFailed("the real Soroban host is not built: make soroban-host (needs cargo)")
        self._directory.mkdir(parents=True, exist_ok=True)
        where = ["--dir", str(self._directory), "--port", "0", "--clock", str(self._clock)]
        self._process = subprocess.Popen(  # noqa: S603
            [*tether(signal.SIGTERM), str(PROGRAM), *where],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        output = self._process.stdout
        line = output.readline() if output else ""
        if not line.startswith(READY):
            raise ServiceFailed(
                f"the Soroban host did not start: {line.strip() or f'exit code {self._process.wait()}'}"
            )
        self.url = line.removeprefix(READY).strip()
        (self._directory / PID_FILE).write_text(str(self._process.pid))
        # What it may say later must not fill the pipe.
        threading.Thread(target=lambda: [None for _ in output or ()], daemon=True).start()

    def stop(self) -> None:
        if self._process is not None:
            end(self._process.pid, signal.SIGTERM, STOP_SECONDS)
            self._process.wait()

    def tend(self) -> None:
        """Starts it again if it has died; what it had answered for is still there."""
        if self._process is not None and self._process.poll() is not None:
            self.start()

    def forward(self, body: bytes) -> bytes:
        """One question as it came, and the answer as it comes."""
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})  # noqa: S310
        with _loopback.open(request, timeout=ASK_SECONDS) as answer:
            return bytes(answer.read())

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a question. Raises HostError."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        answer = json.loads(self.forward(body))
        if "error" in answer:
            raise HostError(answer["error"]["message"])
        return answer["result"]


_loopback = urllib.request.build_opener(urllib.request.ProxyHandler({}))
