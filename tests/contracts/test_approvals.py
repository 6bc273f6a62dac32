"""Custody that waits for a person: in time, too late, with a lead, rejected. Asked once, sent once or never."""

import threading

from django.db import connection
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.models import ContractTransaction
from contracts.services.signing import sign_transaction
from tests.contracts.probe import SIGNATURES, Probe, Status


def pending(probe: Probe) -> ContractTransaction:
    probe.world.fault("custody.approval", match=SIGNATURES, mode="pending")
    row = probe.until_waiting(probe.plan(), "custody waits for approval")
    probe.world.clear("custody.approval")
    return row


def test_an_approval_in_time_is_collected_by_its_reference_and_sent(probe: Probe) -> None:
    row = pending(probe)
    assert row.custody_waiting_since is not None
    assert probe.arrows == ["WAITING"]
    probe.until_waiting(row, "custody waits for approval")

    probe.world.control.do_approve()
    probe.until(row, Status.SUCCEEDED)

    assert probe.arrows == ["WAITING", "SIGNED", "SUBMITTED", "SUCCEEDED"]
    assert probe.world.signatures_asked() == 1
    assert len(probe.executed(row)) == 1


def test_while_one_waits_no_other_body_of_the_wallet_goes_to_custody(probe: Probe) -> None:
    row = pending(probe)
    other = probe.plan()
    probe.until_waiting(other, f"custody still waits for the approval of {row}")

    assert probe.world.signatures_asked() == 1
    probe.world.control.do_approve()
    for one in (row, other):
        probe.until(one, Status.SUCCEEDED)


def test_two_that_came_to_wait_at_the_same_moment_are_both_collected(probe: Probe) -> None:
    """Two signers may ask before either knows that custody wants an approval."""
    probe.world.fault("custody.approval", match=SIGNATURES, mode="pending")
    probe.world.fault("custody.latency_ms", match=SIGNATURES, ms=200)
    rows = [probe.plan(), probe.plan()]
    probe.pump.rings.clear()
    threads = [threading.Thread(target=_sign, args=(row.pk,)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(probe.world.control.do_pending()) >= 2

    probe.world.clear("custody.latency_ms")
    probe.world.clear("custody.approval")
    probe.world.control.do_approve()

    for row in rows:
        probe.until(row, Status.SUCCEEDED)
        assert len(probe.executed(row)) == 1


def test_an_approval_after_the_validity_sends_nothing(probe: Probe) -> None:
    row = pending(probe)
    probe.pass_validity(row)
    probe.world.control.do_approve()

    probe.until(row, Status.EXPIRED)

    assert probe.arrows == ["WAITING", "EXPIRED"]
    assert row.broadcast_started_at is None
    assert probe.world.signatures_asked() == 1
    assert not probe.executed(row)


def test_a_signature_with_little_validity_left_is_stored_and_never_sent(probe: Probe) -> None:
    row = pending(probe)
    left = (row.valid_until_ns - clock.now_ns()) // clock.NANOSECONDS
    probe.world.advance(left - 12)
    probe.world.control.do_approve()

    probe.until(row, Status.SIGNED)
    assert row.bodies.get().signed_bytes is not None
    probe.until_waiting(row, "signed too late to be sent")
    probe.pass_validity(row)
    probe.until(row, Status.EXPIRED)

    assert row.broadcast_started_at is None
    assert row.bodies.get().sends == 0
    assert not probe.executed(row)


def test_with_a_lead_the_first_send_waits_for_the_validity(probe: Probe, settings: Settings) -> None:
    settings.CUSTODY_APPROVAL_LEAD = 600
    row = pending(probe)
    probe.world.advance(300)
    probe.world.control.do_approve()

    probe.until(row, Status.SIGNED)
    probe.until_waiting(row, "signed ahead of its validity")
    assert clock.now_ns() < (row.valid_start_ns or 0)
    assert row.broadcast_started_at is None
    probe.world.advance(300)
    probe.until(row, Status.SUCCEEDED)

    assert row.broadcast_started_at is not None
    assert row.broadcast_started_at >= clock.from_ns(row.valid_start_ns or 0)
    assert probe.world.signatures_asked() == 1
    assert len(probe.executed(row)) == 1


def test_a_rejection_fails_the_row_with_the_approvers_words(probe: Probe) -> None:
    row = pending(probe)
    probe.world.control.do_reject(reason="not this month")

    probe.until(row, Status.FAILED)

    assert (row.error_class, row.error_text) == (
        "CUSTODY_REFUSED",
        "custody answered REJECTED: not this month",
    )
    assert not probe.executed(row)


def test_custody_that_is_away_while_we_poll_is_asked_again(probe: Probe) -> None:
    row = pending(probe)
    probe.world.fault("custody.error_rate", match=SIGNATURES, status=502)
    probe.until_waiting(row, "custody does not answer")
    probe.world.clear("custody.error_rate")
    probe.world.control.do_approve()

    probe.until(row, Status.SUCCEEDED)

    assert probe.world.signatures_asked() == 1


def _sign(pk: int) -> None:
    sign_transaction(pk)
    connection.close()
