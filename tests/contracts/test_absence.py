"""The proof of absence, and every way in which a mirror node may lie: nothing ends without a proof."""

import pytest
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.gateways import mirror as gateway
from contracts.models import ContractTransaction, Hold
from contracts.services.absence import proof_of
from contracts.services.holds import lift_hold, place_hold
from contracts.services.resolving import resolve_transaction
from tests.contracts.probe import Probe, Status, looks, lost
from tests.contracts.strangers import send_transfer


def proofs() -> list[ContractTransaction]:
    return list(ContractTransaction.objects.filter(purpose="proof").order_by("pk"))


def past(probe: Probe, *, has_guard: bool) -> ContractTransaction:
    """Lost, and its validity is over."""
    row = lost(probe, has_guard=has_guard)
    probe.world.clear("consensus.lose")
    probe.pass_validity(row)
    return row


def test_an_idle_payer_gives_itself_one_tinybar_and_that_proves_the_absence(probe: Probe) -> None:
    row = past(probe, has_guard=False)
    looks(probe, row, 1, apart=0)
    assert row.status == Status.SUBMITTED
    assert row.waiting_reason.startswith(
        f"unresolved since {row.submitted_at:%Y-%m-%d %H:%M:%S} UTC: a transfer"
    )

    probe.until(row, Status.EXPIRED)

    assert row.error_text == "a later transaction of the payer is on chain, this one is not"
    (proof,) = proofs()
    assert (proof.status, proof.function, proof.interface) == (Status.SUCCEEDED, "cryptoTransfer", "")
    assert proof.subject.startswith("proof:") and proof.group_uid == row.group_uid
    (record,) = probe.world.records(proof.subject)
    assert record.name == "CRYPTOTRANSFER" and record.memo.decode() == f"pd1:test:{proof.subject}:1"
    assert record.consensus_ns > row.valid_until_ns
    assert proof.bodies.get().hash == record.hash.hex()


def test_one_transfer_serves_all_that_wait(probe: Probe) -> None:
    rows = [lost(probe, has_guard=False) for _ in range(3)]
    probe.world.clear("consensus.lose")
    probe.pass_validity(rows[-1])
    for row in rows:
        probe.until(row, Status.EXPIRED)

    assert len(proofs()) == 1


def test_a_guarded_call_needs_no_transfer(probe: Probe) -> None:
    row = past(probe, has_guard=True)
    looks(probe, row, 3, apart=31)

    assert row.status == Status.EXPIRED
    assert proofs() == []


def test_under_a_hold_the_payer_sends_nothing_not_even_to_itself(probe: Probe) -> None:
    hold = place_hold(scope=Hold.Scope.GLOBAL, cause=Hold.Cause.OPERATOR, reason="auditors", by="ann")
    row = past(probe, has_guard=False)
    looks(probe, row, 2, apart=61)
    assert proofs() == []
    assert row.waiting_reason.endswith("none may be sent: held: auditors")

    lift_hold(hold, reason="they left", by="ann")
    probe.until(row, Status.EXPIRED)


def test_a_transfer_that_gets_lost_itself_is_sent_again_like_any_call(probe: Probe) -> None:
    row = past(probe, has_guard=False)
    probe.world.fault("consensus.lose", match="proof:", count=1)
    probe.until(row, Status.EXPIRED)

    (proof,) = proofs()
    probe.until(proof, Status.SUCCEEDED)
    assert proof.bodies.get().sends == 2


def test_more_than_a_page_of_transactions_hides_neither_progress_nor_presence(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy payer: the window has more than one page, and the later transaction stands on the last."""
    monkeypatch.setattr(gateway, "PAGE", 2)
    row = lost(probe, has_guard=False)
    for _ in range(5):
        probe.until(probe.plan(), Status.SUCCEEDED)
    probe.pass_validity(row)
    assert proof_of(row) is None
    probe.somebody_pays()

    assert proof_of(row) == "a later transaction of the payer is on chain, this one is not"
    here = probe.on_chain()
    probe.pass_validity(here)
    probe.somebody_pays()
    assert proof_of(here) is None, "it is on chain, behind the first page"


def test_a_later_transaction_that_is_not_in_our_book_proves_nothing(probe: Probe) -> None:
    """It may be a ghost, which mirror nodes have listed; what we signed ourselves, bytes included, is none."""
    row = past(probe, has_guard=False)
    send_transfer(probe, "not ours")
    probe.world.fault("mirror.ghost_transaction", match="/transactions?")

    assert proof_of(row) is None


def test_a_ghost_under_the_id_of_a_lost_call_is_not_taken_for_it(probe: Probe) -> None:
    row = past(probe, has_guard=True)
    probe.world.fault("mirror.ghost_transaction", match="/transactions/")
    looks(probe, row, 4, apart=31)

    assert row.status == Status.SUBMITTED and not row.result
    assert "not ours" in row.wallet.stopped_reason or "the wallet is stopped" in row.waiting_reason


@pytest.mark.parametrize("has_guard", [True, False])
def test_a_mirror_node_that_answers_404_to_everything_proves_nothing(probe: Probe, has_guard: bool) -> None:
    row = past(probe, has_guard=has_guard)
    probe.world.fault("mirror.not_found")
    looks(probe, row, 5, apart=31)

    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 0)
    assert row.waiting_reason.startswith("the mirror node does not answer")
    probe.world.clear("mirror.not_found")
    if not has_guard:
        probe.until(row, Status.EXPIRED)


def test_404_for_its_transactions_alone_counts_no_look(probe: Probe) -> None:
    row = past(probe, has_guard=True)
    probe.world.fault("mirror.not_found", match="/transactions")
    looks(probe, row, 5, apart=31)

    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 0)


@pytest.mark.parametrize("has_guard", [True, False])
def test_a_replica_that_is_behind_proves_nothing_and_the_other_cannot_prove_it_alone(
    probe: Probe, has_guard: bool
) -> None:
    """It is on chain. One replica shows the chain's time, the other one has not come to the call."""
    row = probe.on_chain(has_guard=has_guard)
    probe.world.fault("mirror.lag_seconds", seconds=1000, replica=1)
    probe.pass_validity(row)
    probe.world.advance(60)
    for _ in range(12):
        assert proof_of(row) is None
        resolve_transaction(row.pk)
        row.refresh_from_db()
        if row.status == Status.SUCCEEDED:
            break
        probe.world.advance(2)

    assert row.status == Status.SUCCEEDED and row.error_class == ""


def test_a_connection_that_breaks_off_proves_nothing(probe: Probe, quick_retries: None) -> None:
    row = past(probe, has_guard=True)
    probe.world.fault("mirror.drop_reply")
    looks(probe, row, 5, apart=31)

    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 0)


def test_a_list_that_ends_early_proves_nothing(probe: Probe) -> None:
    """The tail is missing: the payer went on, and this mirror node does not show it yet."""
    row = past(probe, has_guard=False)
    probe.world.fault("mirror.lag_seconds", seconds=1000)
    assert proof_of(row) is None

    assert row.status == Status.SUBMITTED


def test_a_mirror_node_that_was_reset_is_not_believed(probe: Probe) -> None:
    """It has what is new and lacks what was before: it does not begin with a call that we know to be on chain."""
    known = probe.until(probe.plan(), Status.SUCCEEDED)
    probe.world.advance(20)
    row = past(probe, has_guard=True)
    probe.world.fault("mirror.reset", since_ns=clock.consensus_ns(known.consensus_at) + 1)
    probe.somebody_pays()
    looks(probe, row, 4, apart=31)

    assert (row.status, row.absent_looks) == (Status.SUBMITTED, 0)
    assert "was reset" in row.waiting_reason
    probe.world.clear("mirror.reset")
    looks(probe, row, 1, apart=0)
    assert row.status == Status.EXPIRED


def test_a_call_whose_logs_are_there_is_not_absent_though_its_transaction_is(probe: Probe) -> None:
    """The mirror node has lost it from its lists and still shows what the contract logged in it."""
    row = probe.on_chain(has_guard=False)
    probe.world.fault("mirror.hidden", match=row.memo)
    probe.pass_validity(row)
    probe.somebody_pays()
    looks(probe, row, 3, apart=31)
    assert row.status == Status.SUBMITTED

    probe.world.clear("mirror.hidden")
    probe.until(row, Status.SUCCEEDED)


def test_nothing_is_sent_again_after_the_validity(probe: Probe, settings: Settings) -> None:
    settings.EXPIRY_MARGIN_SECONDS = 90
    row = lost(probe)
    probe.world.advance(row.valid_seconds or 0)
    sends = row.bodies.get().sends
    looks(probe, row, 3, apart=11)

    assert row.bodies.get().sends == sends
