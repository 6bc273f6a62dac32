"""Named points where a crash may come, one for each arrow, and the scenario of the tests that reaches it.

In production ``FAULT_HOOK`` is empty and reaching a point costs one comparison. The crash tests arm a point
for one subject and the hook ends the process there with SIGKILL; a test walks this registry and fails if a
point was never hit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class FaultPoint:
    """``scenario`` names the run of the crash tests in which the point is reached."""

    name: str
    scenario: str

    def reach(self, subject: str) -> None:
        if settings.FAULT_HOOK:
            _hook(settings.FAULT_HOOK)(self.name, subject)


REGISTRY: dict[str, FaultPoint] = {}


def fault_point(name: str, *, scenario: str) -> FaultPoint:
    """Registers a point; its name is the arrow's, ``<noun>.<what has just happened>``."""
    if name in REGISTRY:
        raise ValueError(f"fault point {name} is registered twice")
    REGISTRY[name] = FaultPoint(name, scenario)
    return REGISTRY[name]


@cache
def _hook(path: str) -> Callable[[str, str], None]:
    return import_string(path)  # type: ignore[no-any-return]
