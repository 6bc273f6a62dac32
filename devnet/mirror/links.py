"""`links.next`: the request's own parameters, moved on to the last row of the page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from devnet.mirror.text import TIMESTAMP, entity_number, to_ns

_PASSED = {"asc": re.compile(r"gte?:"), "desc": re.compile(r"lte?:")}
_RANGED = re.compile(r"[gl]te?:")


@dataclass(frozen=True, slots=True)
class Last:
    """The last row's value of one column; `inclusive` when a further column tells equal rows apart."""

    value: str
    inclusive: bool = False


def next_link(
    path: str, parameters: Mapping[str, list[str]], last: Mapping[str, Last], order: str
) -> str | None:
    """The page after `last`, or None when no row can follow inside the request's own bounds."""
    moved = {key: list(values) for key, values in parameters.items()}
    for key, value in last.items():
        _move(moved, key, value, order)
    if _is_empty(moved[next(iter(last))]):
        return None
    pairs = "&".join(f"{key}={value}" for key, values in moved.items() for value in values)
    return f"{path.rstrip('/')}?{pairs}"


def _move(parameters: dict[str, list[str]], key: str, last: Last, order: str) -> None:
    """The bound that was passed gives way to the new one; the other bound and eq stay where they are."""
    operator = ("gt" if order == "asc" else "lt") + ("e" if last.inclusive else "")
    bound = f"{operator}:{last.value}"
    given = parameters.get(key, [])
    kept = [value for value in given if not _PASSED[order].match(value)]
    if not kept:
        parameters.pop(key, None)
        parameters[key] = [bound]
    elif _RANGED.match(given[0]):
        parameters[key] = [*kept, bound]


def _is_empty(values: list[str]) -> bool:
    lower = [_number(value) + value.startswith("gt:") for value in values if value.startswith("gt")]
    upper = [_number(value) - value.startswith("lt:") for value in values if value.startswith("lt")]
    return bool(lower and upper) and max(lower) > min(upper)


def _number(bound: str) -> int:
    text = bound.partition(":")[2]
    if text.startswith("0x"):
        return int(text, 16)
    return to_ns(text) if TIMESTAMP.fullmatch(text) else entity_number(text)
