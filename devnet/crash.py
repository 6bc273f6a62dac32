"""Ends a process with SIGKILL at a named fault point, once, for one distribution.

A point is armed by a file, so that any process of the stack may be the one that reaches it. Whoever renames
the file first has the hit and dies; a second process reaching the same point lives on.
"""

import os
import signal
from functools import cache
from pathlib import Path

from devnet.clock import DIRECTORY_VARIABLE

ANY = "any"


def directory() -> Path:
    return Path(os.environ[DIRECTORY_VARIABLE]) / "crash"


def arm(point: str, distribution_uid: str = ANY) -> None:
    """The next time ``point`` is reached for this distribution, the process that reaches it is killed."""
    folder = directory() / "armed" / point
    folder.mkdir(parents=True, exist_ok=True)
    (folder / distribution_uid).touch()


def hits() -> dict[str, int]:
    """How often each point has been hit, by the name of the point."""
    folder = directory() / "hit"
    points = folder.iterdir() if folder.is_dir() else ()
    return {point.name: len(list(point.iterdir())) for point in points}


def hit_at(point: str, distribution_uid: str) -> float | None:
    """When the point was hit for this distribution, in seconds of the machine's clock."""
    try:
        return (directory() / "hit" / point / distribution_uid).stat().st_mtime
    except FileNotFoundError:
        return None


def reach(point: str, subject: str) -> None:
    """The hook of ``contracts.faults``: almost always one look at a folder that is not there."""
    armed = directory() / "armed" / point
    if not armed.is_dir():
        return
    for name in {_distribution_of(subject), ANY}:
        if _take(point, armed / name):
            os.kill(os.getpid(), signal.SIGKILL)


def _take(point: str, armed: Path) -> bool:
    hit = directory() / "hit" / point
    hit.mkdir(parents=True, exist_ok=True)
    try:
        armed.rename(hit / armed.name)
    except FileNotFoundError:
        return False
    (hit / armed.name).touch()
    return True


@cache
def _distribution_of(subject: str) -> str:
    """A call's subject names a batch or a snapshot; what it belongs to is looked up, once per process."""
    from contracts.models import ContractTransaction  # an app of the product, which this one may know

    calls = ContractTransaction.objects.filter(subject=subject)
    return calls.values_list("group_uid", flat=True).first() or subject.rpartition(":")[2]
