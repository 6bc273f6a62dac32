"""Every trouble that the local Soroban RPC can be switched to show, as the real SDK meets it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from stellar_sdk import TransactionBuilder, scval
from stellar_sdk.contract.exceptions import SimulationFailedError
from stellar_sdk.exceptions import BadResponseError, ConnectionError
from stellar_sdk.operation import RestoreFootprint

from devnet.soroban.codec import PASSPHRASE
from tests.devnet.stellar_desk import CHECK, Desk, code_of, desk, inner_code, returned
from tests.patience import PATIENCE


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def test_down_means_nothing_listens_and_afterwards_the_address_is_the_same(made: Desk) -> None:
    made.faults.set("soroban.down")
    with pytest.raises(ConnectionError):
        made.rpc.get_health()
    made.faults.clear("soroban.down")
    assert made.rpc.get_health().status == "healthy"


@pytest.mark.parametrize("name", ["soroban.latency_ms", "network.latency_ms"])
def test_latency_delays_every_answer(made: Desk, name: str) -> None:
    made.faults.set(name, {"ms": 150})
    started = time.monotonic()
    made.rpc.get_health()
    assert time.monotonic() - started >= 0.15


def test_a_fault_of_one_method_leaves_the_others_alone(made: Desk) -> None:
    made.faults.set("soroban.error_rate", {"status": 500}, match="getLatestLedger")
    made.rpc.get_health()
    with pytest.raises(BadResponseError):
        made.rpc.get_latest_ledger()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_http_error_carries_its_status_and_retry_after(made: Desk, status: int) -> None:
    made.faults.set("soroban.error_rate", {"status": status, "retry_after": 7}, count=1)
    body = {"jsonrpc": "2.0", "id": 1, "method": "getHealth"}
    answer = requests.post(made.server.url, json=body, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")
    assert made.rpc.get_health().status == "healthy"


def test_the_sdk_gives_up_on_errors(made: Desk) -> None:
    for status in (500, 503):
        made.faults.set("soroban.error_rate", {"status": status})
        with pytest.raises(BadResponseError):
            made.rpc.get_health()


@pytest.mark.parametrize("mode", ["html", "cut", "empty", "null"])
def test_garbage_is_no_answer(made: Desk, mode: str) -> None:
    made.faults.set("soroban.garbage", {"mode": mode})
    with pytest.raises((BadResponseError, ValueError)):
        made.rpc.get_health()


def test_bad_sequence_is_answered_and_nothing_taken(made: Desk) -> None:
    envelope = made.signed()
    made.faults.set("soroban.bad_seq", count=1)
    answer = made.send(envelope)
    assert (answer.status.value, code_of(answer.error_result_xdr)) == ("ERROR", "txBAD_SEQ")
    assert made.operations.status()["waiting"] == 0
    assert made.settle(envelope).status.value == "SUCCESS"


def test_try_again_later_takes_nothing(made: Desk) -> None:
    envelope = made.signed()
    made.faults.set("soroban.try_again_later", count=1)
    assert made.send(envelope).status.value == "TRY_AGAIN_LATER"
    assert made.operations.status()["waiting"] == 0
    assert made.settle(envelope).status.value == "SUCCESS"


def test_a_duplicate_may_be_news_and_is_included(made: Desk) -> None:
    made.faults.set("soroban.duplicate", count=1)
    envelope = made.signed()
    assert made.send(envelope).status.value == "DUPLICATE"
    made.network.close_ledger()
    assert made.rpc.get_transaction(envelope.hash_hex()).status.value == "SUCCESS"


def test_a_lost_reply_is_a_transaction_all_the_same(made: Desk) -> None:
    made.faults.set("soroban.drop_reply", count=1)
    envelope = made.signed()
    with pytest.raises(ConnectionError):
        made.send(envelope)
    made.network.close_ledger()
    assert made.rpc.get_transaction(envelope.hash_hex()).status.value == "SUCCESS"


def test_the_sdks_own_retry_after_a_lost_reply_meets_a_duplicate(tmp_path: Path) -> None:
    with desk(tmp_path, retries=2) as made:
        made.faults.set("soroban.drop_reply", count=1)
        assert made.send(made.signed()).status.value == "DUPLICATE"


def test_a_lost_transaction_is_never_found_and_its_sequence_stays_free(made: Desk) -> None:
    made.faults.set("soroban.lose", count=1)
    envelope = made.signed()
    assert made.send(envelope).status.value == "PENDING"
    made.clock.advance(600)
    assert made.rpc.get_transaction(envelope.hash_hex()).status.value == "NOT_FOUND"
    assert made.settle(made.signed()).status.value == "SUCCESS"


def test_a_slow_network_includes_some_ledgers_later(made: Desk) -> None:
    made.faults.set("soroban.slow", {"ledgers": 2})
    envelope = made.signed()
    made.send(envelope)
    found = []
    for _ in range(3):
        made.network.close_ledger()
        found.append(made.rpc.get_transaction(envelope.hash_hex()).status.value)
    assert found == ["NOT_FOUND", "NOT_FOUND", "SUCCESS"]


def test_a_trap_in_the_simulation_says_so(made: Desk) -> None:
    made.faults.set("soroban.trap", count=1, match=CHECK)
    with pytest.raises(SimulationFailedError, match=r"Error\(WasmVm, InvalidAction\)"):
        made.call()
    made.faults.set("soroban.trap", {"code": 2}, count=1)
    with pytest.raises(SimulationFailedError, match=r"Error\(Contract, #2\)"):
        made.call()
    assert made.call().result() == 0


def test_a_trap_may_come_only_on_chain(made: Desk) -> None:
    made.faults.set("soroban.trap", {"phase": "execute"})
    answer = made.settle(made.signed())
    assert (answer.status.value, inner_code(answer.result_xdr)) == (
        "FAILED",
        "INVOKE_HOST_FUNCTION_TRAPPED",
    )


def test_entries_can_seem_archived(made: Desk) -> None:
    envelope = made.signed()
    made.faults.set("soroban.archived")
    call = made.call()
    assert call.simulation is not None
    assert call.simulation.restore_preamble is not None
    assert call.result() == 0
    answer = made.settle(envelope)
    assert inner_code(answer.result_xdr) == "INVOKE_HOST_FUNCTION_ENTRY_ARCHIVED"


def test_a_lagging_rpc_knows_only_older_ledgers(made: Desk) -> None:
    made.operations.set_answer(made.contract, 1)
    made.operations.set_books(made.contract, {"reserve": 9})
    envelope = made.signed()
    newest = made.settle(envelope).ledger
    assert newest is not None
    made.faults.set("soroban.lag", {"ledgers": 2})
    assert made.rpc.get_latest_ledger().sequence == newest - 2
    call = made.call("get_contract_balance")
    assert call.simulation is not None
    assert call.simulation.latest_ledger == newest - 2
    assert call.result()["reserve"] == 0
    assert made.rpc.get_transaction(envelope.hash_hex()).status.value == "NOT_FOUND"
    made.faults.clear()
    assert returned(made.rpc.get_transaction(envelope.hash_hex())) == 1
    assert made.call("get_contract_balance").result()["reserve"] == 9


def test_a_lag_may_concern_one_method(made: Desk) -> None:
    newest = made.operations.close_ledgers(2)["ledger"]
    made.faults.set("soroban.lag", {"ledgers": 1}, match="simulateTransaction")
    call = made.call()
    assert call.simulation is not None
    assert call.simulation.latest_ledger == made.rpc.get_latest_ledger().sequence - 1
    assert made.rpc.get_latest_ledger().sequence >= newest


# -- archived for real


def test_an_archived_contract_asks_for_a_restoration_and_works_after_it(made: Desk) -> None:
    envelope = made.signed()
    made.operations.archive(made.contract)
    call = made.call()
    assert call.simulation is not None
    preamble = call.simulation.restore_preamble
    assert preamble is not None
    answer = made.settle(envelope)
    assert inner_code(answer.result_xdr) == "INVOKE_HOST_FUNCTION_ENTRY_ARCHIVED"
    source = made.rpc.load_account(made.owner.public_key)
    restoration = (
        TransactionBuilder(source, PASSPHRASE, base_fee=100)
        .set_soroban_data(preamble.transaction_data)
        .append_operation(RestoreFootprint())
        .set_timeout(60)
        .build()
    )
    prepared = made.rpc.prepare_transaction(restoration)
    prepared.sign(made.owner)
    assert made.settle(prepared).status.value == "SUCCESS"
    after = made.call()
    assert after.simulation is not None
    assert after.simulation.restore_preamble is None
    assert returned(made.settle(made.signed())) == 0


def test_the_sdk_restores_by_itself_when_it_may_sign(made: Desk) -> None:
    made.operations.archive(made.contract)
    made.faults.set("soroban.slow", {"ledgers": 0})
    call = made.call(restore=True)
    assert call.result() == 0
    assert made.operations.info(made.contract)["live_until"] > made.operations.status()["ledger"] + 2_000_000


def test_a_contract_nobody_keeps_alive_is_archived_by_time(made: Desk) -> None:
    made.advance(29)
    call = made.call()
    assert call.simulation is not None
    assert call.simulation.restore_preamble is None
    made.advance(2)
    call = made.call()
    assert call.simulation is not None
    assert call.simulation.restore_preamble is not None


def test_code_that_time_has_archived_is_uploaded_again_with_the_next_contract(made: Desk) -> None:
    made.advance(200)
    again = made.operations.create_investment(owner=made.owner.public_key)
    call = made.call(contract=again["contract"])
    assert call.simulation is not None
    assert call.simulation.restore_preamble is None


def test_a_sent_call_other_than_the_check_keeps_the_contract_alive(made: Desk) -> None:
    made.advance(20)
    before = made.operations.info(made.contract)["live_until"]
    made.settle(made.signed())
    assert made.operations.info(made.contract)["live_until"] == before
    made.settle(made.signed("pause", [scval.to_address(made.owner.public_key)]))
    info = made.operations.info(made.contract)
    assert info["live_until"] == info["ledger"] + 30 * 17_280
