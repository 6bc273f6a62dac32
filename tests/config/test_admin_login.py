import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from pytest_django import Settings

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough passphrase"


@pytest.fixture
def operator() -> User:
    user = User.objects.create_superuser("operator", password=PASSWORD)
    device = StaticDevice.objects.create(user=user, name="backup")
    device.token_set.create(token="246810")
    return user


def log_in(client: Client, **fields: str) -> int:
    return client.post(
        reverse("admin:login"), {"username": "operator", "password": PASSWORD} | fields
    ).status_code


@pytest.mark.usefixtures("operator")
def test_a_password_is_enough_where_no_code_is_demanded(client: Client) -> None:
    assert log_in(client) == 302
    assert client.get(reverse("admin:index")).status_code == 200


@pytest.mark.usefixtures("operator")
def test_a_code_is_demanded_in_production(client: Client, settings: Settings) -> None:
    settings.OTP_REQUIRED = True
    assert b"One-time code" in client.get(reverse("admin:login")).content
    assert log_in(client) == 200
    assert log_in(client, otp_token="000000") == 200
    assert client.get(reverse("admin:index")).status_code == 302
    assert log_in(client, otp_token="246810") == 302
    assert client.get(reverse("admin:index")).status_code == 200


def test_a_session_without_a_code_is_sent_away(client: Client, operator: User, settings: Settings) -> None:
    settings.OTP_REQUIRED = True
    client.force_login(operator)
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.usefixtures("operator")
def test_guessing_is_locked_out(client: Client) -> None:
    for _ in range(5):
        log_in(client, password="wrong")
    assert log_in(client) == 429


def test_the_admin_has_a_policy_unfold_can_live_with_and_the_rest_a_strict_one(client: Client) -> None:
    admin = client.get(reverse("admin:login"))["Content-Security-Policy"]
    other = client.get("/health/live")["Content-Security-Policy"]
    assert "'unsafe-eval'" in admin
    assert "unsafe" not in other
    assert "default-src 'self'" in other


def test_every_page_says_which_network_it_is(client: Client, operator: User) -> None:
    client.force_login(operator)
    assert b"LOCAL" in client.get(reverse("admin:index")).content
