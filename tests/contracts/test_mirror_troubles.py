"""A mirror node that is late, away or answers in part: waited for with a reason, and nothing expires for it."""

import pytest

from contracts.services import resolving
from tests.contracts.probe import Probe, Status, looks, lost


def test_a_partial_answer_is_not_final(probe: Probe) -> None:
    probe.world.fault("mirror.partial")
    row = probe.until_waiting(probe.plan(), "the mirror node has it only in part")
    assert row.status == Status.SUBMITTED

    probe.world.clear("mirror.partial")
    probe.until(row, Status.SUCCEEDED)
    assert row.result is not None and row.result["output"]


def test_a_failure_that_never_gets_a_final_result_is_a_failure_all_the_same(probe: Probe) -> None:
    probe.world.fault("mirror.partial")
    probe.world.fault("consensus.gas", base=3_000_000)
    row = probe.until_waiting(probe.plan(), "the mirror node has it only in part")
    probe.world.advance(61)

    probe.until(row, Status.FAILED)

    assert (row.error_class, row.error_text) == ("INSUFFICIENT_GAS", "INSUFFICIENT_GAS")


def test_a_mirror_that_lags_is_waited_for(probe: Probe) -> None:
    probe.world.fault("mirror.lag_seconds", seconds=0.7)
    row = probe.until_waiting(probe.plan(), "not on chain yet")

    probe.until(row, Status.SUCCEEDED)

    assert (row.attempt, len(probe.executed(row))) == (1, 1)


def test_of_two_mirror_nodes_one_may_lag(probe: Probe) -> None:
    """Behind one address every request may meet another of them; absence in the late one proves nothing."""
    probe.world.fault("mirror.lag_seconds", seconds=0.7, replica=1)
    rows = [probe.until(probe.plan(), Status.SUCCEEDED) for _ in range(3)]

    assert [(row.attempt, len(probe.executed(row))) for row in rows] == [(1, 1)] * 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_mirror_that_answers_errors_is_asked_again(probe: Probe, status: int, quick_retries: None) -> None:
    row = probe.submitted()
    probe.world.fault("mirror.error_rate", status=status)
    probe.until_waiting(row, "the mirror node does not answer")
    assert row.status == Status.SUBMITTED

    probe.world.clear("mirror.error_rate")
    probe.until(row, Status.SUCCEEDED)
    assert len(probe.executed(row)) == 1


def test_a_mirror_that_is_down_for_longer_than_the_validity_expires_nothing(
    probe: Probe, quick_retries: None
) -> None:
    row = probe.on_chain()
    probe.world.fault("mirror.down")
    probe.pass_validity(row)
    probe.until_waiting(row, "the mirror node does not answer")
    looks(probe, row, 3, apart=31)
    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 0)

    probe.world.clear("mirror.down")
    probe.until(row, Status.SUCCEEDED)


def test_our_own_clock_alone_expires_nothing(probe: Probe) -> None:
    """The chain's time stands still as far as the mirror shows; ours has long passed the validity."""
    row = lost(probe)
    probe.world.fault("mirror.lag_seconds", seconds=1000)
    probe.world.advance(400)
    looks(probe, row, 4, apart=31)

    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 0)


def test_a_call_whose_record_cannot_be_read_is_known_by_its_result(probe: Probe, quick_retries: None) -> None:
    row = probe.on_chain()
    probe.world.fault("mirror.error_rate", match="/transactions", status=503)

    probe.until(row, Status.SUCCEEDED)

    (record,) = probe.executed(row)
    assert row.consensus_at.replace(".", "") == str(record.consensus_ns)
    assert row.hash == record.hash.hex() and row.fee_units is None
    assert row.result is not None and row.result["output"]


def test_a_failure_waits_for_its_record(probe: Probe, quick_retries: None) -> None:
    probe.world.fault("consensus.gas", base=3_000_000)
    row = probe.on_chain()
    probe.world.fault("mirror.error_rate", match="/transactions", status=503)
    looks(probe, row, 3, apart=2)
    assert row.status == Status.SUBMITTED

    probe.world.clear("mirror.error_rate")
    assert probe.until(row, Status.FAILED).error_class == "INSUFFICIENT_GAS"


def test_a_result_with_bytes_that_are_not_ours_says_nothing(
    probe: Probe, quick_retries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = probe.on_chain()
    probe.world.fault("mirror.error_rate", match="/transactions", status=503)
    monkeypatch.setattr(resolving, "own_hashes", lambda row: {"ab" * 48})
    probe.until_waiting(row, "the mirror node does not answer")

    assert row.status == Status.SUBMITTED


def test_a_call_that_has_a_result_is_not_absent(probe: Probe) -> None:
    """The mirror node answers 404 for its record, and its validity is over."""
    row = probe.on_chain()
    probe.world.fault("mirror.not_found", match="/transactions/")
    probe.pass_validity(row)

    assert probe.until(row, Status.SUCCEEDED).absent_looks == 0


def test_a_result_in_part_is_waited_for_after_the_validity_too(probe: Probe) -> None:
    row = probe.on_chain()
    probe.world.fault("mirror.not_found", match="/transactions/")
    probe.world.fault("mirror.partial")
    probe.pass_validity(row)
    looks(probe, row, 4, apart=31)

    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 0)
    assert row.waiting_reason == "the mirror node has it only in part"
