"""The whole devnet in one process: chain, nodes, mirror, DFNS and control, all on loopback."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from devnet.artifacts import artifact
from devnet.chain import BLOCK_SECONDS, CONSENSUS_SECONDS, Chain
from devnet.clock import DIRECTORY_VARIABLE, Clock
from devnet.control import ControlServer
from devnet.faults import FaultBoard
from devnet.genesis import NODES
from devnet.http import LOOPBACK
from devnet.nodes import Nodes
from devnet.operations import Operations
from devnet.replay import restore
from devnet.store import Genesis, Store

SERVERS = (*NODES, "mirror", "dfns", "control")


class AlreadyRunning(RuntimeError):
    """Another process serves this state directory."""


class Devnet:
    """State lives in `state_dir`; ports are kept there too, so that addresses stay over restarts.

    `block_seconds` and `consensus_seconds` may be shortened by tests.
    """

    def __init__(
        self,
        state_dir: Path,
        ports: Mapping[str, int] | None = None,
        *,
        block_seconds: float = BLOCK_SECONDS,
        consensus_seconds: float = CONSENSUS_SECONDS,
    ) -> None:
        # Imported late: the servers build on this package's lower modules.
        from devnet.dfns.server import DfnsServer
        from devnet.mirror.server import MirrorServer

        self.state_dir = state_dir
        state_dir.mkdir(parents=True, exist_ok=True)
        self._lock_file = _lock(state_dir)
        self.ports = keep_ports(state_dir, ports or {})
        self.clock = Clock(state_dir)
        self.faults = FaultBoard(state_dir)
        self._store = Store(state_dir / "chain.sqlite3")
        begin = Genesis(artifact("HtsStub").runtime, time.time_ns() + self.clock.offset_ns())
        state = restore(self._store, self.faults, begin)
        self.ledger = state.ledger
        self.chain = Chain(
            state=state,
            store=self._store,
            faults=self.faults,
            clock=self.clock,
            block_seconds=block_seconds,
            consensus_seconds=consensus_seconds,
        )
        self.operations = Operations(self.chain)
        node_ports = {node: self.ports[node] for node in NODES}
        self.nodes = Nodes(self.chain, self.faults, node_ports)
        self.mirror = MirrorServer(
            self.ledger, self.faults, self.clock, self.ports["mirror"], nodes=node_ports
        )
        self.dfns = DfnsServer(state_dir / "dfns", self.faults, self.clock, self.ports["dfns"])
        self.control = ControlServer(self, port=self.ports["control"])

    def start(self) -> None:
        self.chain.start()
        for server in (self.nodes, self.mirror, self.dfns, self.control):
            server.start()

    def stop(self) -> None:
        for server in (self.control, self.dfns, self.mirror, self.nodes):
            server.stop()
        self.chain.stop()
        self._store.close()
        self._lock_file.close()

    def env(self) -> dict[str, str]:
        """Settings that point Paydate here."""
        return {
            "HEDERA_NETWORK": "local",
            "HEDERA_MIRROR_URL": self.mirror.url,
            "HEDERA_NODES": self.nodes.addresses(),
            **self.dfns.provision(),
            DIRECTORY_VARIABLE: str(self.state_dir),
        }


def keep_ports(state_dir: Path, wanted: Mapping[str, int]) -> dict[str, int]:
    """Wanted ports win, then those of the last start, then free ones."""
    path = state_dir / "ports.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    ports = {name: wanted.get(name) or kept.get(name) or _free_port() for name in SERVERS}
    path.write_text(json.dumps(ports, indent=1))
    return ports


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _lock(state_dir: Path) -> IO[str]:
    """Held until the process ends, also by kill -9; two processes on one log would tear it."""
    file = (state_dir / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        raise AlreadyRunning(f"the devnet in {state_dir} runs already (pid {file.read().strip()})") from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
