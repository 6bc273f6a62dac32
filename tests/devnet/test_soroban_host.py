"""The real Soroban host as a JSON-RPC server: what it executes, what it refuses, and what it still knows after -9."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stellar_sdk import Asset, Keypair, TransactionEnvelope, scval, xdr
from stellar_sdk.contract import ContractClient
from stellar_sdk.exceptions import SorobanRpcErrorResponse
from stellar_sdk.soroban_rpc import EventFilter, EventFilterType

from devnet.hosted.process import PID_FILE, PROGRAM, HostProcess
from devnet.services.processes import wait_until
from devnet.soroban import codec
from tests.devnet.host_desk import DAY, WHOLE, Alone, HostDesk
from tests.devnet.stellar_desk import inner_code, returned
from tests.patience import PATIENCE

pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(), reason="the real Soroban host is not built: make soroban-host (needs cargo)"
)
RESTORED_LEDGERS = 2_073_600
MOST = 2**63


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostDesk]:
    made = HostDesk(tmp_path_factory.mktemp("host"))
    yield made
    made.host.stop()


def topics_of(desk: HostDesk, first: int) -> list[str]:
    wanted = [EventFilter(event_type=EventFilterType.CONTRACT, contract_ids=[desk.contract])]
    found = desk.rpc.get_events(first, filters=wanted).events
    return [str(scval.to_native(xdr.SCVal.from_xdr(event.topic[0]))) for event in found]


# -- what it executes


def test_an_instalment_is_paid_and_told_in_events(desk: HostDesk) -> None:
    contract, first = desk.contract, desk.ledger + 1
    invested = desk.operations.invest(contract, 1_000 * WHOLE)
    due = desk.operations.info(contract)["required"]
    assert due > 0
    desk.operations.top_up(contract, due)
    paid = desk.operations.call(contract, "process_investor_payment", [invested["token_id"]])
    assert paid["paid"] == invested["regular_payment"]
    told = topics_of(desk, first)
    assert {"mint", "INVESTED", "CBUPDATED", "PAYMENT"} <= set(told)
    assert told.index("INVESTED") < told.index("PAYMENT")


def test_a_check_is_simulated_sent_and_found(desk: HostDesk) -> None:
    before = desk.operations.account(desk.owner.public_key)
    required = desk.operations.info(desk.contract)["required"]
    envelope = desk.signed(desk.check())
    answer = desk.settle(envelope)
    assert (answer.status.value, returned(answer)) == ("SUCCESS", required)
    assert answer.result_xdr is not None
    charged = xdr.TransactionResult.from_xdr(answer.result_xdr).fee_charged.int64
    assert 100 < charged <= envelope.transaction.fee
    after = desk.operations.account(desk.owner.public_key)
    assert after["stroops"] == before["stroops"] - charged
    assert after["sequence"] == before["sequence"] + 1 == envelope.transaction.sequence


def test_an_enforced_simulation_wants_the_owners_word(desk: HostDesk) -> None:
    envelope = desk.unprepared("check_reserve_balance")
    recorded = desk.rpc.simulate_transaction(envelope)
    assert recorded.error is None
    enforced = desk.host.ask("simulateTransaction", transaction=envelope.to_xdr(), authMode="enforce")
    assert "Error(Auth, InvalidAction)" in enforced["error"]


def test_a_refusal_of_the_contract_uses_the_sequence_and_changes_nothing(desk: HostDesk) -> None:
    envelope = desk.check()
    books = desk.operations.info(desk.contract)["balances"]
    call = envelope.transaction.operations[0].host_function.invoke_contract  # type: ignore[attr-defined]
    call.function_name = xdr.SCSymbol(b"unpause")
    call.args = [scval.to_address(desk.owner.public_key)]
    answer = desk.settle(desk.signed(envelope))
    assert answer.status.value == "FAILED"
    assert inner_code(answer.result_xdr) == "INVOKE_HOST_FUNCTION_TRAPPED"
    assert desk.operations.info(desk.contract)["balances"] == books
    account = desk.operations.account(desk.owner.public_key)
    assert account["sequence"] == envelope.transaction.sequence


def test_what_the_footprint_does_not_name_is_not_touched(desk: HostDesk) -> None:
    envelope = desk.check()
    data = envelope.transaction.soroban_data
    assert data is not None
    instance = xdr.LedgerKey.from_xdr(codec.instance_key(desk.contract))
    footprint = data.resources.footprint
    footprint.read_only = [key for key in footprint.read_only if key != instance]
    footprint.read_write = [key for key in footprint.read_write if key != instance]
    answer = desk.settle(desk.signed(envelope))
    assert (answer.status.value, inner_code(answer.result_xdr)) == ("FAILED", "INVOKE_HOST_FUNCTION_TRAPPED")


def test_a_call_with_too_few_instructions_fails(desk: HostDesk) -> None:
    envelope = desk.check()
    data = envelope.transaction.soroban_data
    assert data is not None
    data.resources.instructions = xdr.Uint32(10_000)
    answer = desk.settle(desk.signed(envelope))
    assert answer.status.value == "FAILED"
    assert inner_code(answer.result_xdr) in (
        "INVOKE_HOST_FUNCTION_TRAPPED",
        "INVOKE_HOST_FUNCTION_RESOURCE_LIMIT_EXCEEDED",
    )


def test_time_moves_with_the_clock(desk: HostDesk) -> None:
    before = desk.rpc.get_latest_ledger()
    desk.clock.advance(DAY)
    after = desk.rpc.get_latest_ledger()
    assert after.sequence - before.sequence >= DAY // 5
    assert after.close_time is not None and before.close_time is not None
    assert after.close_time - before.close_time >= DAY - 5


def test_the_native_asset_gets_its_contract(desk: HostDesk) -> None:
    made = desk.settle(desk.native_contract())
    assert made.status.value == "SUCCESS"
    contract = returned(made).address
    assert contract == Asset.native().contract_id(codec.PASSPHRASE)
    before = desk.operations.account(desk.owner.public_key)["stroops"]
    receiver = desk.made["project"]
    held = desk.operations.account(receiver)["stroops"]
    people = [scval.to_address(one) for one in (desk.owner.public_key, receiver)]
    sent = desk.unprepared("transfer", [*people, scval.to_int128(WHOLE)], contract=contract)
    answer = desk.settle(desk.signed(desk.rpc.prepare_transaction(sent)))
    assert answer.status.value == "SUCCESS"
    assert answer.result_xdr is not None
    charged = xdr.TransactionResult.from_xdr(answer.result_xdr).fee_charged.int64
    assert desk.operations.account(desk.owner.public_key)["stroops"] == before - WHOLE - charged
    assert desk.operations.account(receiver)["stroops"] == held + WHOLE


def test_an_authorisation_serves_once(desk: HostDesk) -> None:
    payer = Keypair.random()
    desk.operations.fund(payer.public_key)
    client = ContractClient(desk.contract, desk.host.url, codec.PASSPHRASE)
    call = client.invoke(
        "check_reserve_balance", source=payer.public_key, signer=payer, transaction_timeout=10 * DAY
    )
    assert call.needs_non_invoker_signing_by() == {desk.owner.public_key}
    call.authorize(desk.owner, valid_for_ledger_count=100).prepare().sign(force=True)
    envelope = call.built_transaction
    assert envelope is not None
    assert desk.settle(envelope).status.value == "SUCCESS"
    envelope.transaction.sequence += 1
    again = desk.settle(desk.signed(envelope, payer))
    assert inner_code(again.result_xdr) == "INVOKE_HOST_FUNCTION_TRAPPED"


# -- what it does not take


def bad_sequence(desk: HostDesk, envelope: TransactionEnvelope) -> Keypair:
    envelope.transaction.sequence += 1
    return desk.owner


def bad_signature(desk: HostDesk, envelope: TransactionEnvelope) -> Keypair:
    return Keypair.random()


def low_fee(desk: HostDesk, envelope: TransactionEnvelope) -> Keypair:
    envelope.transaction.fee = resource_fee(envelope) + 99
    return desk.owner


def low_resource_fee(desk: HostDesk, envelope: TransactionEnvelope) -> Keypair:
    set_resource_fee(envelope, 1_000)
    return desk.owner


def endless_resource_fee(desk: HostDesk, envelope: TransactionEnvelope) -> Keypair:
    set_resource_fee(envelope, MOST - 1)
    return desk.owner


def too_late(desk: HostDesk, envelope: TransactionEnvelope) -> Keypair:
    bounds = envelope.transaction.preconditions
    assert bounds is not None and bounds.time_bounds is not None
    bounds.time_bounds.max_time = desk.seconds_now() - 60
    return desk.owner


def too_early(desk: HostDesk, envelope: TransactionEnvelope) -> Keypair:
    bounds = envelope.transaction.preconditions
    assert bounds is not None and bounds.time_bounds is not None
    bounds.time_bounds.min_time = desk.seconds_now() + DAY
    return desk.owner


def too_much(desk: HostDesk, envelope: TransactionEnvelope) -> Keypair:
    data = envelope.transaction.soroban_data
    assert data is not None
    data.resources.instructions = xdr.Uint32(400_000_001)
    return desk.owner


def resource_fee(envelope: TransactionEnvelope) -> int:
    data = envelope.transaction.soroban_data
    assert data is not None
    return data.resource_fee.int64


def set_resource_fee(envelope: TransactionEnvelope, stroops: int) -> None:
    data = envelope.transaction.soroban_data
    assert data is not None
    data.resource_fee = xdr.Int64(stroops)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (bad_sequence, "txBAD_SEQ"),
        (bad_signature, "txBAD_AUTH"),
        (low_fee, "txINSUFFICIENT_FEE"),
        (low_resource_fee, "txSOROBAN_INVALID"),
        (endless_resource_fee, "txINSUFFICIENT_FEE"),
        (too_late, "txTOO_LATE"),
        (too_early, "txTOO_EARLY"),
        (too_much, "txSOROBAN_INVALID"),
    ],
)
def test_a_spoilt_transaction_is_refused_and_leaves_no_trace(desk: HostDesk, spoil: Any, code: str) -> None:
    before = desk.operations.account(desk.owner.public_key)
    envelope = desk.check(until=desk.seconds_now() + DAY)
    envelope = desk.signed(envelope, spoil(desk, envelope))
    assert desk.refusal(envelope) == code
    desk.host.ask("devnet_closeLedgers", count=1)
    assert desk.rpc.get_transaction(envelope.hash_hex()).status.value == "NOT_FOUND"
    assert desk.operations.account(desk.owner.public_key) == before


def test_one_transaction_of_a_source_waits_at_a_time(desk: HostDesk) -> None:
    first, second = desk.check(), desk.check(until=desk.seconds_now() + DAY)
    desk.settle(desk.signed(desk.check()))  # the wait below begins with a fresh ledger
    for envelope in (first, second):
        envelope.transaction.sequence += 1
        desk.signed(envelope)
    assert [desk.refusal(envelope) for envelope in (first, first, second)] == [
        "PENDING",
        "DUPLICATE",
        "TRY_AGAIN_LATER",
    ]
    desk.host.ask("devnet_closeLedgers", count=1)
    assert desk.rpc.get_transaction(first.hash_hex()).status.value == "SUCCESS"
    assert desk.refusal(second) == "txBAD_SEQ"


def test_requests_out_of_all_bounds_are_answered(desk: HostDesk) -> None:
    first = desk.ledger
    assert desk.host.ask("getEvents", startLedger=first, endLedger=2**32)["events"] == []
    for method, params in (
        ("getEvents", {"startLedger": 2**63}),
        ("devnet_fund", {"account": desk.owner.public_key, "stroops": MOST - 1}),
        ("getLedgerEntries", {"keys": ["AAAA"] * 201}),
        ("getLedgerEntries", {"keys": ["no base64"]}),
        ("sendTransaction", {"transaction": "AAAA"}),
        ("getTransaction", {"hash": "00"}),
        ("toString", {}),
    ):
        with pytest.raises(RuntimeError):
            desk.host.ask(method, **params)
    with pytest.raises(SorobanRpcErrorResponse, match="startLedger must be within the ledger range"):
        desk.rpc.get_events(first + 10**6)


# -- lives


def test_a_life_is_extended_for_its_rent(desk: HostDesk) -> None:
    key = codec.instance_key(desk.contract)
    before = desk.entry(key)["liveUntilLedgerSeq"]
    answer = desk.settle(desk.on_entry(key, extend_to=RESTORED_LEDGERS + 1_000_000))
    assert answer.status.value == "SUCCESS"
    assert answer.ledger is not None
    assert desk.entry(key)["liveUntilLedgerSeq"] == answer.ledger + RESTORED_LEDGERS + 1_000_000 > before


def test_an_archived_entry_is_restored_by_its_operation(desk: HostDesk) -> None:
    key = codec.instance_key(desk.contract)
    value, envelope = desk.entry(key)["xdr"], desk.signed(desk.check())
    desk.operations.archive(desk.contract)
    assert inner_code(desk.settle(envelope).result_xdr) == "INVOKE_HOST_FUNCTION_ENTRY_ARCHIVED"
    answer = desk.settle(desk.on_entry(key))
    assert answer.status.value == "SUCCESS"
    assert answer.ledger is not None
    restored = desk.entry(key)
    assert (restored["xdr"], restored["liveUntilLedgerSeq"]) == (value, answer.ledger + RESTORED_LEDGERS - 1)
    assert desk.settle(desk.signed(desk.check())).status.value == "SUCCESS"


def test_a_call_restores_what_it_needs_itself(desk: HostDesk) -> None:
    """Since protocol 23 the simulation names what is archived, and the call brings it back."""
    for entry in ("instance", "code"):
        desk.operations.archive(desk.contract, entry)
    envelope = desk.check()
    assert desk.settle(desk.signed(envelope)).status.value == "SUCCESS"
    assert desk.entry(codec.instance_key(desk.contract))["liveUntilLedgerSeq"] > desk.ledger


# -- the process


def test_an_answer_comes_in_one_piece(desk: HostDesk) -> None:
    """A second piece would wait for the client's kernel, which confirms the first one late."""
    question = {"transaction": desk.unprepared("check_reserve_balance").to_xdr()}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "simulateTransaction", "params": question})
    request = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    host, port = desk.host.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as line:
        for _ in range(2):
            line.sendall(request)
            head, _, answer = line.recv(1 << 16).partition(b"\r\n\r\n")
            assert f"Content-Length: {len(answer)}".encode() in head
            assert len(answer) > 1_024 and "results" in json.loads(answer)["result"]


def is_another(host: HostProcess, pid_file: Path, pid: int) -> bool:
    """Tended until it is: a process whose threads still end cannot be replaced yet."""
    host.tend()
    return int(pid_file.read_text()) != pid


def test_what_was_accepted_survives_a_kill(desk: HostDesk) -> None:
    desk.operations.invest(desk.contract, 100 * WHOLE)
    done = desk.signed(desk.check())
    known = desk.settle(done)
    waits = desk.signed(desk.check())
    assert desk.refusal(waits) == "PENDING"
    info, events = desk.operations.info(desk.contract), topics_of(desk, 1_000)
    assert events
    pid_file = desk.directory / "soroban-host" / PID_FILE
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: is_another(desk.host, pid_file, pid), PATIENCE)
    again = desk.rpc.get_transaction(done.hash_hex())
    assert (again.result_xdr, again.ledger) == (known.result_xdr, known.ledger)
    desk.host.ask("devnet_closeLedgers", count=1)
    assert desk.rpc.get_transaction(waits.hash_hex()).status.value == "SUCCESS"
    after = desk.operations.info(desk.contract)
    assert after["balances"] == info["balances"]
    assert topics_of(desk, 1_000)[: len(events)] == events


def test_a_second_process_on_one_state_is_refused(tmp_path: Path) -> None:
    first = Alone(tmp_path)
    try:
        first.address()
        code, said = Alone(tmp_path).ends(PATIENCE)
        assert (code, "another process serves" in said) == (1, True)
    finally:
        first.process.send_signal(signal.SIGTERM)
    assert first.ends(PATIENCE) == (0, "")


def test_it_ends_with_its_input_when_it_is_tethered(tmp_path: Path) -> None:
    tethered = Alone(tmp_path, "--tether")
    tethered.address()
    assert tethered.ends(PATIENCE) == (0, "")  # communicate() closes its input
