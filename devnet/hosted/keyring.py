"""Keys of the devnet's own accounts on the real host: its bank, and investors that it made up."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

from stellar_sdk import Keypair

BANK = "bank"
Seed = Callable[[str], bytes | None]


class Keyring:
    """`custody` gives the seed of an account whose key lies in the local custody, None for others. Thread-safe."""

    def __init__(self, path: Path, custody: Seed) -> None:
        self._path = path
        self._custody = custody
        self._lock = threading.Lock()

    @property
    def bank(self) -> Keypair:
        """Pays for everything and administers the tokens."""
        with self._lock:
            known = self._read()
            if BANK not in known:
                known[BANK] = Keypair.random().secret
                self._write(known)
        return Keypair.from_secret(known[BANK])

    def new(self) -> Keypair:
        """An investor's, kept."""
        made = Keypair.random()
        with self._lock:
            self._write(self._read() | {made.public_key: made.secret})
        return made

    def of(self, account: str) -> Keypair | None:
        """None for an account of somebody else."""
        if account == self.bank.public_key:
            return self.bank
        if seed := self._custody(account):
            return Keypair.from_raw_ed25519_seed(seed)
        secret = self._read().get(account)
        return Keypair.from_secret(secret) if secret else None

    def _read(self) -> dict[str, str]:
        return dict(json.loads(self._path.read_text())) if self._path.exists() else {}

    def _write(self, keys: dict[str, str]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(keys))
        draft.replace(self._path)
