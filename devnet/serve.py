"""The devnet as a process: serves until SIGTERM, SIGINT or SIGHUP."""

import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from devnet.runtime import Devnet


def serve(
    state_dir: Path,
    say: Callable[[str], None],
    *,
    ports: Mapping[str, int],
    block_seconds: float,
    consensus_seconds: float,
) -> None:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    devnet = Devnet(state_dir, ports, block_seconds=block_seconds, consensus_seconds=consensus_seconds)
    devnet.start()
    say(
        f"devnet ready: nodes {devnet.nodes.addresses()}, mirror {devnet.mirror.url}, "
        f"soroban {devnet.soroban.url}, custody {devnet.dfns.url}"
    )
    # A bare wait() would hold signals back; in slices it also notices a chain that stopped by itself.
    while not stopping.wait(0.5) and devnet.chain.is_open:
        devnet.stellar.tend()
    devnet.stop()
    say("devnet stopped")
