"""Ports of servers that are to be found under the same address after a restart."""

import random
import socket

from devnet.http import LOOPBACK

# Below what Linux (from 32768) and macOS (from 49152) give to outgoing connections: a connection of anybody could
# otherwise sit on a port between its choice and the start of its server, or while the server is down.
RANGE = range(20_000, 32_000)
TRIES = 100


def free_port() -> int:
    """Raises OSError when none is found."""
    for port in random.SystemRandom().sample(RANGE, TRIES):
        if is_free(port):
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
