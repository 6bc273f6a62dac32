"""The report: lines for a plain terminal, or JSON."""

import json
import shutil
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict

from config.doctor.findings import Result

Style = Callable[[str, str], str]
HEALTHY, UNHEALTHY, NOT_STARTED = range(3)
STATUS_WIDTH, NAME_WIDTH = 9, 26
WIDEST = 120


def exit_code(results: Iterable[Result]) -> int:
    return UNHEALTHY if any(result.status == "failed" for result in results) else HEALTHY


def lines(results: Iterable[Result], style: Style = lambda status, text: text) -> Iterator[str]:
    """Grouped and aligned, as the results come. `style` may colour a status."""
    group = ""
    for result in results:
        if result.group != group:
            group = result.group
            yield f"\n{group}" if group else ""
        yield from _lines_of(result, style)


def _lines_of(result: Result, style: Style) -> Iterator[str]:
    words = textwrap.wrap(result.words, _room()) or [""]
    fix = textwrap.wrap(f"fix: {result.fix}", _room(), subsequent_indent="     ") if result.fix else []
    head = style(result.status, result.status.ljust(STATUS_WIDTH)) + result.name.ljust(NAME_WIDTH - 1)
    if len(result.name) < NAME_WIDTH:
        head = f"{head} {words.pop(0)}"
    yield f"  {head}"
    for line in (*words, *fix):
        yield f"  {'':{STATUS_WIDTH + NAME_WIDTH}}{line}"


def _room() -> int:
    width = min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
    return max(width - STATUS_WIDTH - NAME_WIDTH - 2, 40)


def summary(results: Sequence[Result]) -> str:
    counts = Counter(result.status for result in results)
    return ", ".join(
        f"{counts[status]} {status}" for status in ("ok", "warning", "failed", "skipped") if counts[status]
    )


def as_json(results: Sequence[Result], code: int) -> str:
    body = {"ok": code == HEALTHY, "exit_code": code, "results": [asdict(result) for result in results]}
    return json.dumps(body, indent=1)
