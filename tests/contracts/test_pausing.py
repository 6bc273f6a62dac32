"""Pausing and unpausing a payout contract: one recorded call, or a refusal in words and nothing sent."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from contracts.models import AuditEvent, Contract, ContractTransaction
from contracts.services.holds import place_hold
from contracts.services.pausing import PAUSER_ROLE, PauseRefused, pause_contract, unpause_contract
from contracts.services.wallets import stop_wallet
from tests.factories.contracts import ContractFactory, InvestmentContractFactory
from tests.people import logged_in, messages_of, operator, press
from tests.world import Pump, Setting, World

Status = ContractTransaction.Status


@pytest.fixture
def setting(world: World) -> Setting:
    return world.asset(holders=1)


def contract_of(setting: Setting) -> Contract:
    return Contract.objects.get(pk=setting.asset.payout_contract_id)


def is_paused(setting: Setting) -> bool:
    payout = setting.made["payout_contract"]["id"]
    return bool(setting.world.control.do_view(payout, "isPaused")["output"][0])


def ended(pump: Pump, row: ContractTransaction) -> ContractTransaction:
    def reached() -> bool:
        row.refresh_from_db()
        return not row.is_open

    pump.run(reached)
    return row


def test_a_contract_is_paused_and_unpaused_by_recorded_calls(setting: Setting, pump: Pump) -> None:
    contract = contract_of(setting)

    paused = ended(pump, pause_contract(contract, reason="a doubt", by="ann"))

    assert (paused.status, paused.function, paused.purpose) == (Status.SUCCEEDED, "pause", "pause")
    assert is_paused(setting)
    setting.world.control.do_close_block()
    unpaused = ended(pump, unpause_contract(contract, reason="it was nothing", by="ann"))
    assert unpaused.status == Status.SUCCEEDED
    assert not is_paused(setting)
    asked = AuditEvent.objects.filter(target="asked for").order_by("pk")
    assert list(asked.values_list("what", "reason", "by")) == [
        ("pause", "a doubt", "ann"),
        ("unpause", "it was nothing", "ann"),
    ]


def test_each_request_has_a_subject_of_its_own(setting: Setting, pump: Pump) -> None:
    """So that a contract can be paused as often as there is need."""
    contract = contract_of(setting)
    subjects = set()
    for _ in range(2):
        for ask in (pause_contract, unpause_contract):
            row = ended(pump, ask(contract, reason="a drill", by="ann"))
            setting.world.control.do_close_block()
            subjects.add(row.subject)
            assert row.subject.startswith("pause:")
    assert len(subjects) == 4


def test_a_second_request_waits_for_the_end_of_the_first(setting: Setting, pump: Pump) -> None:
    contract = contract_of(setting)
    pause_contract(contract, reason="a doubt", by="ann")
    with pytest.raises(PauseRefused, match=r"pause was asked for at .* is under way; wait"):
        pause_contract(contract, reason="a doubt as well", by="bob")
    assert ContractTransaction.objects.filter(purpose="pause").count() == 1
    assert not AuditEvent.objects.filter(by="bob").exists()


def test_a_hold_does_not_stop_the_switch(setting: Setting, pump: Pump) -> None:
    place_hold(scope="GLOBAL", cause="OPERATOR", reason="everything stops", by="ann")
    row = ended(pump, pause_contract(contract_of(setting), reason="a doubt", by="ann"))
    assert row.status == Status.SUCCEEDED


def test_what_is_paused_already_costs_nothing(setting: Setting, pump: Pump) -> None:
    with pytest.raises(PauseRefused, match="is unpaused already; nothing was sent"):
        unpause_contract(contract_of(setting), reason="to be sure", by="ann")
    assert not ContractTransaction.objects.filter(purpose="pause").exists()


def test_without_the_role_nothing_is_sent(setting: Setting, pump: Pump) -> None:
    payout, wallet = setting.made["payout_contract"]["id"], setting.asset.payout_contract.wallet
    setting.world.control.do_call(payout, "revokeRole", [PAUSER_ROLE, wallet.evm_address])
    setting.world.control.do_close_block()
    with pytest.raises(
        PauseRefused, match=f"the wallet {wallet.account} lacks the role PAUSER on .*; grant it"
    ):
        pause_contract(contract_of(setting), reason="a doubt", by="ann")
    assert not ContractTransaction.objects.filter(purpose="pause").exists()


def test_a_wallet_that_is_stopped_is_named(setting: Setting, pump: Pump) -> None:
    stop_wallet(setting.asset.payout_contract.wallet, "a doubt about its key", by="ann")
    with pytest.raises(PauseRefused, match="the wallet is stopped: a doubt about its key"):
        pause_contract(contract_of(setting), reason="a doubt", by="ann")


@pytest.mark.usefixtures("quick_retries")
def test_a_chain_that_cannot_be_asked_is_said_and_nothing_planned(setting: Setting, pump: Pump) -> None:
    setting.world.fault("mirror.error_rate", status=503)
    with pytest.raises(PauseRefused, match=r"the chain could not be asked: .*try again"):
        pause_contract(contract_of(setting), reason="a doubt", by="ann")
    assert not ContractTransaction.objects.filter(purpose="pause").exists()


@pytest.mark.django_db
def test_an_investment_contract_is_not_ours_to_pause() -> None:
    with pytest.raises(PauseRefused, match="its owner pauses it on Stellar"):
        pause_contract(InvestmentContractFactory(), reason="a doubt", by="ann")


@pytest.mark.django_db
def test_a_reason_is_wanted() -> None:
    with pytest.raises(PauseRefused, match="say why"):
        pause_contract(ContractFactory(), reason="  ", by="ann")


def run(name: str, *arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=err)
    except SystemExit as error:
        return int(error.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_the_command_plans_the_call_and_may_return_at_once(setting: Setting, pump: Pump) -> None:
    address = setting.asset.payout_contract.address
    code, told, _ = run("pause_contract", address, "--reason=a doubt", "--no-wait")
    row = ContractTransaction.objects.get(purpose="pause")
    assert (code, row.subject in told) == (0, True)
    assert ended(pump, row).status == Status.SUCCEEDED


@pytest.mark.django_db
def test_an_address_nobody_knows_is_bad_input() -> None:
    code, _, told = run("pause_contract", "0.0.999999", "--reason=a doubt")
    assert code == 2
    assert "no payout contract 0.0.999999 is registered; give its address" in told


def page(contract: Contract, name: str) -> str:
    return reverse(f"admin:contracts_contract_{name}", args=[contract.pk])


def pressed(permission: str, contract: Contract, name: str, **given: Any) -> tuple[int, list[str]]:
    client = logged_in(operator(permission))
    answer = press(client, page(contract, name), **given)
    return answer.status_code, messages_of(client, page(contract, "change"))


def test_the_button_needs_its_permission(setting: Setting, pump: Pump) -> None:
    contract = contract_of(setting)
    status, _ = pressed("contracts.block_contract", contract, "pause")
    assert status == 403
    assert not ContractTransaction.objects.filter(purpose="pause").exists()


def test_the_button_plans_the_call_and_says_what_comes_next(setting: Setting, pump: Pump) -> None:
    contract = contract_of(setting)
    status, told = pressed("contracts.pause_contract", contract, "pause")
    assert status == 302
    assert any("The status here follows when it is on chain" in line for line in told)
    assert ended(pump, ContractTransaction.objects.get(purpose="pause")).status == Status.SUCCEEDED


def test_the_button_says_why_not(setting: Setting, pump: Pump) -> None:
    contract = contract_of(setting)
    Contract.objects.filter(pk=contract.pk).update(status=Contract.Status.PAUSED)
    _, told = pressed("contracts.pause_contract", contract, "unpause")
    assert any("is unpaused already; nothing was sent" in line for line in told)
