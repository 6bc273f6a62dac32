"""Where a process spends its CPU time: Python imports this by itself when this folder is on PYTHONPATH.

A thread reads the CPU clocks of all others a hundred times a second and books what each has used since on the
stack it shows. So a waiting thread costs nothing in the picture, unlike with samplers that count looks. The
folded stacks are in <BENCH_PROFILE>/<process>-<pid>.folded, microseconds behind each, renewed every two seconds.
"""

import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path

SAMPLE_SECONDS = 0.01
WRITE_SECONDS = 2.0
FOLDER = os.environ.get("BENCH_PROFILE")
# The devnet is a command of manage.py; nothing else here is without a name of its own.
PROCESS = os.environ.get("PAYDATE_PROCESS") or ("devnet" if "serve" in sys.orig_argv else None)


def _run(folder: Path) -> None:
    own = threading.get_native_id()
    used: dict[int, int] = {}
    stacks: Counter[str] = Counter()
    written_at = time.monotonic()
    while True:
        time.sleep(SAMPLE_SECONDS)
        frames = sys._current_frames()
        for thread in threading.enumerate():
            if thread.native_id is None or thread.native_id == own:
                continue
            before, now = used.get(thread.native_id), _cpu_ns(thread.native_id)
            used[thread.native_id] = now
            frame = frames.get(thread.ident or 0)
            if before is not None and now > before and frame is not None:
                stacks[_folded(frame)] += (now - before) // 1_000
        del frames
        if time.monotonic() - written_at > WRITE_SECONDS:
            written_at = time.monotonic()
            _write(folder, stacks)


def _cpu_ns(native_id: int) -> int:
    """0 for a thread that has just ended."""
    try:
        with open(f"/proc/self/task/{native_id}/schedstat", "rb") as file:
            return int(file.read().split()[0])
    except OSError:
        return 0


def _folded(frame: object) -> str:
    names = []
    while frame is not None:
        code = frame.f_code  # type: ignore[attr-defined]
        names.append(f"{code.co_filename}:{code.co_name}")
        frame = frame.f_back  # type: ignore[attr-defined]
    return ";".join(reversed(names))


def _write(folder: Path, stacks: Counter[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{PROCESS}-{os.getpid()}.folded"
    draft = file.with_suffix(".new")
    draft.write_text("".join(f"{stack} {count}\n" for stack, count in stacks.items()))
    draft.replace(file)


if FOLDER and PROCESS:
    threading.Thread(target=_run, args=(Path(FOLDER),), name="bench-profiler", daemon=True).start()
