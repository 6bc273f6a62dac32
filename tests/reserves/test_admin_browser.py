"""In a real browser, under the real content policy: a short contract is seen, unblocked, blocked and checked."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from contracts.models import Contract
from reserves.models import PaymentAvailability
from reserves.services.blocking import apply_answer
from tests.browser import Browser, browser, missing
from tests.factories.contracts import InvestmentContractFactory

PASSWORD = "a long enough passphrase"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(missing()), reason=missing() or "all is there"),
]


@pytest.fixture
def page(settings: Settings) -> Iterator[Browser]:
    # The live server speaks plain HTTP.
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.STELLAR_NETWORK, settings.SOROBAN_RPC_URL = "local", "http://127.0.0.1:1"
    with browser() as opened:
        opened.size(1440, 1000)
        yield opened


def log_in(page: Browser, url: str) -> None:
    User.objects.create_superuser("olivia", password=PASSWORD)
    page.open(url)
    page.type("#id_username", "olivia")
    page.type("#id_password", PASSWORD)
    page.click("#login-form button[type=submit]")


def press(page: Browser, button: str, **typed: str) -> None:
    page.click(f'#buttons a[href*="/{button}"]')
    for name, text in typed.items():
        page.type(f"#dialog [name={name}]", text)
    page.click("#dialog button[type=submit]")


def test_an_operator_accepts_a_deficit_blocks_and_checks(page: Browser, live_server: LiveServer) -> None:
    contract: Contract = InvestmentContractFactory(label="Solar 1")
    apply_answer(contract.pk, units=12_500_000, ledger=7)

    log_in(page, f"{live_server.url}/admin/contracts/contract/{contract.pk}/change/")
    page.wait_for_text("Solar 1 requires adding 1.25 USDC to the reserve fund to ensure investor payments")
    press(page, "unblock", reason="the owner has promised it", units="1.2")
    page.wait_for_text("accept a deficit of at least that")
    press(page, "unblock", reason="the owner has promised it", units="1.25")
    page.wait_for_text("It is within the accepted deficit, so the contract is not blocked.")

    apply_answer(contract.pk, units=0, ledger=8)
    press(page, "block", reason="look into it")
    page.wait_for_text("Solar 1 is BLOCKED by olivia: look into it")
    press(page, "check-now")
    page.wait_for_text("A check is under way")
    assert PaymentAvailability.objects.get().requested_by == "olivia"
    assert page.complaints() == []
