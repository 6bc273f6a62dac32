"""Cargo's lock from the one that is committed, and back.

    python crates.py FOLDER...         writes FOLDER/Cargo.lock from FOLDER/crates.lock
    python crates.py --keep FOLDER...  writes FOLDER/crates.lock from FOLDER/Cargo.lock, after a change of versions

What is committed carries versions and hashes only. Cargo wants with each the registry that it came from as well, and
tells it in the lock that it makes itself.
"""

import re
import subprocess
import sys
from pathlib import Path

SOURCE = re.compile(r'^source = "[^"]+"\n', re.MULTILINE)
CHECKSUM = re.compile(r"^(?=checksum = )", re.MULTILINE)


def complete(folder: Path) -> None:
    """Raises SystemExit where cargo cannot make a lock, and says why."""
    wanted, lock = (folder / "crates.lock").read_text(), folder / "Cargo.lock"
    if not lock.exists():
        made = subprocess.run(["cargo", "generate-lockfile"], cwd=folder, capture_output=True, text=True)
        if made.returncode:
            raise SystemExit(f"cargo could not ask its registry: {made.stderr.strip()}")
    written = lock.read_text()
    source = SOURCE.search(written)
    if source is None:
        raise SystemExit(f"{lock} names no registry; remove it and start again")
    text = CHECKSUM.sub(lambda _: source[0], wanted)
    if text != written:
        lock.write_text(text)


def keep(folder: Path) -> None:
    (folder / "crates.lock").write_text(SOURCE.sub("", (folder / "Cargo.lock").read_text()))


if __name__ == "__main__":
    is_keeping = sys.argv[1:2] == ["--keep"]
    for name in sys.argv[1 + is_keeping :]:
        (keep if is_keeping else complete)(Path(name))
