"""Where a local service keeps its files and its socket."""

import hashlib
import os
import socket
import tempfile
from pathlib import Path


def socket_folder(home: Path) -> Path:
    """A short private folder: a clone's own path may exceed the 107 bytes a socket path can have."""
    digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:10]
    return Path(tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp") / f"paydate-{digest}"  # noqa: S108


def kept_port(home: Path, name: str) -> int:
    """A free loopback port, the same one at every later start."""
    folder = home / "ports"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    if file.exists():
        return int(file.read_text())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    file.write_text(str(port))
    return port
