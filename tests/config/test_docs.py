"""What the guides tell people to type exists: commands and their options, settings, make targets, links, states."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from config.boot import BASE_DIR
from config.loading import BOOTSTRAP, FILE_NAMES, NAMES, PREFIXES
from payouts.models import Distribution

GUIDES = sorted([BASE_DIR / "README.md", BASE_DIR / "ARCHITECTURE.md", *(BASE_DIR / "docs").glob("*.md")])
COMMAND = re.compile(r"manage\.py +([a-z_]+)([^`#\n|]*)")
OPTION = re.compile(r"(?<!\S)(--[a-z][a-z-]+)")
TARGET = re.compile(r"(?:`|^)make ([a-z][a-z-]*)", re.MULTILINE)
SETTING = re.compile(r"\b(?:" + "|".join(PREFIXES) + r")[A-Z0-9_]*[A-Z0-9]\b")
ENV_LINE = re.compile(r"^([A-Z][A-Z0-9_]+)=", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Classes of errors.
OTHER_NAMES = {"CUSTODY_PENDING", "CUSTODY_REFUSED"}


def names(guides: list[Path]) -> list[str]:
    return [guide.name for guide in guides]


every_guide = pytest.mark.parametrize("guide", GUIDES, ids=names(GUIDES))


def command(name: str) -> BaseCommand:
    app = get_commands()[name]
    return load_command_class(app, name) if isinstance(app, str) else app


def options_of(name: str) -> set[str]:
    parser = command(name).create_parser("manage.py", name)
    return {option for action in parser._actions for option in action.option_strings}


@every_guide
def test_every_command_exists(guide: Path) -> None:
    used = {match[1] for match in COMMAND.finditer(guide.read_text())}
    assert used <= set(get_commands())


@every_guide
def test_every_option_of_a_command_exists(guide: Path) -> None:
    for match in COMMAND.finditer(guide.read_text()):
        if match[1] == "devnet":  # it has words of its own, each with its options
            continue
        wanted = set(OPTION.findall(match[2]))
        assert wanted <= options_of(match[1]), match[0]


@every_guide
def test_every_setting_exists(guide: Path) -> None:
    text = guide.read_text()
    known = NAMES | FILE_NAMES.keys() | BOOTSTRAP | OTHER_NAMES
    assert set(SETTING.findall(text)) - known == set()


def env_lines(text: str) -> Iterator[str]:
    for block in FENCE.findall(text):
        lines = block.strip().splitlines()
        if lines and all(ENV_LINE.match(line) for line in lines):
            yield from (line.partition("=")[0] for line in lines)


@every_guide
def test_every_line_of_an_env_file_is_a_setting(guide: Path) -> None:
    assert set(env_lines(guide.read_text())) <= NAMES


@every_guide
def test_every_target_of_make_exists(guide: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (BASE_DIR / "Makefile").read_text(), re.MULTILINE))
    assert set(TARGET.findall(guide.read_text())) <= targets


@every_guide
def test_every_link_leads_somewhere(guide: Path) -> None:
    links = [link for link in LINK.findall(guide.read_text()) if "://" not in link]
    assert [link for link in links if not (guide.parent / link).exists()] == []


def test_the_way_to_testnet_explains_every_state() -> None:
    text = (BASE_DIR / "docs" / "testnet.md").read_text()
    states = text.partition("## 9. What the states mean")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| ([A-Z_]+) \|", states, re.MULTILINE)
    assert explained == Distribution.Status.values


def test_the_way_to_testnet_has_everything_the_settings_demand() -> None:
    text = (BASE_DIR / "docs" / "testnet.md").read_text()
    given = set(env_lines(text))
    assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PAYDATE_INSTANCE_ID", "HEDERA_NETWORK"} <= given
    assert {name for name in NAMES if name.startswith("DFNS_SERVICE_ACCOUNT")} <= given


def test_what_was_not_tried_is_marked_in_one_way_only() -> None:
    text = (BASE_DIR / "docs" / "testnet.md").read_text()
    marks = re.findall(r"[^\n]{0,2}[Nn]ot tried yet[^\n]{0,3}", text)
    assert len(marks) > 8
    assert all(mark.lstrip()[:2] == "**" and ":**" in mark for mark in marks), marks
