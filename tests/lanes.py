"""``make test``: all tests in three lanes side by side.

Tests that start stacks of their own mostly wait for processes, and some are judged by how soon a process is back.
They have the right of way; the others, which keep a core busy each, are nice and take what is left. Those of the
contract in Rust, which begin with a compiler, are a lane of their own, so that nobody waits for them at the end.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
# The longest first, so that none is left at the end; files that are not named follow.
STACKS = (
    "crash/test_crashes.py",
    "crash/test_two_systems.py",
    "crash/test_under_fire.py",
    "crash/test_reserves.py",
    "crash/test_real_host.py",
    "stack/test_stopping.py",
    "stack/test_demo.py",
    "stack",
    "crash",
)
SIDE_BY_SIDE = 2
NICE = 10
INTERRUPTED = 130


def main() -> int:
    """The worst exit code; what the nice lanes say comes when all have ended."""
    stacks = [str(FOLDER / name) for name in STACKS]
    left_out = [f"--ignore={FOLDER / name}" for name in ("crash", "stack", "soroban")]
    others = _pytest(os.cpu_count() or SIDE_BY_SIDE, str(FOLDER), *left_out)
    compiled = _pytest(1, str(FOLDER / "soroban"))
    with tempfile.TemporaryFile("w+") as said:
        lanes = [
            subprocess.Popen(_nicely(others), stdout=said, stderr=said),
            subprocess.Popen(_nicely(compiled), stdout=said, stderr=said),
            subprocess.Popen(_pytest(SIDE_BY_SIDE, "--no-loadscope-reorder", *stacks)),
        ]
        try:
            return max(lane.wait() for lane in lanes)
        except KeyboardInterrupt:
            # They have it, too, and take down what they started.
            for lane in lanes:
                lane.wait()
            return INTERRUPTED
        finally:
            said.seek(0)
            print(said.read(), end="", flush=True)


def _nicely(command: list[str]) -> list[str]:
    """Without the program of that name, which a bare PATH lacks."""
    program = f"import os, sys; os.nice({NICE}); os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", program, *command]


def _pytest(workers: int, *words: str) -> list[str]:
    command = ["-m", "pytest", "-n", str(workers), "--dist", "loadfile", "-m", "not long", "--durations=8"]
    return [sys.executable, *command, *words]


if __name__ == "__main__":
    sys.exit(main())
