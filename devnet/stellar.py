"""The devnet's Stellar network: a model of it in this process, or the real Soroban host in one of its own.

Which of them it is, is decided when a state directory begins: neither could go on with what the other has made.
"""

from pathlib import Path
from typing import Protocol

from devnet.clock import Clock
from devnet.faults import FaultBoard
from devnet.hosted.keyring import Seed
from devnet.hosted.operations import HostOperations
from devnet.hosted.process import HostProcess
from devnet.hosted.relay import HostRelay
from devnet.soroban.front import RpcFront
from devnet.soroban.network import Network
from devnet.soroban.operations import SorobanOperations
from devnet.soroban.server import SorobanServer

MODEL, HOST = KINDS = ("model", "host")


class Stellar(Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def server(self) -> RpcFront: ...

    @property
    def operations(self) -> SorobanOperations | HostOperations: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def tend(self) -> None:
        """Sees to it that it still runs; from the main thread, now and then."""


class ModelStellar:
    """`network` is the model itself."""

    kind = MODEL

    def __init__(self, state_dir: Path, faults: FaultBoard, clock: Clock, port: int) -> None:
        self.network = Network(state_dir, faults, clock)
        self.operations = SorobanOperations(self.network)
        self.server = SorobanServer(self.network, faults, port=port)

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()
        self.network.close()

    def tend(self) -> None:
        """It is in this process."""


class HostStellar:
    kind = HOST

    def __init__(self, state_dir: Path, faults: FaultBoard, clock: Clock, port: int, custody: Seed) -> None:
        self._host = HostProcess(state_dir, clock.path)
        self.operations = HostOperations(self._host, state_dir, custody)
        self.server = HostRelay(self._host, faults, port=port)

    def start(self) -> None:
        self._host.start()
        self.server.start()

    def stop(self) -> None:
        self.server.stop()
        self._host.stop()

    def tend(self) -> None:
        self._host.tend()


def stellar_of(state_dir: Path, faults: FaultBoard, clock: Clock, *, port: int, custody: Seed) -> Stellar:
    """`custody` gives the seed behind an account of the local custody."""
    if kind_of(state_dir) == HOST:
        return HostStellar(state_dir, faults, clock, port, custody)
    return ModelStellar(state_dir, faults, clock, port)


def kind_of(state_dir: Path) -> str:
    path = state_dir / "stellar"
    return path.read_text().strip() if path.exists() else MODEL


def choose(state_dir: Path, kind: str) -> None:
    """Before the first start. Raises ValueError for an unknown kind, or one that the directory was not begun with."""
    if kind not in KINDS:
        raise ValueError(f"SOROBAN is one of {', '.join(KINDS)}, not {kind!r}")
    if kind == kind_of(state_dir):
        return
    if (state_dir / "clock").exists() or (state_dir / "ports.json").exists():
        raise ValueError(
            f"the devnet in {state_dir} was begun with SOROBAN={kind_of(state_dir)}; start it so, remove its data "
            "(make clean DATA=1), or give another folder by PAYDATE_HOME"
        )
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    (state_dir / "stellar").write_text(kind)
