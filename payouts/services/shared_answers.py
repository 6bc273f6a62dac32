"""Answers of the chain that many distributions want at the same moment, kept by this process for a few seconds."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import NamedTuple

from contracts import clock

KEPT_FOR = timedelta(seconds=5)


class _Answer(NamedTuple):
    asked_at: datetime
    text: str | None


_answers: dict[Hashable, _Answer] = {}


def ask_once(
    key: Hashable, question: Callable[[], str | None], *, since: datetime | None = None
) -> str | None:
    """What ``question`` says now, or said under the same key within five seconds and not before ``since``.

    What it raises is not kept, so it is asked again.
    """
    now = clock.now()
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
