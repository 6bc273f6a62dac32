"""Rows of a JSON or CSV file with the line each begins in. A number with a point stays text: money is no float."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

from reserves.services.importing import BadImport, Row

_DECODER = json.JSONDecoder(parse_float=str)
_SPACE = re.compile(r"\s*")


def rows_of(path: Path) -> list[Row]:
    """Of a list of objects in a .json file, or of a .csv file with a header. Raises BadImport."""
    readers = {".json": _json, ".csv": _csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadImport([f"{path.name} is neither .json nor .csv: give one of these"])
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadImport([f"{path} cannot be read as UTF-8 text: {error}"]) from error
    return list(reader(text))


def _json(text: str) -> Iterator[Row]:
    """Each element by itself, because only so its line is known."""
    at = _after(text, 0, "[")
    while not text.startswith("]", at):
        line = text.count("\n", 0, at) + 1
        try:
            value, at = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise BadImport([f"line {error.lineno}: no JSON: {error.msg}"]) from error
        if not isinstance(value, dict):
            raise BadImport([f"line {line}: give an object with the fields of one investment"])
        yield Row(line, value)
        at = _skip(text, at)
        if not text.startswith("]", at):
            at = _after(text, at, ",")
    if text[at + 1 :].strip():
        raise BadImport(
            [f"line {text.count(chr(10), 0, at) + 1}: there is more after the list: give one list"]
        )


def _after(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if not text.startswith(sign, at):
        line = text.count("\n", 0, at) + 1
        raise BadImport([f"line {line}: {sign} is missing: give a list of objects, [{{...}}, {{...}}]"])
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _csv(text: str) -> Iterator[Row]:
    reader = csv.DictReader(text.splitlines(), restkey="more columns than the header", strict=True)
    try:
        for values in reader:
            yield Row(reader.line_num, {(name or "").strip(): value for name, value in values.items()})
    except csv.Error as error:
        raise BadImport([f"line {reader.reader.line_num}: no CSV: {error}"]) from error
