"""Advisory locks are numbers that all jobs share: two with the same one would keep each other from running."""

import ast
import importlib
import inspect
import pkgutil
from collections import defaultdict

OURS = ("contracts", "chainsync", "reserves", "payouts")


def lock_numbers() -> dict[str, int]:
    """Every constant of our services that names an advisory lock, where it is defined."""
    found = {}
    for app in OURS:
        services = importlib.import_module(f"{app}.services")
        for info in pkgutil.iter_modules(services.__path__, f"{services.__name__}."):
            module = importlib.import_module(info.name)
            for line in ast.parse(inspect.getsource(module)).body:
                names = [getattr(target, "id", "") for target in getattr(line, "targets", ())]
                for name in names:
                    if name.endswith(("_LOCK", "_LOCKS")):
                        found[f"{info.name}.{name}"] = getattr(module, name)
    return found


def test_no_two_jobs_share_an_advisory_lock() -> None:
    owners: dict[int, list[str]] = defaultdict(list)
    for name, number in lock_numbers().items():
        owners[number].append(name)

    assert len(owners) > 10
    assert [names for names in owners.values() if len(names) > 1] == []
