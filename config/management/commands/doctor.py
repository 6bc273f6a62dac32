import logging
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import stamina
from django.core.management.base import BaseCommand

from config.doctor.findings import Result
from config.doctor.printing import as_json, exit_code, lines, summary
from config.doctor.registry import checks
from config.doctor.running import run

SIGN_TEST = "sign test"


class Command(BaseCommand):
    help = (
        "Looks at everything Paydate needs and says what is wrong, with the fix. It changes nothing. "
        "Exit 0 nothing failed, 1 something did, 2 the settings are refused."
    )
    # It reports them itself, and a broken installation is what it is for.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for machines")
        parser.add_argument(
            "--sign-test",
            action="store_true",
            help="has custody sign a transaction that has expired already, and does not send it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = checks(on_request=[SIGN_TEST] if options["sign_test"] else [])
        with _quietly():
            results = list(self._show(run(wanted), is_silent=options["json"]))
        code = exit_code(results)
        self.stdout.write(as_json(results, code) if options["json"] else f"\n{summary(results)}")
        if code:
            sys.exit(code)

    def _show(self, results: Iterable[Result], *, is_silent: bool) -> Iterator[Result]:
        """Each line as soon as it is known, because some of them take seconds."""
        seen: list[Result] = []

        def passing() -> Iterator[Result]:
            for result in results:
                seen.append(result)
                yield result

        for line in lines(passing(), self._style):
            if not is_silent:
                self.stdout.write(line)
                self.stdout.flush()
        yield from seen

    def _style(self, status: str, text: str) -> str:
        colour = {"ok": self.style.SUCCESS, "warning": self.style.WARNING, "failed": self.style.ERROR}
        return colour.get(status, str)(text)


@contextmanager
def _quietly() -> Iterator[None]:
    """No log lines between those of the report, and no second tries: a doctor looks once."""
    tried_again = stamina.is_active()
    logging.disable(logging.CRITICAL)
    stamina.set_active(False)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        stamina.set_active(tried_again)
