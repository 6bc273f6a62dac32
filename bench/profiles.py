"""Folded stacks made readable: which of our functions, and which library underneath, used the CPU.

Each microsecond belongs to one function: the innermost of ours on its stack, with the libraries it called.
Loading modules is left out.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.machine import ROOT

SHOWN = 12
OURS = ("contracts/", "payouts/", "chainsync/", "reserves/", "config/", "devnet/")
PACKAGES = "/site-packages/"


def summary(folder: Path) -> dict[str, dict[str, Any]]:
    """By process: CPU seconds seen, and the share of each of our functions and of each library."""
    return {
        process: _summary([line for file in folder.glob(f"{process}-*.folded") for line in _stacks(file)])
        for process in sorted({file.stem.rpartition("-")[0] for file in folder.glob("*.folded")})
    }


def _summary(stacks: list[tuple[list[str], int]]) -> dict[str, Any]:
    total = sum(cost for _, cost in stacks) or 1
    functions: Counter[str] = Counter()
    libraries: Counter[str] = Counter()
    for frames, cost in stacks:
        libraries[_library(frames[-1])] += cost
        functions[_function(frames)] += cost
    return {
        "cpu_seconds": round(total / 1_000_000, 2),
        "functions": _shares(functions, total),
        "libraries": _shares(libraries, total),
    }


def _shares(costs: Counter[str], total: int) -> dict[str, float]:
    return {name: round(100 * cost / total, 1) for name, cost in costs.most_common(SHOWN)}


def _stacks(file: Path) -> Iterator[tuple[list[str], int]]:
    for line in file.read_text().splitlines():
        stack, _, cost = line.rpartition(" ")
        frames = stack.split(";")
        if not any(frame.startswith("<frozen importlib") for frame in frames):
            yield frames, int(cost)


def _function(frames: list[str]) -> str:
    """As `contracts/services/sending.py:send`; where none of ours is on the stack, the library's own loop."""
    own = (frame.removeprefix(f"{ROOT}/") for frame in reversed(frames))
    return next((name for name in own if name.startswith(OURS)), f"({_library(frames[-1])})")


def _library(frame: str) -> str:
    path, _, _ = frame.rpartition(":")
    if PACKAGES in path:
        first = path.partition(PACKAGES)[2].split("/")[0]
        return first.removesuffix(".py")
    return "paydate" if path.startswith(str(ROOT)) else "python"
