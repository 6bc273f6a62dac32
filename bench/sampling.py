"""Where a process that computes in its first thread spends its CPU time: a signal every few milliseconds of it.

The sampler of `bench/profiler` needs the interpreter for its looks, and gets it when a thread waits: of one that talks
to the database again and again it sees little but that. A signal comes while the work is done.
"""

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

INTERVAL_SECONDS = 0.002  # at least; the kernel's clock may be coarser


@contextmanager
def sampled(folder: Path, name: str) -> Iterator[None]:
    """Writes <folder>/<name>-<pid>.folded, microseconds behind each stack, as `bench.profiles` reads it."""
    stacks: Counter[str] = Counter()
    used_ns = time.process_time_ns()

    def look(number: int, frame: FrameType | None) -> None:
        nonlocal used_ns
        before, used_ns = used_ns, time.process_time_ns()
        frames = _at_work(frame)
        for one in frames:
            stacks[_folded(one)] += (used_ns - before) // (1_000 * len(frames))

    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{stack} {cost}\n" for stack, cost in stacks.items()]
        (folder / f"{name}-{os.getpid()}.folded").write_text("".join(lines))


def _at_work(frame: FrameType | None) -> list[FrameType]:
    """The first thread's, or, while that waits for others, theirs: signals come to the first one only."""
    if frame is None or not frame.f_code.co_filename.endswith("threading.py"):
        return [frame] if frame else []
    own = threading.get_ident()
    return [one for ident, one in sys._current_frames().items() if ident != own] or [frame]


def _folded(frame: FrameType | None) -> str:
    names = []
    while frame is not None:
        names.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")
        frame = frame.f_back
    return ";".join(reversed(names))
