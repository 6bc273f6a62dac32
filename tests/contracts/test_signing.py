"""From PLANNED to SIGNED: one identity, stored bytes, one signature asked, and every refusal of custody."""

import hashlib
import threading
from datetime import timedelta

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.custody import base, dfns
from contracts.custody.base import SignatureAnswer
from contracts.gateways import hedera
from contracts.models import ContractTransaction, CustodyBudget, SignedBody, Wallet
from contracts.services import signing
from contracts.services.signing import sign_transaction
from contracts.services.wallets import start_wallet
from devnet.dfns.keys import new_key, sign_payload
from tests.contracts.probe import SIGNATURES, Probe, Status


def test_a_call_is_identified_signed_sent_and_found(probe: Probe) -> None:
    row = probe.until(probe.plan(), Status.SUCCEEDED)

    assert probe.arrows == ["SIGNED", "SUBMITTED", "SUCCEEDED"]
    body = row.bodies.get()
    digest = hashlib.sha256(bytes(body.body)).hexdigest()
    assert body.body_hash == digest
    assert body.external_id == f"pd1-test-{digest[:48]}"
    assert row.transaction_id == hedera.transaction_id_text(row.wallet.account, row.valid_start_ns or 0)
    (record,) = probe.executed(row)
    assert (record.transaction_id, record.hash.hex()) == (row.transaction_id, body.hash)
    assert (row.hash, row.fee_units) == (body.hash, record.charged_fee)
    assert row.result is not None and len(row.result["output"]) == 1
    assert probe.world.signatures_asked() == 1


def test_valid_start_is_eight_seconds_ago_and_the_window_a_setting(probe: Probe, settings: Settings) -> None:
    settings.TRANSACTION_VALID_SECONDS = 60
    before = clock.now_ns()
    row = probe.submitted()

    assert row.valid_seconds == 60
    assert 0 <= (row.valid_start_ns or 0) - (before - 8 * clock.NANOSECONDS) < 5 * clock.NANOSECONDS


def test_rows_start_at_different_nodes(probe: Probe) -> None:
    rows = [probe.submitted() for _ in range(3)]

    assert {row.bodies.get().node for row in rows} == set(hedera.nodes())


def test_a_gate_closed_before_custody_keeps_the_row_unidentified(probe: Probe) -> None:
    row = probe.plan()
    probe.closed = "held for the test"
    probe.until_waiting(row, "held for the test")

    assert (row.status, row.transaction_id) == (Status.PLANNED, None)
    assert probe.world.signatures_asked() == 0
    probe.closed = None
    probe.until(row, Status.SUCCEEDED)


def test_a_gate_closed_after_the_identity_still_keeps_the_body_from_custody(probe: Probe) -> None:
    probe.world.fault("custody.error_rate", match=SIGNATURES, status=503)
    row = probe.until_waiting(probe.plan(), "custody does not answer")
    assert row.transaction_id is not None
    asked = probe.world.signatures_asked()

    probe.closed = "held for the test"
    probe.world.clear("custody.error_rate")
    probe.until_waiting(row, "held for the test")

    assert probe.world.signatures_asked() == asked
    assert row.bodies.get().signed_bytes is None


def test_two_signers_at_once_fix_one_identity_and_store_one_body(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lease both go all the way: compare-and-set and the unique constraint must do."""
    row = probe.plan()
    barrier = threading.Barrier(2)

    def sign() -> None:
        mine = ContractTransaction.objects.get(pk=row.pk)
        barrier.wait()
        signing._sign_planned(mine)
        connection.close()

    threads = [threading.Thread(target=sign) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    row.refresh_from_db()
    assert row.status == Status.SIGNED
    assert SignedBody.objects.filter(transaction=row).count() == 1
    probe.until(row, Status.SUCCEEDED)
    assert len(probe.executed(row)) == 1


def test_a_stored_body_is_taken_instead_of_a_second_one(probe: Probe) -> None:
    probe.world.fault("custody.drop_reply", count=1, match=SIGNATURES)
    row = probe.until_waiting(probe.plan(), "custody does not answer")
    stored = bytes(row.bodies.get().body)

    probe.until(row, Status.SUCCEEDED)

    assert bytes(row.bodies.get().body) == stored
    asked = {
        one["external_id"] for one in probe.world.net.dfns.requests() if one["path"].endswith(SIGNATURES)
    }
    assert asked == {row.bodies.get().external_id}
    assert len(probe.executed(row)) == 1


@pytest.mark.parametrize("trouble", ["custody.drop_request", "custody.drop_reply"])
def test_a_lost_request_or_reply_of_custody_is_asked_again(probe: Probe, trouble: str) -> None:
    probe.world.fault(trouble, count=1, match=SIGNATURES)
    row = probe.until(probe.plan(), Status.SUCCEEDED)

    assert row.attempt == 1
    assert probe.world.signatures_asked() == 2
    assert len(probe.executed(row)) == 1


@pytest.mark.parametrize(
    ("retry_after", "seconds", "first_ends"),
    [(7, 7, Status.SUCCEEDED), (None, 30, Status.EXPIRED)],  # after 30 s its body is too old for custody
)
def test_too_many_requests_pause_every_row_of_the_custodian(
    probe: Probe, retry_after: int | None, seconds: int, first_ends: str
) -> None:
    hint = {} if retry_after is None else {"retry_after": retry_after}
    probe.world.fault("custody.error_rate", count=1, match=SIGNATURES, status=429, **hint)
    first, second = probe.plan(), probe.plan()
    begun = clock.now()
    probe.pump.drain()
    ended = clock.now()

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.waiting_reason == "custody says that we ask too often"
    assert second.waiting_reason == "the custody budget of this minute is used up"
    assert begun <= first.next_attempt_at - timedelta(seconds=seconds) <= ended
    assert second.next_attempt_at == first.next_attempt_at
    assert probe.world.signatures_asked() == 1
    probe.until(second, Status.SUCCEEDED)
    probe.pass_validity(first)
    probe.until(first, first_ends)
    assert len(probe.executed(first)) == (first_ends == Status.SUCCEEDED)


def test_a_custody_that_is_down_for_long_costs_an_attempt_and_nothing_else(probe: Probe) -> None:
    probe.world.fault("custody.error_rate", match=SIGNATURES, status=503)
    row = probe.until_waiting(probe.plan(), "too old to be signed")
    asked = probe.world.signatures_asked()
    probe.world.clear("custody.error_rate")
    probe.pass_validity(row)
    probe.until(row, Status.EXPIRED)

    assert probe.world.signatures_asked() == asked
    assert not probe.executed(row)
    again = probe.until(probe.plan(row.subject), Status.SUCCEEDED)
    assert len(probe.executed(again)) == 1


def test_custodys_refusal_fails_the_row_with_its_words(probe: Probe) -> None:
    probe.world.fault("custody.error_rate", count=1, match=SIGNATURES, status=403)
    row = probe.until(probe.plan(), Status.FAILED)

    assert row.error_class == "CUSTODY_REFUSED"
    assert "custody refused to sign: Trouble was switched on" in row.error_text
    assert not probe.executed(row)


def test_a_conflict_over_our_own_bytes_is_adopted(probe: Probe) -> None:
    """DFNS compares the whole request; here it has the same hash under the id, asked with another field."""
    row = probe.plan()
    probe.world.fault("custody.drop_request", count=1, match=SIGNATURES)
    probe.until_waiting(row, "custody does not answer")
    body, key = row.bodies.get(), row.wallet.custody_key_id
    _ask_directly(probe, key, body, "0x" + base.payload_of("SECP256K1", bytes(body.body)).hex(), note="other")

    probe.until(row, Status.SUCCEEDED)

    assert len(probe.executed(row)) == 1
    assert not Wallet.objects.get(pk=row.wallet_id).stopped_reason


def test_a_conflict_over_other_bytes_stops_the_wallet(probe: Probe) -> None:
    row = probe.plan()
    probe.world.fault("custody.drop_request", count=1, match=SIGNATURES)
    probe.until_waiting(row, "custody does not answer")
    body = row.bodies.get()
    _ask_directly(probe, row.wallet.custody_key_id, body, "0x" + "ab" * 32)

    probe.until_waiting(row, "the wallet is stopped")

    wallet = Wallet.objects.get(pk=row.wallet_id)
    assert wallet.stopped_reason == f"custody knows {body.external_id} with another content"
    other = probe.plan()
    probe.until_waiting(other, "the wallet is stopped")
    assert other.transaction_id is None
    assert not probe.executed(row)


def test_a_signature_that_does_not_fit_the_key_stops_the_wallet(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replace_signature(monkeypatch)
    row = probe.until_waiting(probe.plan(), "the wallet is stopped")

    assert "does not fit the wallet's public key" in Wallet.objects.get(pk=row.wallet_id).stopped_reason
    assert row.bodies.get().signed_bytes is None
    assert not probe.executed(row)


def test_a_stopped_wallet_goes_on_when_an_operator_starts_it(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _replace_signature(patch)
        row = probe.until_waiting(probe.plan(), "the wallet is stopped")

    assert start_wallet(row.wallet, reason="the custodian explained it", by="tests")
    assert not start_wallet(row.wallet, reason="again", by="tests")
    probe.until(row, Status.SUCCEEDED, Status.EXPIRED)

    assert len(probe.executed(row)) == (row.status == Status.SUCCEEDED)


def test_a_wallet_that_differs_from_custody_signs_nothing(probe: Probe) -> None:
    row = probe.plan()
    Wallet.objects.filter(pk=row.wallet_id).update(public_key="02" + "ab" * 32)
    sign_transaction(row.pk)

    row.refresh_from_db()
    assert "its public key is" in row.waiting_reason and "register the wallet again" in row.waiting_reason
    assert probe.world.signatures_asked() == 0


def test_the_custody_budget_is_shared_and_refills(probe: Probe, settings: Settings) -> None:
    settings.CUSTODY_REQUESTS_PER_MINUTE = 60  # one a second; a signature costs three
    rows = [probe.plan() for _ in range(2)]
    probe.pump.drain()

    for row in rows:
        row.refresh_from_db()
    assert [row.waiting_reason for row in rows] == ["the custody budget of this minute is used up"] * 2
    assert probe.world.signatures_asked() == 0
    for row in rows:
        probe.until(row, Status.SUCCEEDED)


def test_a_row_behind_a_closed_gate_takes_nothing_from_the_budget(probe: Probe, settings: Settings) -> None:
    settings.CUSTODY_REQUESTS_PER_MINUTE = 60
    row = probe.plan()
    probe.closed = "held for the test"
    probe.until_waiting(row, "held for the test")

    assert not CustodyBudget.objects.exists()


def _ask_directly(probe: Probe, key: str, body: SignedBody, payload: str, **more: str) -> None:
    """Somebody else asks DFNS for a signature under our externalId."""
    request = {"kind": "Hash", "hash": payload, "externalId": body.external_id, **more}
    connection = dfns.from_settings()._connection
    connection.call(lambda client: client.keys.generate_signature(key, request))


def _replace_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """A custodian that signs with another key than the wallet's."""
    stranger = new_key("ECDSA", created="")

    def sign(self: object, *, scheme: str, body: bytes, **_: str) -> SignatureAnswer:
        digest = base.payload_of(scheme, body)
        parts = sign_payload(stranger, digest)
        signature = base.low_s(int(parts["r"], 16), int(parts["s"], 16))
        return SignatureAnswer("sig-strange", "SIGNED", signature, payload=digest)

    monkeypatch.setattr(dfns.DfnsCustodian, "sign", sign)
