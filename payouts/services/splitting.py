"""New batches out of old ones: a batch is cut, or its unpaid holders are sent again in a batch of their own."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from django.db import connection, transaction
from django.db.models import Max

from contracts.faults import fault_point
from contracts.models import OPEN, AuditEvent, ContractTransaction
from contracts.transitions import move
from payouts.models import Batch, Distribution, Payment

BATCH_CUT = fault_point("batch.cut", scenario="oversized")
# An attempt in one of these pays, or may still pay, the whole frozen list.
PAYING = (*OPEN, ContractTransaction.Status.SUCCEEDED)


def cut(batch: Batch, size: int) -> list[Batch]:
    """Cuts a batch into children of at most ``size`` holders; gives the batches that now hold its payments.

    That is the batch itself while an attempt of it is open or has succeeded, and nothing when somebody else
    has moved it. Its row stays locked until the caller's transaction ends, so no attempt comes in between.

    While the contract's size is searched for, the first child has exactly ``size`` holders and the second all
    the rest: a later, larger try finds enough of them. Afterwards the children are about equal.
    """
    contract = batch.distribution.asset.payout_contract
    parts = _in_two if contract.learned_batch_size is None else _equally
    with transaction.atomic():
        if not _lock(batch):
            return []
        if ContractTransaction.objects.filter(subject=batch.subject, status__in=PAYING).exists():
            return [batch]
        children = [_child(batch, part) for part in parts(batch.holders, size)]
        move(batch, Batch.Status.SPLIT, reason=_words(children), waiting_reason="")
        _store(batch, children)
        transaction.on_commit(lambda: BATCH_CUT.reach(batch.distribution.uid))
    return children


def send_again(batch: Batch, holders: Sequence[str], *, reason: str) -> Batch | None:
    """A new batch with those of ``holders`` whose payment still belongs to the batch and is not paid."""
    with transaction.atomic():
        unpaid = batch.payments.filter(holder__in=holders, status__in=("PENDING", "FAILED"))
        left = set(unpaid.select_for_update().values_list("holder", flat=True))
        if not left:
            return None
        child = _child(batch, [holder for holder in batch.holders if holder in left])
        _store(batch, [child])
        child.payments.update(status=Payment.Status.PENDING, failure_reason="", failure_cause="")
        AuditEvent.write(child, what="status", target=child.status, reason=reason, by="paydate")
    return child


def _lock(batch: Batch) -> bool:
    rows = Batch.objects.select_for_update().filter(pk=batch.pk, status=batch.status)
    return rows.values_list("pk", flat=True).first() is not None


def _in_two(holders: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    yield holders[:size]
    if holders[size:]:
        yield holders[size:]


def _equally(holders: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    count = -(-len(holders) // size)
    bounds = [len(holders) * place // count for place in range(count + 1)]
    yield from (holders[first:last] for first, last in pairwise(bounds))


def _child(parent: Batch, holders: Sequence[str]) -> Batch:
    return Batch(
        distribution=parent.distribution,
        kind=Batch.Kind.SPLIT_CHILD,
        parent=parent,
        holders=list(holders),
        total=len(holders),
        retry_count=parent.retry_count,
    )


def _words(children: list[Batch]) -> str:
    sizes = " and ".join(str(child.total) for child in children)
    return f"cut into {sizes} holders" if len(children) < 3 else f"cut into {len(children)} batches"


def _store(parent: Batch, children: list[Batch]) -> None:
    """Numbers are taken under a lock of the distribution, so that two cuts at once do not take the same."""
    list(Distribution.objects.select_for_update(no_key=True).filter(pk=parent.distribution_id).values("pk"))
    last: int = parent.distribution.batches.aggregate(last=Max("number"))["last"] or 0
    for number, child in enumerate(children, last + 1):
        child.number = number
    Batch.objects.bulk_create(children)
    _hand_over(parent, children)


def _hand_over(parent: Batch, children: list[Batch]) -> None:
    """Every payment of the parent that is in a child's list becomes the child's, in one statement."""
    pairs = [(holder, child.pk) for child in children for holder in child.holders]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE payouts_payment AS payment SET batch_id = news.batch_id
              FROM unnest(%s::text[], %s::bigint[]) AS news(holder, batch_id)
             WHERE payment.distribution_id = %s AND payment.holder = news.holder AND payment.batch_id = %s
            """,
            [*(list(column) for column in zip(*pairs, strict=True)), parent.distribution_id, parent.pk],
        )
