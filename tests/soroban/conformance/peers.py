"""Two Stellar networks behind the same JSON-RPC: the model in this process, and the real host in one of its own."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from devnet.clock import Clock
from devnet.faults import FaultBoard
from devnet.hosted.process import HostProcess
from devnet.records import NS
from devnet.soroban.codec import Entry
from devnet.soroban.network import Network
from devnet.soroban.operations import SorobanOperations
from devnet.soroban.server import SorobanServer

STROOPS = 10**11
# 2031-05-14 06:00 UTC: far from midnight, and ahead of the real time.
BEGIN_NS = 1_936_591_200 * NS
_loopback = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class StillClock(Clock):
    """Moves only when it is advanced, so that both networks close the same ledgers however long a script takes."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._at = BEGIN_NS
        self.advance(0)

    def now_ns(self) -> int:
        return self._at

    def advance(self, seconds: int) -> int:
        """The time it shows afterwards, in nanoseconds."""
        self._at += seconds * NS
        self._write(f"at {self._at}")
        return self._at


class Peer(Protocol):
    """What a script needs besides the RPC itself."""

    name: str
    clock: StillClock

    @property
    def url(self) -> str: ...

    def fund(self, account: str) -> None: ...

    def close_ledger(self) -> None: ...

    def set_life(self, key: str, until: int) -> None: ...

    def stop(self) -> None: ...


class Model:
    name = "model"

    def __init__(self, directory: Path) -> None:
        self.clock = StillClock(directory)
        self._network = Network(directory, FaultBoard(directory), self.clock)
        self._operations = SorobanOperations(self._network)
        self._server = SorobanServer(self._network, FaultBoard())
        self._server.start()

    @property
    def url(self) -> str:
        return self._server.url

    def fund(self, account: str) -> None:
        self._operations.fund(account, STROOPS // 10**7)

    def close_ledger(self) -> None:
        self._network.close_ledger()

    def set_life(self, key: str, until: int) -> None:
        def act(moment: Any) -> None:
            known = self._network.store.entry(key, moment.ledger)
            assert known is not None
            self._network.store.put_entry(key, Entry(known.data, moment.ledger, until))

        self._network.change(act)

    def stop(self) -> None:
        self._server.stop()
        self._network.close()


class Host:
    name = "host"

    def __init__(self, directory: Path) -> None:
        self.clock = StillClock(directory)
        self._process = HostProcess(directory, self.clock.path)
        self._process.start()

    @property
    def url(self) -> str:
        return self._process.url

    def fund(self, account: str) -> None:
        self._process.ask("devnet_fund", account=account, stroops=STROOPS)

    def close_ledger(self) -> None:
        self._process.ask("devnet_closeLedgers", count=1)

    def set_life(self, key: str, until: int) -> None:
        self._process.ask("devnet_setEntryTtl", key=key, liveUntilLedger=until)

    def stop(self) -> None:
        self._process.stop()


@contextmanager
def running(kind: type[Model] | type[Host], directory: Path) -> Iterator[Peer]:
    directory.mkdir(parents=True, exist_ok=True)
    peer = kind(directory)
    try:
        yield peer
    finally:
        peer.stop()


def asked(url: str, body: bytes) -> Any:
    """The answer to a request as it stands; its `result` or its `error`."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with _loopback.open(request, timeout=60) as answer:
        return json.load(answer)
