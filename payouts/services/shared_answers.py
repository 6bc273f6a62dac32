"""Answers of the chain that many distributions want at the same moment, kept by this process for a few seconds."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import NamedTuple

from contracts import clock

KEPT_FOR = timedelta(seconds=5)


class _Answer(NamedTuple):
    asked_at: datetime
    text: str | None


_answers: dict[Hashable, _Answer] = {}
_not_before: ContextVar[datetime | None] = ContextVar("not_before", default=None)


@contextmanager
def not_before(moment: datetime | None) -> Iterator[None]:
    """Inside, answers from before ``moment`` do not count: what was seen then did not keep a hold from being placed."""
    token = _not_before.set(moment)
    try:
        yield
    finally:
        _not_before.reset(token)


def ask_once(key: Hashable, question: Callable[[], str | None]) -> str | None:
    """What ``question`` says now, or said under the same key within the last five seconds.

    What it raises is not kept, so it is asked again.
    """
    now, since = clock.now(), _not_before.get()
    known = _answers.get(key)
    if known is not None and _is_fresh(known, now) and (since is None or known.asked_at > since):
        return known.text
    answer = _Answer(now, question())
    for old in [name for name, kept in _answers.copy().items() if not _is_fresh(kept, now)]:
        _answers.pop(old, None)
    _answers[key] = answer
    return answer.text


def _is_fresh(answer: _Answer, now: datetime) -> bool:
    """A clock that was set back makes nothing fresh again."""
    return timedelta(0) <= now - answer.asked_at < KEPT_FOR


def forget() -> None:
    _answers.clear()
