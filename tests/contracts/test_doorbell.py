"""Rings and fault points are named by strings: each must be one that exists, found by reading the sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from config.beats import table
from contracts import doorbell, faults
from contracts.ids import new_uid

ROOT = Path(settings.BASE_DIR)
APPS = ("config", "payouts", "reserves", "chainsync", "contracts")
SCENARIOS = {
    "payout",
    "shortfall",
    "approval",
    "revert",
    "lost",
    "oversized",
    "retry",
    "reserve",
    "reserve_failed",
}


def calls_of(name: str) -> Iterator[ast.Call]:
    for folder in APPS:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                    yield node


def rings() -> list[ast.Call]:
    return [*calls_of("ring"), *calls_of("ring_soon")]


def names_rung() -> set[str]:
    """Every string that may stand in the place of a ring's name; a function's result is looked into."""
    names: set[str] = set()
    for call in rings():
        first = call.args[0]
        if isinstance(first, ast.Constant):
            names.add(first.value)
        else:
            names |= {"contracts.resolve_transaction", "contracts.sign_transaction"}
            assert isinstance(first, ast.Call) and isinstance(first.func, ast.Name)
            assert first.func.id == "_task_for", "a computed name needs its strings listed here"
    return names


def test_every_ring_and_every_beat_is_for_a_registered_task() -> None:
    current_app.loader.import_default_modules()
    wanted = names_rung() | {entry.task for entry in table()}

    assert len(names_rung()) >= 6
    assert wanted <= set(current_app.tasks)


def test_every_ring_carries_a_bare_id() -> None:
    for call in rings():
        assert len(call.args) == 2
        assert {keyword.arg for keyword in call.keywords} <= {"after"}


def test_every_fault_point_is_registered_reached_and_names_its_scenario() -> None:
    in_sources = {
        call.args[0].value for call in calls_of("fault_point") if isinstance(call.args[0], ast.Constant)
    }

    assert in_sources == set(faults.REGISTRY)
    assert {point.scenario for point in faults.REGISTRY.values()} <= SCENARIOS
    reached = {
        node.value.id
        for folder in APPS
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "reach" and isinstance(node.value, ast.Name)
    }
    assigned = {
        target.id
        for folder in APPS
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and getattr(node.value.func, "id", "") == "fault_point"
    }
    assert assigned <= reached, "a point that no line reaches cannot be tested"


def test_a_fault_point_has_one_place() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        faults.fault_point("transaction.planned", scenario="payout")


@pytest.mark.django_db(transaction=True)
def test_nothing_is_rung_before_the_commit_or_after_a_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(doorbell, "_send", lambda name, row_id, after: rung.append((name, row_id)))

    with transaction.atomic():
        doorbell.ring("contracts.sign_transaction", 1)
        assert not rung
    with transaction.atomic():
        doorbell.ring("contracts.sign_transaction", 2)
        transaction.set_rollback(True)

    assert rung == [("contracts.sign_transaction", 1)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError("gone"), ConnectionRefusedError("gone")])
def test_a_broker_that_is_down_loses_the_ring_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(current_app, "send_task", refuse)
    with transaction.atomic():
        doorbell.ring("contracts.sign_transaction", 1)


def test_the_backlog_is_what_nobody_has_taken_yet() -> None:
    queue = f"nobody-{new_uid()}"
    assert doorbell.backlog(queue) == 0
    for _ in range(3):
        current_app.send_task("config.heartbeat", queue=queue, ignore_result=True)
    assert doorbell.backlog(queue) == 3
