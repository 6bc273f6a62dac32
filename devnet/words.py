"""What a word of `manage.py devnet` is made of: its help, its arguments, and one call of the client."""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devnet.client import DevnetClient

NUMBERS = ("units", "seconds", "milliseconds")
Act = Callable[[DevnetClient, argparse.Namespace], Any]
Setup = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True, slots=True)
class Word:
    help: str
    act: Act
    setup: Setup = lambda parser: None


def value_of(text: str) -> Any:
    """Numbers, true, null, lists and objects as JSON; anything else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def arguments_of(texts: list[str]) -> list[Any]:
    return [value_of(text) for text in texts]


def takes(*names: str, many: str | None = None) -> Setup:
    def setup(parser: argparse.ArgumentParser) -> None:
        for name in names:
            parser.add_argument(name, type=int if name in NUMBERS else str)
        if many:
            parser.add_argument(many, nargs="+" if many == "accounts" else "*")

    return setup
