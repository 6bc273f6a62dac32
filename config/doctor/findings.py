"""What a check says: in words for a person, with the fix beside them."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`fix` says what to do, and is empty only when there is nothing to do."""

    status: Status
    words: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report. Neither words nor fix hold a secret."""

    group: str
    name: str
    status: Status
    words: str
    fix: str
    seconds: float


def ok(words: str) -> Finding:
    return Finding("ok", words)


def warning(words: str, fix: str) -> Finding:
    return Finding("warning", words, fix)


def failed(words: str, fix: str) -> Finding:
    return Finding("failed", words, fix)


def skipped(words: str, fix: str = "") -> Finding:
    return Finding("skipped", words, fix)


def from_sentence(text: str, *marks: str) -> Finding:
    """Services say `what is wrong; the fix` in one sentence; without `; ` it is divided at one of the `marks`."""
    for mark in ("; ", *marks):
        words, _, fix = text.rpartition(mark)
        if words:
            return failed(words, fix)
    return failed(text, "")
