import re

import pytest
from django.db.models.functions import Now
from django.test import Client
from pydantic import SecretStr
from pytest_django import Settings

from config import health
from config.models import Heartbeat
from config.tasks import heartbeat
from contracts.models import Installation
from contracts.services import identity

# The checks look from a thread and a connection of their own, so they see only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alive() -> None:
    for process in health.PROCESSES:
        Heartbeat.objects.create(process=process, seen_at=Now())


def test_a_live_process_says_so(client: Client) -> None:
    assert client.get("/health/live").json() == {"live": True}


@pytest.mark.usefixtures("alive")
def test_ready_when_everything_answers(client: Client) -> None:
    answer = client.get("/health/ready")
    assert answer.json() == {
        "ready": True,
        "problems": [],
        "checks": {
            "database": "ok",
            "migrations": "ok",
            "identity": "ok",
            "heartbeats": "ok",
            "broker": "ok",
        },
    }
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_processes_that_were_never_seen_or_fell_silent_are_named(client: Client) -> None:
    Heartbeat.objects.create(process="worker", seen_at=Now() - health.OLDEST_HEARTBEAT * 2)
    Heartbeat.objects.create(process="beat", seen_at=Now())
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    (problem,) = answer.json()["problems"]
    said = re.fullmatch(r"the worker was last seen (\d+) s ago; the signer was never seen", problem)
    # The time of the question comes on top.
    assert said and 80 <= int(said[1]) < 160


@pytest.mark.usefixtures("alive")
def test_a_copy_of_the_database_is_not_ready(client: Client) -> None:
    identity.take_into_use()
    Installation.objects.update(instance_id="acme")
    identity.forget()
    (problem,) = client.get("/health/ready").json()["problems"]
    assert "belongs to the Paydate 'acme'" in problem and "claim_wallets" in problem


@pytest.mark.usefixtures("alive")
def test_a_dead_redis_is_named_without_its_password(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = SecretStr("redis://:planted-password@127.0.0.1:1/0")
    answer = client.get("/health/ready")
    assert answer.json()["problems"] == ["Redis does not answer"]
    assert b"planted" not in answer.content


@pytest.mark.usefixtures("alive")
def test_in_production_a_database_that_may_forget_commits_is_not_ready(
    client: Client, settings: Settings
) -> None:
    settings.IS_PRODUCTION = True
    assert "synchronous_commit is off" in client.get("/health/ready").json()["problems"][0]


def test_a_heartbeat_is_the_processes_own(settings: Settings) -> None:
    settings.PAYDATE_PROCESS = "signer"
    heartbeat()
    heartbeat()
    assert list(Heartbeat.objects.all().ages()) == ["signer"]
