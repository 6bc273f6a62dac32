"""The fence: whatever the key of a wallet signs has its row here, or nothing more is signed for it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.models import AuditEvent, ContractTransaction, Hold, Wallet
from contracts.services import fencing
from contracts.services.signing import sign_transaction
from contracts.services.wallets import WalletNotStarted, start_wallet, stop_wallet
from tests.contracts.probe import Probe, Status
from tests.contracts.strangers import send_call, send_transfer

SUBJECT = "probe:0123456789abcdefghijkl"


@pytest.fixture
def settled(probe: Probe) -> Probe:
    """The wallet has been at work for a while, and its list was compared."""
    probe.world.advance(20)
    probe.until(probe.plan(), Status.SUCCEEDED)
    return probe


def wallet(probe: Probe) -> Wallet:
    return Wallet.objects.get(pk=probe.setting.asset.payout_contract.wallet_id)


def refused(probe: Probe, words: str, *, has_guard: bool = True) -> ContractTransaction:
    """A call that is planned now and not signed, for this reason."""
    asked = probe.world.signatures_asked()
    row = probe.plan(has_guard=has_guard)
    sign_transaction(row.pk)
    row.refresh_from_db()
    assert words in row.waiting_reason
    assert (row.status, row.transaction_id, probe.world.signatures_asked()) == (Status.PLANNED, None, asked)
    return row


def test_another_system_with_the_key_stops_all_signing_and_holds_the_contracts(settled: Probe) -> None:
    stranger = send_transfer(settled, "lunch money")
    settled.world.advance(61)

    row = refused(settled, "another system signs with this wallet")
    refused(settled, "the wallet is stopped: fence: another system")

    assert stranger in row.waiting_reason and "claim_wallets" in row.waiting_reason
    stopped = wallet(settled)
    assert stopped.stopped_by_fence and stopped.stopped_reason.startswith("fence: another system")
    hold = Hold.objects.open().get()
    assert (hold.scope, hold.cause, hold.needs_operator) == ("CONTRACT", "FENCE", True)
    assert hold.object_uid == settled.setting.asset.payout_contract.uid
    assert hold.reason == stopped.stopped_reason


def test_a_failed_call_of_somebody_else_stops_signing_too(settled: Probe) -> None:
    settled.world.fault("consensus.gas", base=5_000_000, per_transfer=1)
    send_call(settled, "their call")
    settled.world.advance(61)

    refused(settled, "another system signs with this wallet")


def test_another_paydate_is_named_as_what_it_is(settled: Probe) -> None:
    send_call(settled, f"pd1:elsewhere:{SUBJECT}:1")
    settled.world.advance(61)

    refused(settled, "another Paydate signs with this wallet")


def test_a_call_of_ours_without_a_row_that_began_after_our_start_means_a_copy_is_alive(
    settled: Probe,
) -> None:
    settled.known.add(SUBJECT)
    send_call(settled, f"pd1:test:{SUBJECT}:1")
    settled.world.advance(61)

    refused(settled, "another copy of this Paydate is alive")

    assert not ContractTransaction.objects.of(SUBJECT).exists()


def test_one_that_began_before_our_start_is_adopted_as_its_subjects_attempt(settled: Probe) -> None:
    settled.known.add(SUBJECT)
    stranger = send_call(settled, f"pd1:test:{SUBJECT}:1")
    settled.world.advance(2)
    fencing.restart()
    settled.world.advance(1)
    settled.arrows.clear()

    refused(settled, "this database is older than the chain")

    row = ContractTransaction.objects.of(SUBJECT).get()
    assert (row.attempt, row.status, row.transaction_id) == (1, Status.SUCCEEDED, stranger)
    assert row.adopted_at is not None and row.result is not None and row.consensus_at
    assert settled.arrows == ["SUBMITTED", "SUCCEEDED"]
    assert wallet(settled).stopped_by_fence


def test_one_whose_subject_is_not_known_here_is_kept_as_evidence_and_nobody_is_told(settled: Probe) -> None:
    stranger = send_call(settled, f"pd1:test:{SUBJECT}:1")
    settled.world.advance(2)
    fencing.restart()
    settled.world.advance(1)
    settled.arrows.clear()

    refused(settled, "this database is older than the chain")

    row = ContractTransaction.objects.get(transaction_id=stranger)
    assert (row.purpose, row.status, row.memo) == ("stray", Status.SUCCEEDED, f"pd1:test:{SUBJECT}:1")
    assert settled.arrows == []


def test_money_that_comes_in_stops_nothing(settled: Probe) -> None:
    settled.world.control.do_send_hbar(wallet(settled).account, 7)
    settled.world.advance(61)

    settled.until(settled.plan(), Status.SUCCEEDED)


def test_what_the_wallet_did_before_it_was_given_to_paydate_stops_nothing(probe: Probe) -> None:
    send_transfer(probe, "before Paydate")
    probe.world.advance(20)
    Wallet.objects.update(created_at=clock.now())

    probe.until(probe.plan(), Status.SUCCEEDED)


def test_every_transaction_of_our_own_is_known(settled: Probe) -> None:
    """Failed ones, ones of a second node, and ones that were sent a moment ago."""
    settled.world.fault("consensus.drop_reply", count=1)
    settled.until(settled.plan(), Status.SUCCEEDED)
    settled.world.fault("consensus.gas", base=5_000_000, per_transfer=1)
    settled.until(settled.plan(), Status.FAILED)
    settled.world.clear("consensus.gas")
    just_sent = settled.submitted()
    settled.world.advance(61)

    settled.until(settled.plan(), Status.SUCCEEDED)
    settled.until(just_sent, Status.SUCCEEDED)


def test_between_two_comparisons_the_question_costs_no_query(settled: Probe) -> None:
    mine = wallet(settled)
    assert fencing.why_not(mine) is None

    with CaptureQueriesContext(connection) as queries:
        assert all(fencing.why_not(mine) is None for _ in range(50))
    assert not queries.captured_queries


def test_the_interval_is_a_setting(settled: Probe, settings: Settings) -> None:
    send_transfer(settled, "lunch money")
    settings.FENCE_SECONDS = 300
    settled.world.advance(200)
    settled.until(settled.plan(), Status.SUCCEEDED)
    settings.FENCE_SECONDS = 60

    refused(settled, "another system signs with this wallet")


def test_before_a_call_without_a_guard_the_list_is_compared_whatever_was_seen(settled: Probe) -> None:
    send_transfer(settled, "lunch money")
    settled.until(settled.plan(), Status.SUCCEEDED)

    refused(settled, "another system signs with this wallet", has_guard=False)


def test_nothing_is_signed_while_the_mirror_node_cannot_show_the_list(
    settled: Probe, quick_retries: None
) -> None:
    settled.world.fault("mirror.error_rate", match="/transactions?", status=503)
    settled.world.advance(130)

    row = refused(settled, "the mirror node does not show what this wallet has on chain")

    settled.world.clear("mirror.error_rate")
    settled.until(row, Status.SUCCEEDED)


def test_a_list_that_is_not_one_is_no_empty_list(settled: Probe) -> None:
    """A mirror node answers a list of nothing with 200."""
    settled.world.fault("mirror.error_rate", match="/transactions?", status=404)
    settled.world.advance(130)

    refused(settled, "the mirror node does not show what this wallet has on chain")


def test_the_first_comparison_shows_what_was_on_chain_when_the_signer_started(settled: Probe) -> None:
    settled.world.fault("mirror.lag_seconds", seconds=1.5)
    fencing.restart()

    row = refused(settled, "the mirror node has not come to the moment at which this signer started")

    settled.until(row, Status.SUCCEEDED)


def test_a_long_list_is_compared_piece_by_piece(settled: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        settled.until(settled.plan(), Status.SUCCEEDED)
    monkeypatch.setattr(fencing, "MOST_RECORDS", 2)
    Wallet.objects.update(watched_through="")
    fencing.restart()
    settled.world.advance(1)

    row = refused(settled, "its transactions on chain are still being compared")
    reached = wallet(settled).watched_through
    settled.until(row, Status.SUCCEEDED)

    assert reached < wallet(settled).watched_through


def test_the_comparison_goes_on_where_it_ended_and_reads_the_newest_minute_again(settled: Probe) -> None:
    last = ContractTransaction.objects.latest("pk")
    seen = clock.consensus_ns(wallet(settled).watched_through or "0.0")
    settled.world.advance(61)
    fencing.guard_wallets()

    through = clock.consensus_ns(wallet(settled).watched_through)
    assert through > seen
    assert through == clock.consensus_ns(last.consensus_at) - 60 * clock.NANOSECONDS


def test_a_stranger_is_found_after_a_month_in_which_nobody_looked(settled: Probe) -> None:
    """Each question covers a few days: a mirror node may cut a longer range short and say nothing."""
    settled.world.advance(10 * 86_400)
    stranger = send_transfer(settled, "lunch money")
    settled.world.advance(20 * 86_400)
    fencing.guard_wallets()

    assert stranger in wallet(settled).stopped_reason


def test_the_place_of_an_idle_wallet_follows_a_day_behind(settled: Probe) -> None:
    settled.world.advance(30 * 86_400)
    fencing.guard_wallets()

    behind = clock.now_ns() - clock.consensus_ns(wallet(settled).watched_through)
    assert 0 <= behind // clock.NANOSECONDS - 86_400 < 60


def test_a_wallet_with_nothing_to_sign_is_guarded_too(settled: Probe) -> None:
    send_transfer(settled, "lunch money")
    settled.world.advance(61)

    fencing.guard_wallets()

    assert wallet(settled).stopped_by_fence


def test_starting_it_in_the_admin_is_not_enough(settled: Probe) -> None:
    send_transfer(settled, "lunch money")
    settled.world.advance(61)
    fencing.guard_wallets()

    with pytest.raises(WalletNotStarted, match="claim_wallets"):
        start_wallet(wallet(settled), reason="it was me", by="ann")
    assert wallet(settled).stopped_reason


def test_a_wallet_that_a_person_had_stopped_keeps_that_reason(settled: Probe) -> None:
    stop_wallet(wallet(settled), "the auditors are in the house", by="ann")
    send_transfer(settled, "lunch money")
    settled.world.advance(61)
    fencing.guard_wallets()

    stopped = wallet(settled)
    assert stopped.stopped_by_fence
    assert stopped.stopped_reason == "the auditors are in the house"
    assert AuditEvent.objects.filter(what="stop", reason__startswith="fence: another system").exists()


def test_signed_bytes_are_not_sent_for_a_wallet_that_was_stopped_meanwhile(settled: Probe) -> None:
    settled.world.fault("custody.approval", count=1, match="/signatures", mode="pending")
    row = settled.until_waiting(settled.plan(), "custody waits for approval")
    settled.world.control.do_approve()
    settled.closed = "held for the test"
    settled.until_waiting(row, "held for the test")
    send_transfer(settled, "lunch money")
    settled.world.advance(61)
    fencing.guard_wallets()
    settled.closed = None
    settled.until_waiting(row, "the wallet is stopped")

    assert not settled.executed(row)
