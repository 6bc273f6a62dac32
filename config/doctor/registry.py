"""The checks, in the order in which they are made and shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from config.doctor.findings import Finding

Look = Callable[..., Finding | Sequence[Finding]]
DEADLINE_SECONDS = 10.0
# In the order of the report. Each module names its group and holds its checks.
MODULES = (
    *("safety", "database", "broker", "processes", "network", "wallets", "custody", "assets"),
    *("stellar", "investments", "mail", "work"),
)
_checks: list["Check"] = []


@dataclass(frozen=True, slots=True)
class Check:
    """`needs` are names of checks that must not have failed. With `each`, one line for each thing it names."""

    group: str
    name: str
    look: Look
    needs: tuple[str, ...] = ()
    each: Callable[[], Mapping[str, Any]] | None = None
    fix: str = "look into the log of the process that was asked"
    seconds: float = DEADLINE_SECONDS
    is_on_request: bool = False


def check(group: str, name: str, **options: Any) -> Callable[[Look], Look]:
    """Puts a function among the checks. `fix` is shown when it gets no answer, or a refusal, at all."""

    def register(look: Look) -> Look:
        _checks.append(Check(group, name, look, **options))
        return look

    return register


def checks(*, on_request: Iterable[str] = ()) -> list[Check]:
    """All checks, and of those made on request only the named ones."""
    for module in MODULES:
        import_module(f"config.doctor.{module}")
    wanted = set(on_request)
    known = [one for one in _checks if not one.is_on_request or one.name in wanted]
    return sorted(known, key=lambda one: MODULES.index(one.look.__module__.rpartition(".")[2]))
