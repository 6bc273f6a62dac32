import time
from unittest.mock import patch

import pytest
from celery import Celery, current_app
from django.db import transaction
from django_celery_beat.schedulers import DatabaseScheduler
from kombu.exceptions import OperationalError
from pytest_django import Settings

from config.beat import Scheduler
from config.celery import QUEUES, VISIBILITY_SECONDS, app
from config.models import Heartbeat
from contracts import doorbell

LONGEST_DEADLINE = 60


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("contracts.sign_transaction", "signing"),
        ("contracts.sweep", "default"),
        ("payouts.sweep", "default"),
        ("chainsync.anything", "sync"),
        ("reserves.anything", "checks"),
    ],
)
def test_tasks_go_to_their_queue(task: str, queue: str) -> None:
    assert app.amqp.router.route({}, task)["queue"].name == queue
    assert queue in QUEUES


def test_only_the_signers_queue_reaches_custody() -> None:
    app.loader.import_default_modules()
    routes = {name: app.amqp.router.route({}, name)["queue"].name for name in app.tasks if "." in name}
    assert {name for name, queue in routes.items() if queue == "signing"} == {
        name for name in app.tasks if name.startswith("contracts.sign_")
    }


def test_a_lost_worker_loses_no_message() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.task_ignore_result
    assert app.conf.broker_transport_options["visibility_timeout"] == VISIBILITY_SECONDS > LONGEST_DEADLINE


def test_this_app_is_the_one_tasks_are_rung_through() -> None:
    assert current_app.main == "paydate"


@pytest.fixture
def cut_off() -> Celery:
    """An app with our manners whose Redis is gone."""
    cut_off = Celery("cut-off", broker="redis://127.0.0.1:1/0", set_as_current=False)
    for name in (
        "task_publish_retry_policy",
        "broker_transport_options",
        "task_ignore_result",
        "task_routes",
    ):
        setattr(cut_off.conf, name, getattr(app.conf, name))
    return cut_off


def test_a_ring_to_a_dead_redis_fails_at_once(cut_off: Celery) -> None:
    """The quickest of three: a machine that stands still for a moment slows down one of them."""

    def took() -> float:
        begin = time.monotonic()
        with pytest.raises(OperationalError):
            cut_off.send_task("contracts.sweep")
        return time.monotonic() - begin

    assert min(took() for _ in range(3)) < 1


@pytest.mark.django_db(transaction=True)
def test_a_ring_that_is_lost_does_not_undo_the_commit(cut_off: Celery) -> None:
    with patch.object(doorbell, "current_app", cut_off), transaction.atomic():
        Heartbeat.objects.create(process="web")
        doorbell.ring("contracts.resolve_transaction", 1)
    assert Heartbeat.objects.filter(process="web").exists()


@pytest.mark.django_db
def test_beat_leaves_a_heartbeat_of_its_own(settings: Settings) -> None:
    scheduler = Scheduler(app=app, lazy=True)
    with patch.object(DatabaseScheduler, "tick", return_value=5.0):
        assert scheduler.tick() == 5.0
    assert list(Heartbeat.objects.all().ages()) == ["beat"]
