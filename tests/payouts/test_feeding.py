"""Which batches are started next: fairly over distributions, within the window, one while a size is searched for."""

from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from contracts import doorbell
from contracts.models import ContractTransaction, Wallet
from contracts.services import identity
from payouts.models import Batch, Distribution
from payouts.services.feeding import feed, wallets_with_work
from tests.factories.contracts import (
    AssetFactory,
    ContractFactory,
    HoldFactory,
    TransactionFactory,
    WalletFactory,
)
from tests.factories.payouts import BatchFactory, DistributionFactory

pytestmark = pytest.mark.django_db(transaction=True)
Status = ContractTransaction.Status
MakeRun = Callable[..., Distribution]


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(doorbell, "_send", lambda name, row_id, after=0: rung.append((name, row_id)))
    return rung


@pytest.fixture
def wallet() -> Wallet:
    return WalletFactory.create()


def make_run(wallet: Wallet, *, batches: int, learned: int | None = 100, **columns: object) -> Distribution:
    """A distribution ready to pay, on a contract of its own."""
    contract = ContractFactory.create(wallet=wallet, learned_batch_size=learned)
    asset = AssetFactory.create(payout_contract=contract)
    run = DistributionFactory.create(asset=asset, planned=True, **columns)
    BatchFactory.create_batch(batches, distribution=run)
    return run


def started(run: Distribution) -> int:
    return run.batches.filter(status=Batch.Status.PROCESSING).count()


def calls_of(run: Distribution) -> Counter[str]:
    return Counter(ContractTransaction.objects.filter(group_uid=run.uid).values_list("status", flat=True))


def test_a_started_batch_has_its_planned_call_and_the_signer_is_rung(
    wallet: Wallet, rings: list[tuple[str, int]]
) -> None:
    run = make_run(wallet, batches=2)

    feed(wallet.pk)

    assert started(run) == 2
    for batch in run.batches.all():
        call = ContractTransaction.objects.get(subject=batch.subject)
        assert (call.status, call.attempt, call.group_uid) == (Status.PLANNED, 1, run.uid)
        assert call.memo.endswith(f":{batch.subject}:1")
        assert call.arguments[2] == batch.holders
        assert ("contracts.sign_transaction", call.pk) in rings


def test_the_window_bounds_what_is_not_sent_yet(wallet: Wallet, settings: Settings) -> None:
    settings.PAYMENTS_IN_FLIGHT = 8
    run = make_run(wallet, batches=20)

    feed(wallet.pk)
    feed(wallet.pk)
    assert started(run) == 8

    sent = ContractTransaction.objects.filter(group_uid=run.uid)[:5]
    for number, call in enumerate(sent):
        ContractTransaction.objects.filter(pk=call.pk).update(
            status="SUBMITTED", broadcast_started_at=run.created_at, transaction_id=f"0.0.5-1-{number:09d}"
        )
    feed(wallet.pk)
    assert started(run) == 13


def test_a_small_run_beside_a_large_one_gets_its_share_of_the_next_places(
    wallet: Wallet, settings: Settings
) -> None:
    settings.PAYMENTS_IN_FLIGHT = 8
    large = make_run(wallet, batches=50)
    feed(wallet.pk)
    assert started(large) == 8
    small = make_run(wallet, batches=3)
    freed = ContractTransaction.objects.filter(group_uid=large.uid)[:6]
    for call in freed:
        ContractTransaction.objects.filter(pk=call.pk).update(status="FAILED")

    feed(wallet.pk)

    assert started(small) == 3
    # Two under way and two of the six places; the fourth place of the small one stays free until the next time.
    assert calls_of(large)["PLANNED"] == 2 + 2


def test_three_runs_that_start_together_share_the_window(wallet: Wallet, settings: Settings) -> None:
    settings.PAYMENTS_IN_FLIGHT = 9
    runs = [make_run(wallet, batches=10) for _ in range(3)]

    feed(wallet.pk)

    assert [started(run) for run in runs] == [3, 3, 3]


def test_what_is_held_keeps_no_place_and_starts_nothing(wallet: Wallet, settings: Settings) -> None:
    settings.PAYMENTS_IN_FLIGHT = 4
    held = make_run(wallet, batches=6)
    feed(wallet.pk)
    Distribution.objects.filter(pk=held.pk).update(status="HELD", status_before_hold="PROCESSING")
    other = make_run(wallet, batches=6)

    feed(wallet.pk)

    assert started(held) == 4
    assert started(other) == 4


def test_a_closed_gate_leaves_the_batches_waiting_with_the_reason(wallet: Wallet) -> None:
    run = make_run(wallet, batches=2)
    HoldFactory.create(scope="GLOBAL", object_uid="", cause="OPERATOR", reason="month end")

    feed(wallet.pk)

    assert started(run) == 0
    assert not ContractTransaction.objects.exists()
    assert set(run.batches.values_list("waiting_reason", flat=True)) == {"held: month end"}
    assert wallets_with_work() == []


def test_while_a_size_is_searched_for_one_batch_of_the_contract_is_under_way(wallet: Wallet) -> None:
    run = make_run(wallet, batches=3, learned=None)

    feed(wallet.pk)
    feed(wallet.pk)

    assert started(run) == 1


def test_a_batch_larger_than_the_learned_size_is_cut_before_it_starts(wallet: Wallet) -> None:
    run = make_run(wallet, batches=1, learned=2)

    feed(wallet.pk)

    totals = run.batches.filter(status=Batch.Status.PROCESSING).values_list("total", flat=True)
    assert sorted(totals) == [1, 2]
    assert run.batches.get(status=Batch.Status.SPLIT).total == 3


def test_an_attempt_found_on_chain_before_the_batch_was_started_is_followed_and_nothing_is_planned(
    wallet: Wallet, rings: list[tuple[str, int]]
) -> None:
    run = make_run(wallet, batches=1)
    batch = run.batches.get()
    TransactionFactory.create(subject=batch.subject, group_uid=run.uid, purpose="batch", wallet=wallet)

    feed(wallet.pk)

    assert ContractTransaction.objects.filter(subject=batch.subject).count() == 1
    assert started(run) == 1
    assert ("payouts.pay_batch", batch.pk) in rings


def test_whoever_comes_while_another_one_feeds_returns_at_once(wallet: Wallet) -> None:
    run = make_run(wallet, batches=2)
    lock = "SELECT pg_advisory_xact_lock(%s, %s)"
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(lock, [0x5044_0001, wallet.pk])
        feed(wallet.pk)
        assert started(run) == 0
        with other.cursor() as cursor:
            cursor.execute("COMMIT")
        feed(wallet.pk)
        assert started(run) == 2
    finally:
        other.close()


def test_starting_many_batches_takes_as_many_statements_as_starting_few(
    wallet: Wallet, settings: Settings
) -> None:
    settings.PAYMENTS_IN_FLIGHT = 40
    identity.identity_problem()  # asked every few seconds, however much is started

    def statements(batches: int) -> int:
        run = make_run(wallet, batches=batches)
        with CaptureQueriesContext(connection) as queries:
            feed(wallet.pk)
        assert started(run) == batches
        ContractTransaction.objects.filter(group_uid=run.uid).update(status="FAILED")
        return len(queries)

    assert statements(30) == statements(3)


def test_a_crash_before_the_commit_starts_nothing(wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(wallet, batches=2)
    monkeypatch.setattr("payouts.services.feeding._move_to_processing", _fail)

    with pytest.raises(RuntimeError), transaction.atomic():
        feed(wallet.pk)

    assert started(run) == 0
    assert not ContractTransaction.objects.exists()


def _fail(batches: list[Batch]) -> None:
    raise RuntimeError("the process died here")
