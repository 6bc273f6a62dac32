"""Settings that are refused are lines of the report, too: without them there is no Django to run a command in."""

import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured

from config import boot
from config.doctor.findings import Result
from config.doctor.printing import NOT_STARTED, as_json, lines, summary

GROUP = "Settings"


def start(arguments: Sequence[str]) -> None:
    """Returns when the settings are good; otherwise ends the process with one line for each that is not."""
    try:
        boot.set_up()
    except ImproperlyConfigured as error:
        sys.exit(_report([_result(problem) for problem in _problems(error)], arguments))
    except Exception as error:
        # Its text may quote a setting's value, so only its kind is shown.
        broken = Result(
            GROUP,
            "settings",
            "failed",
            f"the settings could not be read: {type(error).__name__}",
            "run manage.py check for the details; they may show values",
            0.0,
        )
        sys.exit(_report([broken], arguments))


def _problems(error: ImproperlyConfigured) -> Sequence[str]:
    return getattr(error, "problems", None) or [str(error)]


def _result(problem: str) -> Result:
    """`NAME is what: the fix`."""
    name, _, rest = problem.partition(" ")
    words, _, fix = rest.partition(": ")
    return Result(GROUP, name, "failed", words, fix, 0.0)


def _report(results: list[Result], arguments: Sequence[str]) -> int:
    results.append(Result(GROUP, "everything else", "skipped", "needs settings", "", 0.0))
    if "--json" in arguments:
        print(as_json(results, NOT_STARTED))  # noqa: T201 - there is no command yet to write through
    else:
        print("\n".join([*lines(results), "", summary(results)]))  # noqa: T201
    return NOT_STARTED
