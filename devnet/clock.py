"""The devnet's offset from real time, shared with Paydate through one small file.

Advancing it moves chain and application together, so that expiry and dates can be tested in seconds.
"""

import os
import threading
import time
from pathlib import Path

from devnet.records import NS

DIRECTORY_VARIABLE = "PAYDATE_DEVNET_DIR"
DEFAULT_DIRECTORY = ".local/devnet"


def default_directory() -> Path:
    return Path(os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY)


class Clock:
    """Real time plus the offset written in `<directory>/clock` (text, integer nanoseconds)."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "clock"
        self._seen: tuple[int, int] | None = None
        self._offset = 0
        self._lock = threading.Lock()

    def offset_ns(self) -> int:
        """Zero while nothing was advanced; the file is read again only when it changed."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return 0
        version = (stat.st_mtime_ns, stat.st_ino)
        if version != self._seen:
            self._offset = int(self.path.read_text() or 0)
            self._seen = version
        return self._offset

    def now_ns(self) -> int:
        return time.time_ns() + self.offset_ns()

    def advance(self, seconds: int) -> int:
        """Moves the clock forward and returns the new offset in nanoseconds."""
        if seconds < 0:
            raise ValueError("the devnet clock only moves forward")
        with self._lock:
            offset = self.offset_ns() + seconds * NS
            self._write(offset)
        return offset

    def _write(self, text: object) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".new")
        draft.write_text(str(text))
        draft.replace(self.path)


_clocks: dict[Path, Clock] = {}


def offset_ns() -> int:
    """Offset of the devnet named by PAYDATE_DEVNET_DIR; this is what `settings.CLOCK_OFFSET` points to."""
    directory = default_directory()
    if directory not in _clocks:
        _clocks[directory] = Clock(directory)
    return _clocks[directory].offset_ns()
