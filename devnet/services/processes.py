"""Starting, watching and ending processes of our own."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
TETHER = Path(__file__).with_name("tether.py")
# Loaded before any fork: between fork and exec a child may only make plain system calls.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ServiceFailed(Exception):
    """A local service or process did not start; the text says what to do."""


def tethered(ending: signal.Signals) -> Callable[[], None] | None:
    """As `tether`, but a `preexec_fn`: for a child of another user, who may not be able to read our Python."""
    libc = _libc
    if libc is None:
        return None
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, ending)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def tether(ending: signal.Signals) -> list[str]:
    """The beginning of a command that gets `ending` from the kernel when its parent dies, even of -9.

    The parent is the thread that starts it, so start from the main thread. Empty where no kernel does this.
    """
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(ending))]


def is_alive(pid: int) -> bool:
    """False for a zombie, too: it only waits for its parent to read the exit code."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def read_pid(file: Path) -> int | None:
    """Of a live process, else None."""
    try:
        pid = int(file.read_text())
    except (OSError, ValueError):
        return None
    return pid if is_alive(pid) else None


def wait_until(is_done: Callable[[], bool], seconds: float, *, pause: float = 0.05) -> bool:
    limit = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > limit:
            return False
        time.sleep(pause)
    return True


def end(pid: int, ending: signal.Signals, seconds: float) -> None:
    """Ask, wait, and after `seconds` insist."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, ending)
        if not wait_until(lambda: not is_alive(pid), seconds):
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not is_alive(pid), 5)
