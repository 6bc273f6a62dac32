"""manage.py check_payment_availability: what it asks for, what it shows, and its exit codes."""

import re
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from contracts.models import Contract
from reserves.management.commands import check_payment_availability as command
from reserves.models import PaymentAvailability
from reserves.services.checking import check
from tests.factories.contracts import InvestmentContractFactory
from tests.running import create
from tests.world import World


@pytest.fixture
def at_work(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """While the command waits, the workers work."""

    def work(seconds: float) -> None:
        for pk in PaymentAvailability.objects.open().values_list("pk", flat=True):
            check(pk)

    monkeypatch.setattr(command, "time", SimpleNamespace(sleep=work))
    return world


def investment(world: World, label: str, answer: int | None = None) -> Contract:
    address = world.control.do_create_investment()["contract"]
    if answer is not None:
        world.control.do_set_reserve_answer(address, answer)
    made: Contract = InvestmentContractFactory(address=address, label=label)
    return made


def run(*words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("check_payment_availability", *words, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_every_contract_is_asked_and_a_shortfall_is_shown(at_work: World) -> None:
    good, short = investment(at_work, "Good"), investment(at_work, "Short", 12_500_000)

    code, out = run("--wait")

    assert code == 1
    head, *lines = out.splitlines()
    assert head == "2 checks asked for, 0 were under way"
    ledger = at_work.control.do_stellar_status()["ledger"]
    assert sorted(lines) == [
        f"Good {good.address}: covered, as of ledger {ledger}",
        f"Short {short.address}: missing 1.25 USDC, as of ledger {ledger}, blocked it",
    ]


def test_only_the_named_one_without_waiting(at_work: World) -> None:
    good, _ = investment(at_work, "Good"), investment(at_work, "Other")
    assert run("--contract", good.address) == (0, "1 checks asked for, 0 were under way\n")
    assert run() == (0, "1 checks asked for, 1 were under way\n")
    assert run("--contract", good.address, "--wait")[0] == 0


def test_payout_contracts_are_shown_with_what_is_due(at_work: World, settings: Settings) -> None:
    setting = at_work.asset(holders=1, fund=100_000_000)
    create(setting.asset.address, amount="100")
    at_work.control.do_close_block()
    name, address = setting.asset.payout_contract, setting.asset.payout_contract.address
    code, out = run("--contract", address, "--wait")
    assert code == 0
    assert re.search(rf"^{name}: covered, 100.00 USDC due within 7 days, as of block \d+$", out, re.M)

    settings.RESERVE_HORIZON_DAYS = 0
    create(setting.asset.address, amount="20")
    at_work.control.do_close_block()
    code, out = run("--contract", address, "--wait")
    assert code == 1
    assert re.search(rf"^{name}: missing 20.00 USDC of 120.00 USDC due now, as of block \d+$", out, re.M)


def test_one_that_cannot_be_asked_is_shown_with_its_reason(at_work: World) -> None:
    investment(at_work, "Bad")
    at_work.fault("soroban.trap", phase="simulate", code=2100)
    code, out = run("--wait")
    assert code == 1
    assert "FAILED OwnerNotSet" in out


def test_an_unknown_address_is_refused(at_work: World) -> None:
    with pytest.raises(
        CommandError, match="no contract on hedera-local or stellar-local has the address CNOT"
    ) as caught:
        call_command("check_payment_availability", "--contract", "CNOT")
    assert caught.value.returncode == 2


def test_without_a_soroban_rpc_it_says_why_an_address_on_stellar_is_not_known(
    at_work: World, settings: Settings
) -> None:
    investor = investment(at_work, "Good")
    settings.SOROBAN_RPC_URL = ""
    with pytest.raises(CommandError, match="SOROBAN_RPC_URL is empty, so none on Stellar is checked"):
        call_command("check_payment_availability", "--contract", investor.address)
