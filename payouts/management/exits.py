"""Exit codes of the payout commands, and how a command says its last word."""

import sys
from typing import NoReturn

from django.core.management.base import BaseCommand

COMPLETED, FAILED, BAD_INPUT, ALREADY_STARTED, HELD = range(5)


def leave(command: BaseCommand, code: int, text: str) -> NoReturn:
    """Writes one sentence to standard error and ends with ``code``."""
    command.stderr.write(text)
    sys.exit(code)
