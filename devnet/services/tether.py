"""Children that end with their parent, even when it is killed with -9."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
# Loaded before any fork: the child may only make plain system calls.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def tethered(ending: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` that asks the kernel to send `ending` when the parent dies; None where it cannot."""
    libc = _libc
    if libc is None:
        return None
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, ending)
        if os.getppid() != parent:
            os._exit(1)

    return ask
