"""In a real browser, under the real content policy: log in, watch a run, and hold it."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from contracts.models import Hold
from contracts.transitions import move
from payouts.models import Distribution
from tests.browser import Browser, browser, missing
from tests.factories import BatchFactory, DistributionFactory, PaymentFactory

PASSWORD = "a long enough passphrase"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(missing()), reason=missing() or "all is there"),
]


@pytest.fixture
def page(settings: Settings) -> Iterator[Browser]:
    # The live server speaks plain HTTP.
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    with browser() as opened:
        yield opened


def test_an_operator_logs_in_watches_a_run_and_holds_it(page: Browser, live_server: LiveServer) -> None:
    User.objects.create_superuser("olivia", password=PASSWORD)
    row = DistributionFactory(planned=True)
    PaymentFactory(distribution=row, batch=BatchFactory(distribution=row), paid=True)
    PaymentFactory(distribution=row)

    page.open(f"{live_server.url}/admin/payouts/distribution/{row.pk}/change/")
    page.type("#id_username", "olivia")
    page.type("#id_password", PASSWORD)
    page.click("#login-form button[type=submit]")
    page.wait_for_text("1 of 2 holders are paid")

    page.click("#buttons .pd-danger")
    page.click("#dialog button[type=submit]")
    page.wait_for_text("This field is required.")
    assert not Hold.objects.exists()
    page.type("#dialog textarea", "the auditors are in the house")
    page.click("#dialog button[type=submit]")
    page.wait_for_text("Held: nothing new is planned, signed or sent")
    assert (Hold.objects.get().placed_by, Hold.objects.get().reason) == (
        "olivia",
        "the auditors are in the house",
    )

    # Nobody touches the page: it follows by itself, and its buttons with it.
    page.find("#buttons .pd-success")
    move(Distribution.objects.get(), Distribution.Status.COMPLETED)
    page.wait_for_text("Completed: 1 of 2 holders are paid")
    assert "Place a hold" not in page.text()
    assert page.complaints() == []
