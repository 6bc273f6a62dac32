"""The devnet with the real Soroban host in the place of its model: what its owner may do, and how it is chosen."""

import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from contracts.gateways.soroban import reserve_shortfall
from contracts.gateways.soroban_investments import read_investments
from contracts.services.reading_investments import read_investment
from devnet.hosted.process import PID_FILE, PROGRAM
from devnet.operations import OperationFailed
from devnet.runtime import Devnet
from devnet.services.processes import wait_until
from devnet.stellar import HOST, MODEL, choose, kind_of
from reserves.calendar import due_within
from reserves.services.bookkeeping import make_investment, make_terms
from tests.patience import PATIENCE

WHOLE = 10**7
needs_host = pytest.mark.skipif(
    not PROGRAM.exists(), reason="the real Soroban host is not built: make soroban-host (needs cargo)"
)


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    folder = tmp_path_factory.mktemp("hosted")
    choose(folder, HOST)
    net = Devnet(folder, block_seconds=0.2, consensus_seconds=0.02)
    net.start()
    yield net
    net.stop()


@needs_host
def test_an_investment_is_made_topped_up_and_read(devnet: Devnet) -> None:
    control = devnet.control
    made = control.do_create_investment(claim_block_days=5)
    contract = made["contract"]
    invested = control.do_invest(contract, 1_000 * WHOLE)
    assert invested["deposited"] == 9_958_333_334
    info = control.do_investment(contract)
    assert info["owner"] == made["owner"] == control.do_stellar_wallet()["account"]
    assert info["balances"]["reserve"] == 50 * WHOLE
    # An instalment of 871,354,166 falls due in five days.
    assert info["required"] == 371_354_166
    assert control.do_top_up_reserve(contract, 371_354_166)["reserve"] == 871_354_166
    assert control.do_investment(contract)["required"] == 0


@needs_host
def test_paydate_reads_its_own_contract(devnet: Devnet, settings: Settings) -> None:
    settings.SOROBAN_RPC_URL, settings.STELLAR_NETWORK = devnet.soroban.url, "local"
    control = devnet.control
    made = control.do_create_investment(return_type=2)
    contract = made["contract"]
    first = control.do_invest(contract, 1_000 * WHOLE)
    control.do_invest(contract, 250 * WHOLE)
    control.do_top_up_reserve(contract, 100 * WHOLE)
    control.do_stellar_call(contract, "process_investor_payment", [1])
    read = read_investment(contract, owner=made["owner"])
    assert (read.interface_version, read.status, read.token["symbol"]) == ("2", "ACTIVE", "USDC")
    book = read_investments(contract)
    assert (book.is_exact, [one.token_id for one in book.investments]) == (True, [1, 2])
    terms = make_terms(
        rate_basis_points=book.rate_basis_points,
        return_months=book.return_months,
        return_type=book.return_type,
        claim_block_days=book.claim_block_days,
        pays_rest=book.is_exact,
    )
    investments = [make_investment(terms, asdict(one)) for one in book.investments]
    assert investments[0].paid == first["regular_payment"]
    assert investments[0].holder == first["investor"]
    status = control.do_stellar_status()
    due = due_within(investments, status["closed"], 7 * 86_400).units
    assert reserve_shortfall(contract).units == max(0, due - book.balances.reserve_units)


@needs_host
def test_the_owners_account_pays_for_nothing(devnet: Devnet) -> None:
    """Its sequence is Paydate's alone."""
    made = devnet.control.do_create_investment()
    before = devnet.control.do_stellar_account(made["owner"])
    devnet.control.do_top_up_reserve(made["contract"], WHOLE)
    assert devnet.control.do_stellar_account(made["owner"]) == before


@needs_host
def test_a_refusal_of_the_contract_is_told(devnet: Devnet) -> None:
    contract = devnet.control.do_create_investment()["contract"]
    with pytest.raises(OperationFailed, match=r"Error\(Contract, #5\)"):
        devnet.control.do_invest(contract, WHOLE)


@needs_host
def test_what_only_the_model_can_do_is_refused_in_words(devnet: Devnet) -> None:
    contract = devnet.control.do_create_investment()["contract"]
    for attempt in (
        lambda: devnet.control.do_set_reserve_answer(contract, 7),
        lambda: devnet.control.do_set_investment_books(contract, {"reserve": 1}),
        lambda: devnet.control.do_set_investment_state(contract, 3),
        lambda: devnet.control.do_invest(contract, 1_000 * WHOLE, seconds_ago=60),
    ):
        with pytest.raises(OperationFailed, match="this is the real host"):
            attempt()


@needs_host
def test_a_word_whose_key_lies_elsewhere_is_asked_for(devnet: Devnet) -> None:
    stranger = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"
    contract = devnet.control.do_create_investment(owner=stranger)["contract"]
    with pytest.raises(OperationFailed, match=f"the word of {stranger} is needed"):
        devnet.control.do_stellar_call(contract, "pause", [stranger])


@needs_host
def test_an_archived_instance_is_there_and_dead(devnet: Devnet) -> None:
    contract = devnet.control.do_create_investment()["contract"]
    until = devnet.control.do_archive(contract)["live_until"]
    assert until < devnet.control.do_stellar_status()["ledger"]
    assert devnet.control.do_investment(contract)["live_until"] == until


@needs_host
def test_a_killed_host_is_back_with_all_it_knew(devnet: Devnet) -> None:
    contract = devnet.control.do_create_investment()["contract"]
    before = devnet.control.do_investment(contract)
    pid_file = devnet.state_dir / "soroban-host" / PID_FILE
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGKILL)

    def is_another() -> bool:
        """Tended until it is: a process whose threads still end cannot be replaced yet."""
        devnet.stellar.tend()
        return int(pid_file.read_text()) != pid

    assert wait_until(is_another, PATIENCE)
    after = devnet.control.do_investment(contract)
    assert after | {"ledger": 0} == before | {"ledger": 0}
    assert after["ledger"] >= before["ledger"]


def test_a_state_directory_keeps_the_kind_it_was_begun_with(tmp_path: Path) -> None:
    assert kind_of(tmp_path) == MODEL
    choose(tmp_path, HOST)
    choose(tmp_path, HOST)
    assert kind_of(tmp_path) == HOST
    (tmp_path / "ports.json").write_text("{}")
    with pytest.raises(ValueError, match="was begun with SOROBAN=host"):
        choose(tmp_path, MODEL)
    with pytest.raises(ValueError, match="SOROBAN is one of model, host, not 'real'"):
        choose(tmp_path, "real")
