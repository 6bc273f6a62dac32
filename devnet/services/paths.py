"""Where local services keep their sockets and ports."""

import hashlib
import os
import tempfile
from pathlib import Path

from devnet.ports import free_port, is_free

LONGEST_FOLDER = 60  # a socket path has room for 107 bytes on Linux and 103 on a Mac


def socket_folder(home: Path) -> Path:
    """Short and private, since a clone's own path may be longer than a socket path can be."""
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > LONGEST_FOLDER:
        folder = "/tmp"  # noqa: S108 - what is made below is private to its owner
    return Path(folder) / f"paydate-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:10]}"


def kept_port(home: Path, name: str) -> int:
    """A loopback port, the same one at every start."""
    file = home / "ports" / name
    if not file.exists():
        _write(file, free_port())
    return int(file.read_text())


def freshen_port(home: Path, name: str) -> int:
    """The kept port, or another one if a stranger listens there now. Only for a service that is not running."""
    port = kept_port(home, name)
    if not is_free(port):
        _write(home / "ports" / name, free_port())
    return kept_port(home, name)


def _write(file: Path, port: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(str(port))
