"""docs/troubleshooting.md quotes Paydate: whoever searches it for the words on the screen must find them."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from config.boot import BASE_DIR
from contracts.models import Hold
from payouts.models import Payment

PAGE = (BASE_DIR / "docs/troubleshooting.md").read_text()
APPS = ("config", "contracts", "chainsync", "reserves", "payouts")
GAP = "…"
# Said by a library, by a chain or by custody, not by our own code.
FOREIGN = ("Account locked: too many login attempts",)
SHORTEST = 4


@cache
def said() -> str:
    """Every text constant of the code, one for each line; what is put into it at run time is a gap."""
    files = (
        path for app in APPS for path in (BASE_DIR / app).rglob("*.py") if "migrations" not in path.parts
    )
    return "\n".join(text for path in files for text in _texts(ast.parse(path.read_text())))


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def quoted() -> Iterator[str]:
    """What stands in block quotes, and the sentences in backticks in the first columns of the tables."""
    yield from re.findall(r"^> (.+)$", PAGE, re.MULTILINE)
    for row in re.findall(r"^\|(.+)\|$", PAGE, re.MULTILINE):
        for sentence in re.findall(r"`([^`]+)`", row):
            if " " in sentence and not sentence.startswith("manage.py"):
                yield sentence


@pytest.mark.parametrize("sentence", sorted(set(quoted()) - set(FOREIGN)))
def test_quoted_words_are_said_by_the_code(sentence: str) -> None:
    parts = [part.strip() for part in sentence.split(GAP)]
    parts = [part for part in parts if len(part) >= SHORTEST]
    assert parts, f"{sentence} has nothing to search for"
    missing = [part for part in parts if part not in said()]
    assert not missing, f"no text of the code has: {missing}"


def test_every_cause_has_its_line() -> None:
    causes = {*Hold.Cause.values, *Payment.Cause.values}
    assert causes <= set(re.findall(r"^\| ([A-Z_]+) \|", PAGE, re.MULTILINE))


def test_links_on_the_page_lead_to_headings() -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\(#([\w-]+)\)", PAGE)) <= anchors
