import pytest
import redis
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
def test_tests_run_on_a_supported_postgresql() -> None:
    assert connection.vendor == "postgresql"
    assert 150000 <= connection.cursor().connection.info.server_version < 190000


def test_tests_run_on_a_redis_that_keeps_its_messages() -> None:
    with redis.Redis.from_url(settings.REDIS_URL.get_secret_value()) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
