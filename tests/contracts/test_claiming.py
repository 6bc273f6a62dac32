"""Claiming wallets: waits, takes in what is on chain, and only then lets the wallets sign again."""

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command

from contracts.gateways.mirror import Mirror
from contracts.models import AuditEvent, ContractTransaction, Hold, Installation, Wallet
from contracts.services import claiming, fencing, identity
from contracts.services.claiming import Claimed, NotClaimed, claim_wallets
from contracts.services.planning import AlreadyOpen
from contracts.services.signing import sign_transaction
from tests.contracts.probe import Probe, Status
from tests.contracts.strangers import send_call, send_transfer
from tests.restoring import Backup

SUBJECT = "probe:0123456789abcdefghijkl"


@pytest.fixture
def settled(probe: Probe) -> Probe:
    probe.world.advance(20)
    probe.until(probe.plan(), Status.SUCCEEDED)
    return probe


@pytest.fixture
def stopped(settled: Probe) -> Probe:
    send_transfer(settled, "lunch money")
    settled.world.advance(61)
    fencing.guard_wallets()
    assert wallet(settled).stopped_by_fence
    return settled


def wallet(probe: Probe) -> Wallet:
    return Wallet.objects.get(pk=probe.setting.asset.payout_contract.wallet_id)


def claim(probe: Probe, pause: Callable[[float], None] | None = None) -> list[Claimed]:
    """As the command does it, with the clock going faster."""
    said: list[str] = []
    step = pause or (lambda _: probe.world.advance(30))
    done = claim_wallets(reason="it was the treasurer", by="ann", say=said.append, pause=step)
    assert any("s of chain time" in line for line in said)
    return done


def test_a_claim_takes_everything_into_the_book_and_signing_goes_on(stopped: Probe) -> None:
    row = stopped.until_waiting(stopped.plan(), "the wallet is stopped")
    (done,) = claim(stopped)

    assert (done.adopted, done.strays) == (0, 1)
    stray = ContractTransaction.objects.get(purpose="stray")
    assert (stray.memo, stray.status, stray.function) == ("lunch money", Status.SUCCEEDED, "")
    assert not wallet(stopped).stopped_reason and not Hold.objects.open().exists()
    for noun in ("installation", "wallet"):
        event = AuditEvent.objects.filter(noun=noun, what="claim").latest("pk")
        assert (event.by, event.reason) == ("ann", "it was the treasurer")
    stopped.until(row, Status.SUCCEEDED)
    stopped.world.advance(120)
    stopped.until(stopped.plan(), Status.SUCCEEDED)


def test_it_waits_until_nothing_signed_before_can_come_any_more(stopped: Probe) -> None:
    began = stopped.world.net.chain.now_ns()
    claim(stopped)

    waited = (stopped.world.net.chain.now_ns() - began) // 10**9
    assert 270 <= waited <= 310


def test_a_call_of_ours_that_a_copy_sent_before_the_claim_becomes_its_subjects_attempt(
    stopped: Probe,
) -> None:
    stopped.known.add(SUBJECT)
    send_call(stopped, f"pd1:test:{SUBJECT}:1")
    (done,) = claim(stopped)

    assert (done.adopted, done.strays) == (1, 1)
    row = ContractTransaction.objects.of(SUBJECT).get()
    assert row.status == Status.SUCCEEDED and row.result is not None
    with pytest.raises(AlreadyOpen):
        stopped.plan(SUBJECT)


def test_whoever_is_still_at_work_prevents_it(stopped: Probe) -> None:
    """The other system sends while the claim waits."""

    def pause(_: float) -> None:
        stopped.world.advance(100)
        send_transfer(stopped, "more lunch money")

    with pytest.raises(NotClaimed, match=r"in use elsewhere right now: another system .*; stop that"):
        claim(stopped, pause)
    assert wallet(stopped).stopped_by_fence and Hold.objects.open().exists()

    claim(stopped)
    assert not wallet(stopped).stopped_by_fence


def test_it_may_be_interrupted_anywhere_and_run_again(
    stopped: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped.known.add(SUBJECT)
    send_call(stopped, f"pd1:test:{SUBJECT}:1")
    for name in ("_wait_until_settled", "_read", "_file", "_release"):
        original = getattr(claiming, name)

        def interrupted(
            *arguments: object, original: Callable[..., object] = original, **named: object
        ) -> None:
            original(*arguments, **named) if original.__name__ == "_file" else None
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(claiming, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                claim_wallets(
                    reason="r", by="ann", say=lambda _: None, pause=lambda _: stopped.world.advance(60)
                )
        assert wallet(stopped).stopped_by_fence and Hold.objects.open().exists()

    claim(stopped)
    assert ContractTransaction.objects.of(SUBJECT).count() == 1
    assert ContractTransaction.objects.filter(purpose="stray").count() == 1
    assert not wallet(stopped).stopped_by_fence


def test_a_mirror_node_that_is_away_ends_it_without_a_release(
    stopped: Probe, quick_retries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped.world.fault("mirror.error_rate", match="/transactions?", status=503)

    with pytest.raises(NotClaimed, match="run this again"):
        claim(stopped)
    assert wallet(stopped).stopped_by_fence


def test_a_new_identity_is_written_only_by_a_claim(settled: Probe) -> None:
    Installation.objects.update(instance_id="acme", database_oid=1)
    identity.forget()
    fencing.guard_wallets()
    assert claiming.is_needed()
    claim(settled)

    known = Installation.objects.get()
    assert (known.instance_id, known.database_oid) == ("test", identity.server().database_oid)
    assert (known.claimed_by, known.reason) == ("ann", "it was the treasurer")
    assert identity.identity_problem() is None and not Hold.objects.open().exists()
    event = AuditEvent.objects.filter(noun="installation", what="claim").latest("pk")
    assert event.source.startswith("acme in PostgreSQL system") and event.target.startswith("test in")
    settled.until(settled.plan(), Status.SUCCEEDED)


def test_calls_under_the_name_before_the_claim_are_ours_too(settled: Probe) -> None:
    settled.known.add(SUBJECT)
    send_call(settled, f"pd1:acme:{SUBJECT}:1")
    Installation.objects.update(instance_id="acme")
    identity.forget()
    (done,) = claim(settled)

    assert (done.adopted, done.strays) == (1, 0)


def test_a_wallet_stopped_by_a_person_stays_stopped(stopped: Probe) -> None:
    Wallet.objects.update(stopped_reason="the auditors are in the house")
    claim(stopped)

    assert wallet(stopped).stopped_reason == "the auditors are in the house"
    assert not wallet(stopped).stopped_by_fence


def test_bytes_that_took_the_id_of_a_call_end_it_for_good(settled: Probe) -> None:
    """An id is on chain once: what took it proves that ours never will be."""
    settled.world.fault("consensus.lose", count=1)
    row = settled.submitted()
    send_transfer(settled, "not ours", start_ns=row.valid_start_ns)
    settled.world.advance(61)
    fencing.guard_wallets()
    claim(settled)

    row.refresh_from_db()
    assert (row.status, row.error_class) == (Status.FAILED, "ID_TAKEN")
    settled.until(settled.plan(), Status.SUCCEEDED)


# --- a database that was put back ---------------------------------------------------------------------------------


def test_a_row_planned_before_the_backup_takes_the_chains_identity_and_is_not_signed_again(
    settled: Probe, backup: Backup
) -> None:
    row = settled.plan()
    backup.take()
    settled.until(row, Status.SUCCEEDED)
    on_chain = row.transaction_id
    settled.world.advance(5)
    backup.restore()
    settled.world.advance(1)
    sign_transaction(row.pk)

    row.refresh_from_db()
    assert (row.transaction_id, row.status) == (on_chain, Status.SUCCEEDED)
    claim(settled)
    settled.until(settled.plan(), Status.SUCCEEDED)
    assert len(settled.executed(row)) == 1


def test_a_row_whose_bytes_were_signed_after_the_backup_is_found_by_its_memo(
    settled: Probe, backup: Backup
) -> None:
    settled.world.fault("custody.drop_request", count=1, match="/signatures")
    row = settled.until_waiting(settled.plan(), "custody does not answer")
    backup.take()
    settled.until(row, Status.SUCCEEDED)
    settled.world.advance(5)
    backup.restore()
    settled.world.advance(1)
    fencing.guard_wallets()

    row.refresh_from_db()
    assert row.bodies.get().hash == "" and row.adopted_at is not None
    assert row.status == Status.SUCCEEDED
    claim(settled)
    assert len(settled.executed(row)) == 1


def test_a_call_planned_after_the_backup_becomes_an_attempt_and_follows_earlier_ones(
    settled: Probe, backup: Backup
) -> None:
    first = settled.plan()
    backup.take()
    settled.world.fault("consensus.gas", base=5_000_000, per_transfer=1)
    settled.until(first, Status.FAILED)
    settled.world.clear("consensus.gas")
    second = settled.until(settled.plan(first.subject), Status.SUCCEEDED)
    settled.world.advance(5)
    backup.restore()
    settled.world.advance(1)
    fencing.guard_wallets()
    claim(settled)

    attempts = [(row.attempt, row.status) for row in ContractTransaction.objects.of(first.subject)]
    assert attempts == [(1, Status.FAILED), (2, Status.SUCCEEDED)]
    assert ContractTransaction.objects.of(first.subject)[1].transaction_id == second.transaction_id


def test_an_attempt_identified_here_before_the_other_was_seen_has_to_end_first(
    settled: Probe, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mirror node showed the lost call only after this database had fixed an identity of its own."""
    row = settled.plan()
    backup.take()
    settled.until(row, Status.SUCCEEDED)
    on_chain = row.transaction_id
    settled.world.advance(5)
    backup.restore()
    settled.world.advance(1)
    settled.world.fault("consensus.lose", match=row.subject)
    with monkeypatch.context() as patch:
        patch.setattr(Mirror, "account_transactions", lambda *_, **__: iter(()))
        row.refresh_from_db()
        sign_transaction(row.pk)
    row.refresh_from_db()
    assert row.status == Status.SUBMITTED and row.transaction_id != on_chain
    settled.world.advance(61)
    fencing.guard_wallets()
    claim(settled)

    attempts = [(one.attempt, one.status) for one in ContractTransaction.objects.of(row.subject)]
    assert attempts == [(1, Status.EXPIRED), (2, Status.SUCCEEDED)]
    assert ContractTransaction.objects.get(transaction_id=on_chain).attempt == 2
    assert len(settled.executed(row)) == 1


# --- the command --------------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("claim_wallets", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_the_command_says_when_nothing_is_to_be_claimed(settled: Probe) -> None:
    code, out, _ = run("--reason", "to be sure")

    assert code == 0 and "nothing to claim" in out
    assert not AuditEvent.objects.filter(what="claim").exclude(reason="first use").exists()


def test_the_command_wants_a_reason_and_a_confirmation(stopped: Probe) -> None:
    assert run("--reason", "  ")[0] == 2
    code, out, err = run("--reason", "it was the treasurer")

    assert code == 2 and "--yes" in err and "everything is held as before" in err
    assert "another system signs with this wallet" in out
    assert wallet(stopped).stopped_by_fence


def test_the_command_claims_and_says_what_comes_next(stopped: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming.time, "sleep", lambda _: stopped.world.advance(60))
    monkeypatch.setitem(claim_wallets.__kwdefaults__ or {}, "pause", lambda _: stopped.world.advance(60))
    code, out, _ = run("--reason", "it was the treasurer", "--yes")

    assert code == 0
    assert "0 of our own calls taken into the book, 1 of others kept as evidence" in out
    assert "What comes next" in out
    assert not wallet(stopped).stopped_by_fence
