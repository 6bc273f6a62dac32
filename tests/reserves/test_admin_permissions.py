"""Who may check, block, unblock and accept a deficit, and that nobody does it by looking."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from contracts.models import AuditEvent, Contract
from reserves.models import PaymentAvailability
from reserves.services.blocking import accept_deficit, apply_answer, block
from tests.factories.contracts import ContractFactory, InvestmentContractFactory
from tests.people import FILLED, logged_in, messages_of, operator, person, press, superuser, viewer

pytestmark = pytest.mark.django_db
LIST = reverse("admin:contracts_contract_changelist")
BUTTONS = {
    "check_now": "contracts.check_reserve",
    "block": "contracts.block_contract",
    "keep_blocked": "contracts.block_contract",
    "unblock": "contracts.unblock_contract",
    "accept_deficit": "contracts.accept_deficit",
    "withdraw_acceptance": "contracts.accept_deficit",
}
ALL = tuple(sorted(set(BUTTONS.values())))
GIVEN = {"units": "1.25", "until": ""}
UNTIL = datetime(2999, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
def networks(settings: Settings) -> None:
    settings.STELLAR_NETWORK = "local"
    settings.SOROBAN_RPC_URL = "http://127.0.0.1:1"


@pytest.fixture
def contract() -> Contract:
    made: Contract = InvestmentContractFactory()
    return made


def page_of(contract: Contract, page: str = "change") -> str:
    return reverse(f"admin:contracts_contract_{page}", args=[contract.pk])


def ready_for(button: str, contract: Contract) -> Contract:
    """In a state in which the button is offered."""
    if button in ("unblock", "keep_blocked"):
        apply_answer(contract.pk, units=12_500_000, ledger=1)
    if button == "withdraw_acceptance":
        accept_deficit(contract, units=5, until=None, reason="known", by="ann")
    contract.refresh_from_db()
    return contract


def state(contract: Contract) -> tuple[Any, ...]:
    contract.refresh_from_db()
    return (
        contract.status,
        contract.blocked_by,
        contract.accepted_deficit_units,
        PaymentAvailability.objects.count(),
        AuditEvent.objects.count(),
    )


def offered(client: Client, contract: Contract) -> set[str]:
    page = client.get(page_of(contract)).content.decode()
    return {button for button in BUTTONS if page_of(contract, button) in page}


@pytest.mark.parametrize("button", BUTTONS)
def test_who_may_only_look_sees_the_page_and_no_button_and_is_refused(
    button: str, contract: Contract
) -> None:
    before, client = state(ready_for(button, contract)), logged_in(viewer())
    assert client.get(page_of(contract)).status_code == 200
    assert offered(client, contract) == set()
    assert press(client, page_of(contract, button), **GIVEN).status_code == 403
    assert state(contract) == before


@pytest.mark.parametrize("button", BUTTONS)
def test_each_permission_allows_its_own_button_and_no_other(button: str, contract: Contract) -> None:
    ready_for(button, contract)
    before = state(contract)
    others = [name for name in ALL if name != BUTTONS[button]]
    client = logged_in(operator(*others))
    assert button not in offered(client, contract)
    assert press(client, page_of(contract, button), **GIVEN).status_code == 403
    assert state(contract) == before

    needed = [BUTTONS[button]] + (["contracts.accept_deficit"] if button == "unblock" else [])
    able = logged_in(operator(*needed, name="otto"))
    assert button in offered(able, contract)
    assert press(able, page_of(contract, button), **GIVEN).status_code == 302
    assert state(contract) != before


@pytest.mark.parametrize("button", BUTTONS)
def test_nobodys_get_changes_anything(button: str, contract: Contract) -> None:
    before, client = state(ready_for(button, contract)), logged_in(superuser())
    answer = client.get(page_of(contract, button), FILLED | GIVEN)
    assert answer.status_code == 200
    assert state(contract) == before
    client.get(reverse("admin:contracts_contract_check_all"), FILLED)
    assert state(contract) == before


@pytest.mark.parametrize("button", BUTTONS)
def test_without_any_permission_nothing_opens(button: str, contract: Contract) -> None:
    before, client = state(ready_for(button, contract)), logged_in(person("newcomer"))
    for address in (LIST, page_of(contract), page_of(contract, button)):
        assert client.get(address).status_code == 403
    assert press(client, page_of(contract, button), **GIVEN).status_code == 403
    assert press(client, reverse("admin:contracts_contract_check_all")).status_code == 403
    assert state(contract) == before


def test_a_post_without_a_csrf_token_is_refused(contract: Contract) -> None:
    client = logged_in(superuser(), checks_csrf=True)
    before = state(contract)
    for button in BUTTONS:
        assert press(client, page_of(contract, button), **GIVEN).status_code == 403
    assert state(contract) == before


def test_the_page_itself_takes_no_post(contract: Contract) -> None:
    assert logged_in(superuser()).post(page_of(contract), {"status": "ACTIVE"}).status_code == 405


def test_a_check_is_asked_for_once_and_a_second_one_is_said_to_be_under_way(contract: Contract) -> None:
    client = logged_in(operator("contracts.check_reserve"))
    press(client, page_of(contract, "check_now"))
    assert "Asked for. The answer comes within seconds" in messages_of(client, page_of(contract))[0]
    ticket = PaymentAvailability.objects.get()
    assert (ticket.contract, ticket.requested_by) == (contract, "olivia")

    press(client, page_of(contract, "check_now"))
    assert "A check is under way already, asked for by olivia" in messages_of(client, page_of(contract))[0]
    assert PaymentAvailability.objects.count() == 1


def test_a_contract_that_is_not_checked_from_here_says_why() -> None:
    contract = InvestmentContractFactory(network="stellar-testnet")
    client = logged_in(operator("contracts.check_reserve"))
    press(client, page_of(contract, "check_now"))
    assert "it is on stellar-testnet" in messages_of(client, page_of(contract))[0]
    assert not PaymentAvailability.objects.exists()


def test_all_are_checked_from_the_list(contract: Contract) -> None:
    InvestmentContractFactory.create_batch(2)
    ContractFactory(status="DRAFT")
    client = logged_in(operator("contracts.check_reserve"))
    press(client, page_of(contract, "check_now"))
    messages_of(client, page_of(contract))
    press(client, reverse("admin:contracts_contract_check_all"))
    assert messages_of(client, LIST) == ["2 checks are asked for; 1 were under way already."]


def test_a_person_blocks_takes_over_and_unblocks_what_lacks_nothing(contract: Contract) -> None:
    client = logged_in(operator("contracts.block_contract", "contracts.unblock_contract"))
    apply_answer(contract.pk, units=5, ledger=1)
    press(client, page_of(contract, "keep_blocked"), reason="look into it")
    contract.refresh_from_db()
    assert (contract.blocked_by, contract.blocked_reason) == ("olivia", "look into it")
    assert offered(client, contract) == {"unblock"}

    apply_answer(contract.pk, units=0, ledger=2)
    press(client, page_of(contract, "unblock"), reason="it is there")
    contract.refresh_from_db()
    assert (contract.status, contract.accepted_deficit_units) == ("ACTIVE", None)


def test_unblocking_what_lacks_money_needs_the_deficit_accepted_in_token_units(contract: Contract) -> None:
    apply_answer(contract.pk, units=12_500_000, ledger=1)
    client = logged_in(operator("contracts.unblock_contract", "contracts.accept_deficit"))
    address = page_of(contract, "unblock")

    press(client, address)
    (refused,) = messages_of(client, page_of(contract))
    assert "requires adding 1.25 USDC to the reserve fund" in refused
    for wrong, said in {
        "0": "give one above 0",
        "1.23456789": "at most 7 decimals",
        "1,25": "is not a number",
        "-3": "give one above 0",
    }.items():
        assert said in press(client, address, units=wrong).content.decode()
    assert (
        "has passed already" in press(client, address, units="2", until="2001-01-01T00:00").content.decode()
    )
    contract.refresh_from_db()
    assert contract.status == "BLOCKED"

    press(client, address, units="1.25", until="2999-01-02T03:04")
    contract.refresh_from_db()
    assert (contract.status, contract.accepted_deficit_units) == ("ACTIVE", 12_500_000)
    assert (contract.accepted_deficit_until, contract.accepted_deficit_by) == (UNTIL, "olivia")
    assert apply_answer(contract.pk, units=12_500_000, ledger=2) == "ACCEPTED"


def test_who_may_unblock_may_not_accept_a_deficit_with_it(contract: Contract) -> None:
    apply_answer(contract.pk, units=12_500_000, ledger=1)
    client = logged_in(operator("contracts.unblock_contract"))
    address = page_of(contract, "unblock")
    form = client.get(address).content.decode()
    assert "1.25 USDC missing, as of" in form
    assert 'name="units"' not in form
    assert press(client, address, units="5").status_code == 403
    press(client, address)
    contract.refresh_from_db()
    assert (contract.status, contract.accepted_deficit_units) == ("BLOCKED", None)


@pytest.mark.parametrize("amount", ["0.0000001", "17014118346046923173168730371588.4105727"])
def test_a_deficit_is_accepted_exactly_and_withdrawn(amount: str, contract: Contract) -> None:
    client = logged_in(operator("contracts.accept_deficit"))
    press(client, page_of(contract, "accept_deficit"), units=amount, reason="known")
    contract.refresh_from_db()
    assert contract.accepted_deficit_units == int(amount.replace(".", ""))
    assert contract.accepted_deficit_reason == "known"
    assert "withdraw_acceptance" in offered(client, contract)

    press(client, page_of(contract, "withdraw_acceptance"), reason="not any more")
    contract.refresh_from_db()
    assert contract.accepted_deficit_units is None
    assert (contract.accepted_deficit_until, contract.accepted_deficit_by) == (None, "")
    assert PaymentAvailability.objects.open().filter(contract=contract).exists()
    event = AuditEvent.objects.get(what="withdraw acceptance")
    assert (event.by, event.reason) == ("olivia", "not any more")
    press(client, page_of(contract, "withdraw_acceptance"))
    assert "there is nothing to withdraw" in " ".join(messages_of(client, page_of(contract)))


def test_a_refusal_is_told_in_words(contract: Contract) -> None:
    client = logged_in(operator("contracts.block_contract", "contracts.unblock_contract"))
    press(client, page_of(contract, "unblock"))
    assert messages_of(client, page_of(contract)) == ["Investment is ACTIVE, not BLOCKED"]
    block(contract, reason="look into it", by="ann")
    press(client, page_of(contract, "block"))
    assert messages_of(client, page_of(contract)) == ["Investment is BLOCKED already, by ann: look into it"]


def test_a_payout_contract_has_no_deficit_to_accept() -> None:
    assert "accept_deficit" not in offered(logged_in(superuser()), ContractFactory())
