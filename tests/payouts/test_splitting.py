"""Cutting batches: exactly the same payments in other batches, and never while a call may still pay them."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from django.db import connection

from payouts.models import Batch
from payouts.services.splitting import cut, send_again
from tests.factories import BatchFactory, PaymentFactory, TransactionFactory
from tests.factories.contracts import evm_address


def batch_of(total: int, *, learned: int | None = None, **columns: object) -> Batch:
    """A batch with its lines; the contract's size is being searched for unless it is learned."""
    holders = [evm_address(700_000 + place) for place in range(total)]
    batch = BatchFactory(holders=holders, total=total, **columns)
    contract = batch.distribution.asset.payout_contract
    contract.learned_batch_size = learned
    for place, holder in enumerate(holders):
        PaymentFactory(distribution=batch.distribution, batch=batch, ordinal=place, holder=holder)
    return batch


def lists_of(batches: list[Batch]) -> list[list[str]]:
    for batch in batches:
        assert set(batch.payments.values_list("holder", flat=True)) == set(batch.holders)
        assert batch.total == len(batch.holders)
    return [batch.holders for batch in batches]


@pytest.mark.django_db
def test_while_the_size_is_searched_for_the_rest_stays_together() -> None:
    batch = batch_of(10)
    children = cut(batch, 3)
    assert lists_of(children) == [batch.holders[:3], batch.holders[3:]]
    assert not batch.payments.exists()
    batch.refresh_from_db()
    assert batch.status == "SPLIT"


@pytest.mark.django_db
def test_to_a_learned_size_it_is_cut_evenly() -> None:
    batch = batch_of(10, learned=4)
    children = cut(batch, 4)
    assert [child.total for child in children] == [3, 3, 4]
    assert list(chain.from_iterable(lists_of(children))) == batch.holders


@pytest.mark.django_db
def test_children_remember_where_they_come_from_and_count_on_from_the_last_number() -> None:
    batch = batch_of(5, number=3, kind="RETRY", retry_count=2, status="PROCESSING")
    BatchFactory(distribution=batch.distribution, number=8)
    first, second = cut(batch, 2)
    assert (first.number, second.number) == (9, 10)
    assert (first.kind, first.parent_id, first.retry_count, first.status) == (
        "SPLIT_CHILD",
        batch.pk,
        2,
        "PENDING",
    )


@pytest.mark.django_db
@pytest.mark.parametrize("trait", ["signed", "submitted", "succeeded"])
def test_a_batch_whose_call_may_pay_stays_whole(trait: str) -> None:
    batch = batch_of(4, status="PROCESSING")
    TransactionFactory(subject=batch.subject, **{trait: True})
    assert cut(batch, 2) == [batch]
    batch.refresh_from_db()
    assert (batch.status, batch.payments.count(), batch.children.count()) == ("PROCESSING", 4, 0)


@pytest.mark.django_db
def test_a_batch_whose_call_failed_is_cut() -> None:
    batch = batch_of(4, status="PROCESSING")
    TransactionFactory(subject=batch.subject, failed=True)
    assert len(cut(batch, 2)) == 2


@pytest.mark.django_db
def test_what_somebody_else_has_moved_is_left_alone() -> None:
    batch = batch_of(4)
    Batch.objects.filter(pk=batch.pk).update(status="PROCESSING")
    assert cut(batch, 2) == []
    assert batch.payments.count() == 4


@pytest.mark.django_db
def test_only_who_is_still_unpaid_is_sent_again() -> None:
    batch = batch_of(4, status="PARTIALLY_COMPLETED")
    first, second, third, fourth = batch.payments.order_by("ordinal")
    batch.payments.filter(pk=first.pk).update(status="PAID", paid_units=1, paid_at="1.000000001")
    batch.payments.filter(pk=third.pk).update(status="PAID", paid_units=1, paid_at="1.000000001")
    batch.payments.filter(pk=second.pk).update(
        status="FAILED", failure_reason="cause unknown", failure_cause="UNKNOWN"
    )

    child = send_again(batch, batch.holders[1:], reason="there was no room for them")

    assert child is not None
    assert child.holders == [second.holder, fourth.holder]
    second.refresh_from_db()
    assert (second.status, second.failure_reason, second.failure_cause) == ("PENDING", "", "")
    assert second.batch_id == child.pk
    assert send_again(batch, batch.holders[1:], reason="again") is None


@pytest.mark.django_db(transaction=True)
def test_two_cuts_at_once_take_different_numbers() -> None:
    first = batch_of(6, number=1)
    second = BatchFactory(distribution=first.distribution, number=2, total=6)

    def work(pk: int) -> None:
        try:
            cut(Batch.objects.get(pk=pk), 1)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, [first.pk, second.pk]))

    numbers = list(first.distribution.batches.order_by("number").values_list("number", flat=True))
    assert numbers == [1, 2, 3, 4, 5, 6]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_cut_the_same_batch_one_does() -> None:
    """Each has read it while it was whole."""
    batch = batch_of(6)
    seen = [Batch.objects.get(pk=batch.pk) for _ in range(4)]

    def work(whole: Batch) -> int:
        try:
            return len(cut(whole, 2))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(work, seen))

    assert sorted(made) == [0, 0, 0, 2]
    assert batch.children.count() == 2
