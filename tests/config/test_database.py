import pytest
from django.db import connection


@pytest.mark.django_db
def test_tests_run_on_a_supported_postgresql() -> None:
    assert connection.vendor == "postgresql"
    assert 150000 <= connection.cursor().connection.info.server_version < 190000
