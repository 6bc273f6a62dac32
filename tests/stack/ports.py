"""The addresses of a stack, and whether anybody listens there."""

import json
import socket
from pathlib import Path


def open_ports(home: Path) -> list[str]:
    return [name for name, port in ports_of(home).items() if _answers(port)]


def ports_of(home: Path) -> dict[str, int]:
    """Of the services that were started from this home, and of its devnet."""
    services = {file.name: int(file.read_text()) for file in (home / "ports").glob("*")}
    devnet: dict[str, int] = json.loads((home / "devnet" / "ports.json").read_text())
    return services | devnet


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
