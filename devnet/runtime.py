"""The whole devnet in one process: chain, nodes, mirror, Soroban RPC, DFNS and control, all on loopback."""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from devnet.artifacts import artifact
from devnet.chain import BLOCK_SECONDS, CONSENSUS_SECONDS, Chain
from devnet.clock import DIRECTORY_VARIABLE, Clock
from devnet.control import ControlServer
from devnet.faults import FaultBoard
from devnet.genesis import NODES
from devnet.http import LOOPBACK
from devnet.nodes import Nodes
from devnet.operations import Operations
from devnet.others.operations import Others
from devnet.ports import free_port, is_free
from devnet.records import NS
from devnet.replay import restore
from devnet.store import Genesis, Store

if TYPE_CHECKING:
    from devnet.dfns.server import DfnsServer

SERVERS = (*NODES, "mirror", "soroban", "dfns", "control")


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
        from devnet.stellar import stellar_of

        self.state_dir = state_dir
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
        self.others = Others(self.operations, lambda: self.chain.now_ns() // NS)
        node_ports = {node: self.ports[node] for node in NODES}
        self.nodes = Nodes(self.chain, self.faults, node_ports)
        self.mirror = MirrorServer(self.ledger, self.faults, port=self.ports["mirror"], nodes=node_ports)
        self.dfns = DfnsServer(state_dir / "dfns", self.faults, self.clock, self.ports["dfns"])
        self.stellar = stellar_of(
            state_dir, self.faults, self.clock, port=self.ports["soroban"], custody=self.dfns.stellar_seed
        )
        self.stellar_operations = self.stellar.operations
        self.soroban = self.stellar.server
        self.control = ControlServer(self, port=self.ports["control"])

    def start(self) -> None:
        self.chain.start()
        for server in (self.nodes, self.mirror, self.stellar, self.dfns, self.control):
            server.start()

    def stop(self) -> None:
        """What nodes have accepted reaches consensus first. The object cannot be started again."""
        for server in (self.control, self.stellar, self.mirror, self.nodes):
            server.stop()
        self.dfns.close()
        self.chain.stop()
        self._store.close()
        self._lock_file.close()

    def env(self) -> dict[str, str]:
        """Settings that point Paydate here, custody secrets included."""
        return _settings(self.state_dir, self.ports, self.dfns)


def settings_for(state_dir: Path, ports: Mapping[str, int] | None = None) -> dict[str, str]:
    """`Devnet.env()` without a chain: for whoever writes the settings before the devnet runs."""
    from devnet.dfns.server import DfnsServer

    lock = try_lock(state_dir)
    try:
        kept = keep_ports(state_dir, ports or {}, is_mine=lock is not None)
        dfns = DfnsServer(state_dir / "dfns", FaultBoard(state_dir), Clock(state_dir), kept["dfns"])
        try:
            return _settings(state_dir, kept, dfns)
        finally:
            dfns.close()
    finally:
        if lock:
            lock.close()


def _settings(state_dir: Path, ports: Mapping[str, int], dfns: "DfnsServer") -> dict[str, str]:
    return {
        "HEDERA_NETWORK": "local",
        "HEDERA_MIRROR_URL": f"http://{LOOPBACK}:{ports['mirror']}",
        "HEDERA_NODES": ",".join(f"{node}={LOOPBACK}:{ports[node]}" for node in NODES),
        "STELLAR_NETWORK": "local",
        "SOROBAN_RPC_URL": f"http://{LOOPBACK}:{ports['soroban']}",
        **dfns.provision(),
        "DFNS_STELLAR_WALLET_ID": dfns.stellar_wallet()["id"],
        DIRECTORY_VARIABLE: str(state_dir.resolve()),
    }


def keep_ports(state_dir: Path, wanted: Mapping[str, int], *, is_mine: bool = True) -> dict[str, int]:
    """Wanted ports win, then those of the last start while they are free, then free ones."""
    unknown = set(wanted) - set(SERVERS)
    if unknown:
        raise ValueError(f"no server named {', '.join(sorted(unknown))}; there are: {', '.join(SERVERS)}")
    path = state_dir / "ports.json"
    kept: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    if is_mine:
        kept = {name: port for name, port in kept.items() if is_free(port)}
        kept = {name: wanted.get(name) or kept.get(name) or free_port() for name in SERVERS}
        path.write_text(json.dumps(kept, indent=1))
    return kept


def try_lock(state_dir: Path) -> IO[str] | None:
    """Held until closed or the process ends, also by kill -9; two processes on one log would tear it."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = (state_dir / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _lock(state_dir: Path) -> IO[str]:
    file = try_lock(state_dir)
    if file is None:
        pid = (state_dir / "lock").read_text().strip()
        raise AlreadyRunning(f"the devnet in {state_dir} runs already (pid {pid})")
    return file
