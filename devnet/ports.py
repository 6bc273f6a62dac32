"""Ports of servers that are to be found under the same address after a restart."""

import fcntl
import json
import os
import random
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devnet.http import LOOPBACK

# Below what Linux (from 32768) and macOS (from 49152) give to outgoing connections: a connection of anybody could
# otherwise sit on a port between its choice and the start of its server, or while the server is down.
RANGE = range(20_000, 32_000)
TRIES = 100
PROMISED_SECONDS = 600


def free_port() -> int:
    """A port that nobody listens on and that was given to nobody in the last ten minutes, in any process of this user.

    A server starts later than its port is chosen; until then it looks free to everybody. Raises OSError when none is
    found.
    """
    with _promises() as promised:
        for port in random.SystemRandom().sample(RANGE, TRIES):
            if str(port) not in promised and is_free(port):
                promised[str(port)] = time.time()
                return port
    raise OSError(f"no free port on {LOOPBACK} between {RANGE.start} and {RANGE.stop}")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


@contextmanager
def _promises() -> Iterator[dict[str, float]]:
    """When each port was given away, one process at a time; what is in it at the end is kept."""
    path = Path(tempfile.gettempdir()) / f"paydate-ports-{os.getuid()}.json"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        since = time.time() - PROMISED_SECONDS
        promised = {port: at for port, at in _read(file.read()).items() if at > since}
        yield promised
        file.seek(0)
        file.truncate()
        json.dump(promised, file)


def _read(text: str) -> dict[str, float]:
    """Nothing when a process ended in the middle of writing it."""
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}
