"""Those who use the admin in tests."""

from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client


def superuser() -> User:
    return User.objects.create_superuser("root")


def viewer() -> User:
    """Sees everything and may do nothing."""
    return person("viewer", *Permission.objects.filter(codename__startswith="view_"))


def operator(*names: str, name: str = "olivia") -> User:
    """Sees everything and may do what is named, as in ``contracts.place_hold``."""
    pairs = [name.split(".") for name in names]
    powers = [Permission.objects.get(content_type__app_label=app, codename=code) for app, code in pairs]
    return person(name, *Permission.objects.filter(codename__startswith="view_"), *powers)


def person(name: str, *powers: Permission) -> User:
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(powers)
    return user


def logged_in(user: User, *, checks_csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=checks_csrf)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def messages_of(client: Client, address: str) -> list[str]:
    """What the next page tells."""
    return [str(message) for message in client.get(address).context["messages"]]


FILLED = {"_form_submitted": "True", "reason": "the auditors are in the house"}


def press(client: Client, address: str, **given: Any) -> Any:
    """Sends the dialog of a button, filled in."""
    return client.post(address, FILLED | given)
