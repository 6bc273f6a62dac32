import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
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
    settings.OTP_STATIC_THROTTLE_FACTOR = 0  # else a wrong code closes the device for a second
    assert b"One-time code" in client.get(reverse("admin:login")).content
    assert log_in(client) == 200
    assert client.get(reverse("admin:index")).status_code == 302
    assert log_in(client, otp_token="246810") == 302
    assert client.get(reverse("admin:index")).status_code == 200


@pytest.mark.usefixtures("operator")
def test_a_wrong_code_lets_nobody_in_and_makes_the_next_try_wait(client: Client, settings: Settings) -> None:
    settings.OTP_REQUIRED = True
    assert log_in(client, otp_token="000000") == 200
    assert log_in(client, otp_token="246810") == 200
    assert client.get(reverse("admin:index")).status_code == 302


def test_who_has_several_devices_is_asked_whose_code_it_is(
    client: Client, operator: User, settings: Settings
) -> None:
    settings.OTP_REQUIRED = True
    first, phone = StaticDevice.objects.get(), TOTPDevice.objects.create(user=operator, name="phone")
    fields = {"username": "operator", "password": PASSWORD, "otp_token": "246810"}

    strangers = client.post(reverse("admin:login"), fields | {"password": "wrong"}).content.decode()
    asked = client.post(reverse("admin:login"), fields).content.decode()

    assert "phone" not in strangers
    assert phone.persistent_id in asked
    assert PASSWORD not in asked
    assert log_in(client, otp_token="246810", otp_device=first.persistent_id) == 302


def test_a_device_of_somebody_else_does_not_help(client: Client, operator: User, settings: Settings) -> None:
    settings.OTP_REQUIRED = True
    TOTPDevice.objects.create(user=operator, name="phone")
    thief = User.objects.create_superuser("thief")
    stolen = StaticDevice.objects.create(user=thief, name="stolen")
    stolen.token_set.create(token="135790")
    assert log_in(client, otp_token="135790", otp_device=stolen.persistent_id) == 200
    assert client.get(reverse("admin:index")).status_code == 302


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
