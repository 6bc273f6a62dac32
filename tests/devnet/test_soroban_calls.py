"""The whole way of a call with the real SDK: simulated, prepared, signed, sent, polled, and every refusal."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stellar_sdk import Address, Keypair, Network, Preconditions, TimeBounds, TransactionEnvelope, scval, xdr
from stellar_sdk.contract.exceptions import NoSignatureNeededError, SimulationFailedError
from stellar_sdk.exceptions import AccountNotFoundException, SorobanRpcErrorResponse
from stellar_sdk.soroban_rpc import AuthMode

from tests.devnet.stellar_desk import CHECK, Desk, code_of, desk, inner_code, returned

VALUES = (0, 1, 2**63, 2**64 + 5, 2**127 - 1, -1, -(2**63) - 7, -(2**127))


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def test_the_network_tells_about_itself(made: Desk) -> None:
    assert made.rpc.get_network().passphrase == Network.STANDALONE_NETWORK_PASSPHRASE
    health, latest = made.rpc.get_health(), made.rpc.get_latest_ledger()
    assert (health.status, health.latest_ledger) == ("healthy", latest.sequence)
    header = xdr.LedgerHeader.from_xdr(latest.header_xdr)
    assert header.ledger_seq.uint32 == latest.sequence
    assert header.scp_value.close_time.time_point.uint64 == latest.close_time
    assert made.rpc.get_fee_stats().soroban_inclusion_fee.p99 == 100


def test_a_simulated_check_costs_nothing_and_only_records_the_authorisation(made: Desk) -> None:
    before = made.operations.account(made.owner.public_key)
    call = made.call()
    assert call.result() == 0
    assert not call.is_read_call()
    assert call.needs_non_invoker_signing_by() == set()
    assert made.operations.account(made.owner.public_key) == before


def test_a_stranger_gets_the_simulated_answer_too(made: Desk) -> None:
    stranger = Keypair.random().public_key
    made.operations.fund(stranger)
    call = made.call(source=stranger)
    assert call.result() == 0
    assert call.needs_non_invoker_signing_by() == {made.owner.public_key}


def test_an_enforced_simulation_refuses_without_the_authorisation(made: Desk) -> None:
    with pytest.raises(SimulationFailedError, match=r"Error\(Auth, InvalidAction\)"):
        made.call(auth_mode=AuthMode.ENFORCE)


def test_a_call_without_authorisation_needs_no_signature(made: Desk) -> None:
    call = made.call("decimals", contract=made.made["token"])
    assert (call.result(), call.is_read_call()) == (7, True)
    with pytest.raises(NoSignatureNeededError):
        call.sign()


def test_the_source_of_a_simulation_must_exist(made: Desk) -> None:
    with pytest.raises(AccountNotFoundException):
        made.call(source=Keypair.random().public_key)


@pytest.mark.parametrize("value", VALUES)
def test_every_i128_comes_back_exactly(made: Desk, value: int) -> None:
    made.operations.set_answer(made.contract, value)
    assert made.call().result() == value
    answer = made.settle(made.signed())
    assert (answer.status.value, returned(answer)) == ("SUCCESS", value)


def test_a_sent_check_leaves_a_hash_and_costs_fee_and_sequence(made: Desk) -> None:
    before = made.operations.account(made.owner.public_key)
    envelope = made.signed()
    assert made.rpc.get_transaction(envelope.hash_hex()).status.value == "NOT_FOUND"
    answer = made.settle(envelope)
    after = made.operations.account(made.owner.public_key)
    assert answer.ledger == made.rpc.get_latest_ledger().sequence
    assert answer.create_at == made.rpc.get_latest_ledger().close_time
    assert answer.envelope_xdr == envelope.to_xdr()
    assert after["sequence"] == before["sequence"] + 1
    assert answer.result_xdr is not None
    charged = xdr.TransactionResult.from_xdr(answer.result_xdr).fee_charged.int64
    assert before["stroops"] - after["stroops"] == charged == envelope.transaction.fee


def test_submit_polls_until_the_ledger_closes_by_itself(made: Desk) -> None:
    started = time.monotonic()
    call = made.call(submit_timeout=20).sign(force=True)
    assert call.submit() == 0
    assert time.monotonic() - started < 12


def test_advancing_the_clock_closes_the_ledgers_of_that_time(made: Desk) -> None:
    before = made.rpc.get_latest_ledger()
    made.clock.advance(300)
    after = made.rpc.get_latest_ledger()
    assert after.sequence - before.sequence in (60, 61)
    # The first ledgers closed at once, a second apart, and were ahead of the clock.
    assert after.close_time - before.close_time in range(290, 306)


def test_the_owner_can_sign_an_entry_for_another_source(made: Desk) -> None:
    payer = Keypair.random()
    made.operations.fund(payer.public_key)
    call = made.call(source=payer.public_key)
    call.authorize(made.owner)
    call.prepare(restore=False)
    call.sign(transaction_signer=payer, force=True)
    assert call.built_transaction is not None
    answer = made.settle(call.built_transaction)
    assert (answer.status.value, returned(answer)) == ("SUCCESS", 0)


def test_an_entry_signed_by_a_stranger_is_refused(made: Desk) -> None:
    payer = Keypair.random()
    made.operations.fund(payer.public_key)
    call = made.call(source=payer.public_key)
    assert call.built_transaction is not None
    operation: Any = call.built_transaction.transaction.operations[0]
    operation.auth[0].credentials.address_v2.signature_expiration_ledger = xdr.Uint32(10**6)
    call.built_transaction.sign(payer)
    answer = made.settle(call.built_transaction)
    assert (answer.status.value, inner_code(answer.result_xdr)) == (
        "FAILED",
        "INVOKE_HOST_FUNCTION_TRAPPED",
    )


# -- refusals of sendTransaction


def refusal(made: Desk, envelope: TransactionEnvelope) -> str:
    answer = made.send(envelope)
    assert answer.status.value == "ERROR"
    return code_of(answer.error_result_xdr)


def bounds(first: int, last: int) -> Preconditions:
    return Preconditions(time_bounds=TimeBounds(first, last))


def test_a_wrong_sequence_is_refused(made: Desk) -> None:
    envelope = made.signed()
    for step in (-1, 1):
        wrong = TransactionEnvelope.from_xdr(envelope.to_xdr(), envelope.network_passphrase)
        made.altered(wrong, sequence=envelope.transaction.sequence + step)
        assert refusal(made, wrong) == "txBAD_SEQ"


def test_a_call_out_of_its_time_is_refused(made: Desk) -> None:
    now = int(time.time())
    late = made.altered(made.signed(), preconditions=bounds(0, now - 60))
    assert refusal(made, late) == "txTOO_LATE"
    early = made.altered(made.signed(), preconditions=bounds(now + 600, now + 900))
    assert refusal(made, early) == "txTOO_EARLY"


def test_the_network_judges_time_by_its_own_clock(made: Desk) -> None:
    envelope = made.altered(made.signed(), preconditions=bounds(0, int(time.time()) + 60))
    made.faults.set("clock.chain_offset", {"seconds": 120})
    assert refusal(made, envelope) == "txTOO_LATE"


def test_too_small_a_fee_is_refused(made: Desk) -> None:
    envelope = made.signed()
    made.altered(envelope, fee=envelope.transaction.fee - 1)
    assert refusal(made, envelope) == "txINSUFFICIENT_FEE"


def test_too_small_a_resource_fee_is_refused(made: Desk) -> None:
    envelope = made.signed()
    data = envelope.transaction.soroban_data
    assert data is not None
    data.resource_fee = xdr.Int64(data.resource_fee.int64 - 1)
    assert refusal(made, made.altered(envelope)) == "txSOROBAN_INVALID"


def test_only_the_sources_own_signature_counts(made: Desk) -> None:
    assert refusal(made, made.altered(made.signed(), signer=Keypair.random())) == "txBAD_AUTH"
    unsigned = made.signed()
    unsigned.signatures.clear()
    assert refusal(made, unsigned) == "txBAD_AUTH"
    twice = made.signed()
    twice.sign(Keypair.random())
    assert refusal(made, twice) == "txBAD_AUTH_EXTRA"


def test_a_signature_for_another_network_is_refused(made: Desk) -> None:
    envelope = made.signed()
    other = TransactionEnvelope.from_xdr(envelope.to_xdr(), Network.TESTNET_NETWORK_PASSPHRASE)
    other.signatures.clear()
    other.sign(made.owner)
    assert refusal(made, other) == "txBAD_AUTH"


def test_what_is_no_envelope_is_an_error_of_the_call(made: Desk) -> None:
    with pytest.raises(SorobanRpcErrorResponse) as caught:
        made.rpc.send_transaction("AAAA")  # type: ignore[arg-type]
    assert caught.value.code == -32602


def test_a_waiting_transaction_is_a_duplicate_and_blocks_its_source(made: Desk) -> None:
    first, second = made.signed(), made.signed()
    made.altered(second, sequence=first.transaction.sequence + 1)
    assert made.send(first).status.value == "PENDING"
    assert made.send(first).status.value == "DUPLICATE"
    assert made.send(second).status.value == "TRY_AGAIN_LATER"
    made.network.close_ledger()
    assert made.send(second).status.value == "PENDING"
    made.network.close_ledger()
    assert made.rpc.get_transaction(second.hash_hex()).status.value == "SUCCESS"


def test_once_included_the_same_bytes_are_a_bad_sequence(made: Desk) -> None:
    envelope = made.signed()
    made.settle(envelope)
    assert refusal(made, envelope) == "txBAD_SEQ"
    assert made.rpc.get_transaction(envelope.hash_hex()).status.value == "SUCCESS"


def test_what_expires_while_it_waits_never_happened(made: Desk) -> None:
    made.faults.set("soroban.slow", {"ledgers": 30})
    before = made.operations.account(made.owner.public_key)
    envelope = made.altered(made.signed(), preconditions=bounds(0, int(time.time()) + 60))
    assert made.send(envelope).status.value == "PENDING"
    made.clock.advance(300)
    answer = made.rpc.get_transaction(envelope.hash_hex())
    assert answer.status.value == "NOT_FOUND"
    assert answer.latest_ledger_close_time > int(time.time()) + 60
    assert answer.oldest_ledger_close_time <= int(time.time())
    assert made.operations.account(made.owner.public_key) == before


def test_a_failed_call_costs_its_fee_and_changes_nothing_else(made: Desk) -> None:
    envelope = made.signed("pause", [scval.to_address(made.owner.public_key)])
    made.operations.call(made.contract, "pause", [made.owner.public_key])
    before = made.operations.account(made.owner.public_key)
    answer = made.settle(envelope)
    assert (answer.status.value, inner_code(answer.result_xdr)) == (
        "FAILED",
        "INVOKE_HOST_FUNCTION_TRAPPED",
    )
    assert any("1000" in text for text in diagnostics(answer.diagnostic_events_xdr))
    after = made.operations.account(made.owner.public_key)
    assert after["sequence"] == before["sequence"] + 1
    assert after["stroops"] < before["stroops"]


def test_a_call_of_something_that_is_no_contract_is_malformed(made: Desk) -> None:
    envelope = made.signed()
    operation: Any = envelope.transaction.operations[0]
    account = Address(made.owner.public_key).to_xdr_sc_address()
    operation.host_function.invoke_contract.contract_address = account
    answer = made.settle(made.altered(envelope))
    assert (answer.status.value, inner_code(answer.result_xdr)) == (
        "FAILED",
        "INVOKE_HOST_FUNCTION_MALFORMED",
    )
    assert made.settle(made.signed()).status.value == "SUCCESS"


def test_what_lies_outside_the_footprint_cannot_be_touched(made: Desk) -> None:
    caller = [scval.to_address(made.owner.public_key)]
    for name in ("read_write", "read_only"):
        envelope = made.signed("pause", caller)
        data = envelope.transaction.soroban_data
        assert data is not None
        setattr(data.resources.footprint, name, [])
        answer = made.settle(made.altered(envelope))
        assert inner_code(answer.result_xdr) == "INVOKE_HOST_FUNCTION_TRAPPED"
    assert made.call("paused").result() is False


def test_a_used_authorisation_cannot_be_used_again(made: Desk) -> None:
    payer = Keypair.random()
    made.operations.fund(payer.public_key)
    call = made.call(source=payer.public_key)
    call.authorize(made.owner)
    call.prepare(restore=False)
    first = call.sign(transaction_signer=payer, force=True).built_transaction
    assert first is not None
    second = TransactionEnvelope.from_xdr(first.to_xdr(), first.network_passphrase)
    assert made.settle(first).status.value == "SUCCESS"
    made.altered(second, signer=payer, sequence=first.transaction.sequence + 1)
    assert inner_code(made.settle(second).result_xdr) == "INVOKE_HOST_FUNCTION_TRAPPED"


def diagnostics(events: list[str] | None) -> list[str]:
    found = [xdr.DiagnosticEvent.from_xdr(text).event.body.v0 for text in events or []]
    return [repr(topic) for body in found if body for topic in body.topics]


def test_an_unknown_function_and_an_unknown_contract_fail_in_the_simulation(made: Desk) -> None:
    with pytest.raises(SimulationFailedError, match="non-existent contract function"):
        made.call("withdraw_everything")
    other = "CA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUWDA"
    with pytest.raises(SimulationFailedError, match=r"Error\(Storage, MissingValue\)"):
        made.call(CHECK, contract=other)
