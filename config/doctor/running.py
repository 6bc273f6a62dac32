"""Makes the checks one after another, each in a thread of its own, so that none can hang the others."""

import queue
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from django.db import Error, connections

from config.doctor.findings import Finding, Result, failed, ok, skipped
from config.doctor.registry import Check
from config.error_pages import redacted
from contracts.gateways.errors import GatewayError

LONGEST_ERROR = 200


def run(checks: Iterable[Check]) -> Iterator[Result]:
    """Results as they come. A check whose needs were not met is skipped, and so is what needs it."""
    unmet: set[str] = set()
    for check in checks:
        results = list(_run(check, unmet))
        if any(result.status in ("failed", "skipped") for result in results):
            unmet.add(check.name)
        yield from results


def _run(check: Check, unmet: set[str]) -> Iterator[Result]:
    missing = [name for name in check.needs if name in unmet]
    if missing:
        yield _result(check, check.name, skipped(f"needs {' and '.join(missing)}"), 0.0)
        return
    if check.each is None:
        yield from _look(check, check.name, check.look)
        return
    things = _answer(check, check.each)
    if isinstance(things, Finding):
        yield _result(check, check.name, things, check.seconds)
    elif not things:
        yield _result(check, check.name, ok("none registered yet"), 0.0)
    else:
        for label, thing in things.items():
            yield from _look(check, f"{check.name} {label}", partial(check.look, thing))


def _look(check: Check, name: str, look: Callable[[], Any]) -> Iterator[Result]:
    begin = time.monotonic()
    answer = _answer(check, look)
    seconds = time.monotonic() - begin
    for finding in [answer] if isinstance(answer, Finding) else answer:
        yield _result(check, name, finding, seconds)


def _answer(check: Check, ask: Callable[[], Any]) -> Any:
    """What the check says, or a Finding about why it could not say anything."""
    box: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # A daemon: a connection that never answers must not keep the process from ending.
    threading.Thread(target=_put, args=(box, ask, check.fix), name=check.name, daemon=True).start()
    try:
        return box.get(timeout=check.seconds)
    except queue.Empty:
        return failed(f"no answer within {check.seconds:.0f} s", check.fix)


def _put(box: "queue.SimpleQueue[Any]", ask: Callable[[], Any], fix: str) -> None:
    try:
        box.put(_asked(ask, fix))
    finally:
        connections.close_all()


def _asked(ask: Callable[[], Any], fix: str) -> Any:
    try:
        answer = ask()
        return answer if isinstance(answer, Finding | Mapping) else list(answer)
    except GatewayError as error:
        return failed(_brief(error), fix)
    except Error as error:
        return failed(f"the database answered: {_brief(error)}", fix)
    except Exception as error:
        return failed(
            f"the check itself broke: {type(error).__name__}: {_brief(error)}",
            "report this; the other checks do not depend on it",
        )


def _brief(error: Exception) -> str:
    """The beginning of the first line: libraries go on with addresses and retries."""
    first = (str(error).strip().splitlines() or [""])[0]
    return textwrap.shorten(first, LONGEST_ERROR, placeholder=" ...")


def _result(check: Check, name: str, finding: Finding, seconds: float) -> Result:
    return Result(
        check.group, name, finding.status, redacted(finding.words), redacted(finding.fix), round(seconds, 3)
    )
