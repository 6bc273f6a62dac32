"""From SUBMITTED to an end: found by id and hash, or absent by proof; nothing else ends a row."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from contracts.custody.base import custodian
from contracts.gateways import hedera
from contracts.models import ContractTransaction, Wallet
from contracts.services.resolving import resolve_transaction
from contracts.services.signing import sign_transaction
from tests.contracts.probe import Probe, Status, looks, lost


def test_a_lost_transaction_expires_by_proof_and_its_next_attempt_is_executed_once(probe: Probe) -> None:
    row = lost(probe)
    probe.pass_validity(row)
    probe.somebody_pays()
    resolve_transaction(row.pk)
    row.refresh_from_db()

    assert (row.status, row.error_class) == (Status.EXPIRED, "EXPIRED")
    assert row.error_text == "a later transaction of the payer is on chain, this one is not"
    probe.world.clear("consensus.lose")
    assert probe.until(probe.plan(row.subject), Status.SUCCEEDED).attempt == 2
    assert [record.memo.decode()[-2:] for record in probe.executed(row)] == [":2"]


def test_before_the_validity_and_the_margin_have_passed_nothing_is_absent(
    probe: Probe, settings: Settings
) -> None:
    settings.EXPIRY_MARGIN_SECONDS = 90
    row = lost(probe)
    probe.somebody_pays()
    probe.world.advance(120 + 60)
    looks(probe, row, 5, apart=1)

    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 0)
    assert row.waiting_reason == "not on chain yet"


def test_an_earlier_transaction_of_the_payer_proves_nothing(probe: Probe) -> None:
    row = lost(probe)
    probe.somebody_pays()
    probe.pass_validity(row)
    resolve_transaction(row.pk)
    row.refresh_from_db()

    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 1)


def test_a_guarded_call_expires_after_three_looks_thirty_seconds_apart(probe: Probe) -> None:
    row = lost(probe)
    probe.pass_validity(row)
    looks(probe, row, 3, apart=1)
    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 1)
    assert row.waiting_reason == "absent in 1 of 3 looks"

    probe.world.advance(30)
    looks(probe, row, 1, apart=30)
    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 2)
    looks(probe, row, 1, apart=0)

    assert (row.status, row.error_text) == (
        Status.EXPIRED,
        "absent in 3 looks after the chain had passed its validity",
    )


def test_what_touches_the_payer_but_is_paid_by_others_proves_nothing(probe: Probe) -> None:
    row = lost(probe, has_guard=False)
    probe.pass_validity(row)
    probe.world.control.do_send_hbar(row.wallet.account, 1)
    probe.world.control.do_close_block()
    looks(probe, row, 1, apart=0)

    assert row.status == Status.SUBMITTED
    assert row.waiting_reason.startswith("unresolved since ")


def test_a_row_never_sent_needs_only_the_chains_time(probe: Probe) -> None:
    probe.world.fault("custody.error_rate", match="/signatures", status=503)
    row = probe.until_waiting(probe.plan(has_guard=False), "custody does not answer")
    probe.pass_validity(row)
    probe.until(row, Status.EXPIRED)

    assert row.error_text == "never sent, and the chain has passed its validity"


def test_the_same_id_with_another_hash_stops_the_wallet(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = probe.plan()
    monkeypatch.setattr(hedera, "broadcast", lambda raw, node: somebody_else_sends(probe, row, node))

    probe.until_waiting(row, "is on chain with bytes that are not ours")

    assert row.status == Status.SUBMITTED
    wallet = Wallet.objects.get(pk=row.wallet_id)
    assert wallet.stopped_reason == f"{row.transaction_id} is on chain with bytes that are not ours"


def somebody_else_sends(
    probe: Probe, row: ContractTransaction, node: str, send: Callable[..., None] = hedera.broadcast
) -> None:
    """Another program with our key takes the very id that our call has."""
    wallet, row = row.wallet, ContractTransaction.objects.get(pk=row.pk)
    envelope = hedera.Envelope(wallet.account, 100_000_000, "not ours", row.valid_start_ns or 0, 120)
    body = hedera.build_transfer(envelope, node=node)
    answer = custodian("DFNS").sign(
        key_id=wallet.custody_key_id,
        scheme="SECP256K1",
        body=body,
        external_id="theirs",
        network=wallet.network,
    )
    key = bytes.fromhex(wallet.public_key)
    signed = hedera.assemble(body, scheme="SECP256K1", public_key=key, signature=answer.signature or b"")
    send(signed.raw, node=node)


def test_a_stopped_wallet_still_settles_what_is_on_chain(probe: Probe) -> None:
    row = probe.submitted()
    Wallet.objects.filter(pk=row.wallet_id).update(stopped_reason="a doubt")

    probe.until(row, Status.SUCCEEDED)


def test_a_stopped_wallet_expires_nothing_and_says_why(probe: Probe) -> None:
    row = lost(probe)
    Wallet.objects.filter(pk=row.wallet_id).update(stopped_reason="a doubt")
    probe.pass_validity(row)
    looks(probe, row, 4, apart=31)

    assert (row.status, row.waiting_reason) == (Status.SUBMITTED, "the wallet is stopped: a doubt")


def test_a_failed_execution_is_failed_with_the_networks_reason(probe: Probe) -> None:
    probe.world.fault("consensus.gas", base=5_000_000, per_transfer=1)
    row = probe.until(probe.plan(), Status.FAILED)

    assert row.error_class == "INSUFFICIENT_GAS"
    assert row.consensus_at and row.fee_units and row.resolved_at


def test_a_call_that_fails_before_its_contract_runs_is_failed_without_a_result(probe: Probe) -> None:
    """Such a record never gets a contract result; waiting for one would be waiting for ever."""
    probe.world.fault("consensus.latency_ms", ms=300)
    row = probe.submitted()
    probe.world.advance(130)
    time.sleep(0.35)

    probe.until(row, Status.FAILED)

    assert (row.error_class, row.result) == ("TRANSACTION_EXPIRED", None)
    (record,) = probe.executed(row)
    assert record.result == "TRANSACTION_EXPIRED"


def test_a_revert_is_failed_with_the_contracts_own_error(probe: Probe) -> None:
    probe.world.control.do_pause(probe.setting.asset.address)
    try:
        row = probe.until(probe.plan(), Status.FAILED)
    finally:
        probe.world.control.do_pause(probe.setting.asset.address, False)

    assert (row.error_class, row.error_text) == ("TokenIsPaused", "the asset token is paused")
    assert row.consensus_at and not row.result


def test_a_row_found_before_its_sending_was_noted_takes_both_arrows(probe: Probe) -> None:
    """The signer died after sending; the sweeper's look finds it on chain."""
    row = probe.plan()
    sign_transaction(row.pk)
    row.refresh_from_db()
    with connection.cursor() as cursor:  # back to what a crash would have left
        cursor.execute("UPDATE contracts_contracttransaction SET status = 'SIGNED' WHERE id = %s", [row.pk])
    probe.arrows.clear()

    probe.pump.rings.clear()
    probe.until(ContractTransaction.objects.get(pk=row.pk), Status.SUBMITTED, Status.SUCCEEDED)
    resolve_transaction(row.pk)
    probe.until(row, Status.SUCCEEDED)

    assert probe.arrows == ["SUBMITTED", "SUCCEEDED"]
    assert len(probe.executed(row)) == 1


def test_two_who_resolve_at_once_move_the_row_once(probe: Probe) -> None:
    row = probe.submitted()
    probe.pump.rings.clear()
    probe.world.advance(2)
    barrier = threading.Barrier(2)

    def resolve() -> None:
        barrier.wait()
        resolve_transaction(row.pk)
        connection.close()

    threads = [threading.Thread(target=resolve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    probe.until(row, Status.SUCCEEDED)
    assert probe.arrows.count("SUCCEEDED") == 1


def test_an_unexpected_error_waits_with_its_words_and_stops_nobody(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*arguments: object, **named: object) -> None:
        raise ValueError("a shape nobody thought of")

    with monkeypatch.context() as patch:
        patch.setattr("contracts.services.resolving._decoded", stumble)
        row = probe.until_waiting(probe.plan(), "unexpected error, see the log of")
    assert "ValueError: a shape nobody thought of" in row.waiting_reason
    probe.world.advance(60)

    probe.until(row, Status.SUCCEEDED)
