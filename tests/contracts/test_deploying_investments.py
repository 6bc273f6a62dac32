"""An investment contract is put on Stellar in recorded transactions; whatever happens in between, it is made once."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from contracts.models import AuditEvent, Contract, ContractTransaction, InvestmentDeployment, Wallet
from contracts.services import deploying_investments
from contracts.services.deploying_investments import (
    COUPON,
    STEPS,
    NewInvestmentContract,
    deploy_investment,
)
from contracts.services.holds import lift_hold, place_hold
from contracts.services.registering import NotRegistered
from contracts.services.wallets import stop_wallet
from reserves.models import PaymentAvailability
from tests.stellar import stellar_wallet
from tests.world import Pump, World

Status = InvestmentDeployment.Status
Sent = ContractTransaction.Status
WHOLE = 10**7
PROJECT = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"


class Office:
    def __init__(self, world: World) -> None:
        self.world = world
        self.wallet: Wallet = stellar_wallet(world)
        self.token = world.control.do_create_stellar_token()["contract"]

    def wanted(self, **more: Any) -> NewInvestmentContract:
        given = {
            "wallet": self.wallet,
            "token": self.token,
            "project": PROJECT,
            "label": "Wind",
            "by": "ann",
            "goal": 100_000 * WHOLE,
            "rate": 500,
            "minimum": 100 * WHOLE,
            "months": 12,
        }
        return NewInvestmentContract(**given | more)

    def sequence(self) -> int:
        return int(self.world.control.do_stellar_account(self.wallet.account)["sequence"])


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def until(pump: Pump, row: InvestmentDeployment, *statuses: str) -> InvestmentDeployment:
    def reached() -> bool:
        row.refresh_from_db()
        return row.status in statuses

    pump.run(reached)
    return row


def calls(row: InvestmentDeployment) -> list[ContractTransaction]:
    return list(ContractTransaction.objects.filter(group_uid=row.uid).order_by("pk"))


def test_a_contract_is_made_registered_and_read(office: Office, pump: Pump) -> None:
    row = deploy_investment(office.wanted(return_type=COUPON, block_days=30))
    foretold = row.address
    until(pump, row, Status.COMPLETED)

    contract = Contract.objects.get()
    assert (row.contract, contract.address, contract.label) == (contract, foretold, "Wind")
    assert (contract.interface_version, contract.status) == ("2", "ACTIVE")
    assert contract.payment_token.address == office.token
    info = office.world.control.do_investment(contract.address)
    assert info["owner"] == office.wallet.account
    data = info["data"]
    assert (data["goal"], data["interest_rate"], data["min_per_investment"]) == (
        100_000 * WHOLE,
        500,
        100 * WHOLE,
    )
    assert (data["return_months"], data["return_type"], data["claim_block_days"]) == (12, COUPON, 30)
    assert (data["token"], data["project_address"]) == (office.token, PROJECT)
    assert {call.status for call in calls(row)} == {Sent.SUCCEEDED}
    assert calls(row)[-1].function == "stellarCreateContract"


def test_code_that_the_network_has_is_not_uploaded_again(office: Office, pump: Pump) -> None:
    until(pump, deploy_investment(office.wanted()), Status.COMPLETED)
    before = office.sequence()
    second = until(pump, deploy_investment(office.wanted(label="Solar")), Status.COMPLETED)
    assert [call.function for call in calls(second)] == ["stellarCreateContract"]
    assert office.sequence() == before + 1
    assert len(set(Contract.objects.values_list("address", flat=True))) == 2


def test_archived_code_is_restored(office: Office, pump: Pump) -> None:
    first = until(pump, deploy_investment(office.wanted()), Status.COMPLETED)
    office.world.control.do_archive(first.address, "code", -1)
    try:
        second = until(pump, deploy_investment(office.wanted(label="Solar")), Status.COMPLETED, Status.FAILED)
    finally:
        office.world.control.do_archive(first.address, "code", 2_000_000)
    assert second.status == Status.COMPLETED, second.error_text
    assert [call.function for call in calls(second)] == ["stellarRestoreFootprint", "stellarCreateContract"]


def test_lost_rings_and_dead_workers_cost_a_sweep_and_nothing_is_done_twice(
    office: Office, pump: Pump
) -> None:
    """Every step is left hanging once: nobody hears of its end, and a sweep goes on from what the rows say."""
    before = office.sequence()
    row = deploy_investment(office.wanted())
    pump.rings.clear()
    for _ in STEPS:
        with pump.without("contracts.advance_investment_deployment"):
            for _ in range(3):
                deploying_investments.advance_investment_deployment(row.pk)
            pump.run(lambda: not ContractTransaction.objects.open().exists())
        pump.rings.clear()
        office.world.advance(10)
    until(pump, row, Status.COMPLETED)
    assert {call.attempt for call in calls(row)} == {1}
    assert len({call.subject for call in calls(row)}) == len(calls(row)) == office.sequence() - before


def test_asked_again_it_goes_on_and_a_finished_one_is_not_made_twice(office: Office, pump: Pump) -> None:
    row = deploy_investment(office.wanted())
    assert deploy_investment(office.wanted()).pk == row.pk
    until(pump, row, Status.COMPLETED)
    with pytest.raises(NotRegistered, match=f"Wind was deployed at {row.address}; give another label"):
        deploy_investment(office.wanted())
    assert InvestmentDeployment.objects.count() == 1


def test_other_words_under_the_same_label_are_refused(office: Office) -> None:
    deploy_investment(office.wanted())
    with pytest.raises(NotRegistered, match="was begun with another wallet, token, project or other terms"):
        deploy_investment(office.wanted(goal=5_000 * WHOLE))
    with pytest.raises(NotRegistered, match="is RUNNING"):
        deploy_investment(office.wanted(starts_over=True))


def test_a_hold_on_everything_stops_it_and_it_goes_on_afterwards(office: Office, pump: Pump) -> None:
    hold = place_hold(scope="GLOBAL", cause="OPERATOR", reason="look at this", by="ann")
    row = deploy_investment(office.wanted())
    pump.run(lambda: InvestmentDeployment.objects.filter(waiting_reason__contains="look at this").exists())
    assert calls(row) == []
    lift_hold(hold, reason="looked", by="ann")
    until(pump, row, Status.COMPLETED)


def test_what_costs_too_much_fails_with_its_words_and_can_be_asked_for_again(
    office: Office, pump: Pump, settings: Any
) -> None:
    settings.SOROBAN_MAX_RENT_FEE_STROOPS = 100
    row = until(pump, deploy_investment(office.wanted()), Status.FAILED, Status.COMPLETED)
    assert "SOROBAN_MAX_RENT_FEE_STROOPS allows 100" in row.error_text
    settings.SOROBAN_MAX_RENT_FEE_STROOPS = 10**9
    assert deploy_investment(office.wanted()).status == Status.RUNNING
    until(pump, row, Status.COMPLETED)
    moves = AuditEvent.objects.filter(noun="investmentdeployment", object_id=row.pk, what="status")
    assert [event.target for event in moves.order_by("pk")] == ["RUNNING", "FAILED", "RUNNING", "COMPLETED"]


def test_one_that_failed_can_be_started_over_at_another_address(
    office: Office, pump: Pump, settings: Any
) -> None:
    settings.SOROBAN_MAX_RENT_FEE_STROOPS = 100
    first = until(pump, deploy_investment(office.wanted()), Status.FAILED)
    settings.SOROBAN_MAX_RENT_FEE_STROOPS = 10**9
    second = deploy_investment(office.wanted(starts_over=True, goal=5_000 * WHOLE))
    first.refresh_from_db()
    assert first.status == Status.ABANDONED
    assert first.address != second.address
    until(pump, second, Status.COMPLETED)


@pytest.mark.parametrize("fault", ["soroban.drop_reply", "soroban.lose", "custody.drop_reply"])
def test_a_lost_reply_makes_no_second_contract(
    office: Office, pump: Pump, settings: Any, quick_retries: None, fault: str
) -> None:
    settings.TRANSACTION_VALID_SECONDS = 30
    before = office.sequence()
    match = "/signatures" if fault.startswith("custody") else office.wallet.account
    office.world.fault(fault, match=match, count=2)
    row = until(pump, deploy_investment(office.wanted()), Status.COMPLETED)
    assert Contract.objects.count() == 1
    succeeded = [call for call in calls(row) if call.status == Sent.SUCCEEDED]
    assert office.sequence() - before == len(succeeded)
    assert len({call.subject for call in succeeded}) == len(succeeded)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"goal": 0}, "goal is 0: give a number from 1"),
        ({"rate": 90_001}, "rate is 90001: give a number from 1 to 90000"),
        ({"months": 121}, "months is 121: give a number from 1 to 120"),
        ({"block_days": -1}, "block days is -1: give a number from 0 to 3660"),
        ({"minimum": 2 * 10**13}, "nobody could ever invest"),
        ({"token": "GABC"}, "the token GABC is no address of a Stellar contract"),
        ({"project": "nowhere"}, "the project nowhere is no address of Stellar"),
        ({"label": " "}, "give the contract a label"),
        ({"name": "x" * 65}, "give a name of at most 64 letters"),
    ],
)
def test_bad_words_are_refused_and_nothing_is_kept(office: Office, given: dict[str, Any], words: str) -> None:
    with pytest.raises(NotRegistered, match=words):
        deploy_investment(office.wanted(**given))
    assert not InvestmentDeployment.objects.exists()


def test_a_token_that_is_none_is_refused(office: Office) -> None:
    nowhere = "CA3D5KRYM6CB7OWQ6TWYRR3Z4T7GNZLKERYNZGGA5SOAOPIFY6YQGAXE"
    with pytest.raises(NotRegistered, match="does not answer like a token"):
        deploy_investment(office.wanted(token=nowhere))


def test_a_stopped_wallet_deploys_nothing(office: Office) -> None:
    stop_wallet(office.wallet, reason="custody refused", by="ann")
    office.wallet.refresh_from_db()
    with pytest.raises(NotRegistered, match="the wallet is stopped"):
        deploy_investment(office.wanted())


def test_the_command_deploys_and_the_contract_is_checked(
    office: Office, pump: Pump, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--goal", str(1_000 * WHOLE), "--minimum", str(WHOLE), "--rate", "500", "--months", "3"]
    places = ["--wallet", office.wallet.account, "--token", office.token, "--project", PROJECT]
    call_command("deploy_investment_contract", *places, *given, "--label", "Sun", "--no-wait")
    row = InvestmentDeployment.objects.get()
    assert f"the contract will be {row.address}" in capsys.readouterr().out
    until(pump, row, Status.COMPLETED)
    contract = Contract.objects.get()
    office.world.control.do_invest(contract.address, 100 * WHOLE)
    office.world.control.do_close_ledger()
    call_command("check_payment_availability", contract=[contract.address])
    pump.run(lambda: not PaymentAvailability.objects.exclude(status="PROCESSED").exists())
    contract.refresh_from_db()
    assert contract.status == "BLOCKED"
    assert (
        int(contract.required_funds_units) == office.world.control.do_investment(contract.address)["required"]
    )


def test_the_page_shows_money_of_a_known_token_and_why_a_transaction_waits(
    office: Office, pump: Pump, admin_client: Client
) -> None:
    done = until(pump, deploy_investment(office.wanted()), Status.COMPLETED)
    waiting = deploy_investment(office.wanted(label="Sun"))
    with pump.without("contracts.sign_transaction"):
        pump.drain()
    place_hold(scope="GLOBAL", cause="OPERATOR", reason="the auditors are here", by="olivia")
    pump.run(lambda: bool(calls(waiting)[0].waiting_reason))

    def page(row: InvestmentDeployment) -> str:
        url = reverse("admin:contracts_investmentdeployment_change", args=[row.pk])
        return admin_client.get(url).content.decode()

    assert "reverse loan, 5.00 % for the whole term, 12 instalments, blocked for 0 days" in page(done)
    assert "100,000.00 USDC" in page(done)
    assert "the auditors are here" in page(waiting)
