"""What an operator does when the fence has closed: `manage.py claim_wallets`, while the chain goes on."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from devnet.client import DevnetClient

ROOT = Path(__file__).resolve().parents[2]
SETTLED_SECONDS = 275


def claim_wallets(devnet: DevnetClient, environment: Mapping[str, str]) -> str:
    """What the command says. The time that it waits for is moved on by as much as it wants."""
    command = [sys.executable, "manage.py", "claim_wallets", "--yes", "--reason", "the crash tests looked"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    for line in process.stdout or ():
        said.append(line)
        if line.startswith("waiting until"):
            devnet.advance(SETTLED_SECONDS)
    assert process.wait() == 0, "".join(said)
    return "".join(said)
