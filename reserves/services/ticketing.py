"""Opening tickets for the contracts whose reserve is to be looked at, and finding those again whose ring was lost."""

import time
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from contracts import clock
from contracts.doorbell import backlog, ring
from contracts.ids import new_uid
from contracts.models import Contract
from contracts.services.holds import PAYDATE
from contracts.services.networks import hedera_network, stellar_network
from contracts.services.sweeping import single_flight
from reserves.models import PaymentAvailability

CHECKED = (
    Contract.Status.ACTIVE,
    Contract.Status.FUNDS_REACHED,
    Contract.Status.PAUSED,
    Contract.Status.BLOCKED,
)
SWEEP_LOCK = 0x5041_5944_0004
MOST_RINGS = 500
# A ticket that is open when a new one is tried may have ended when it is marked.
TIMES_OVERTAKEN = 5
MOST_FORGOTTEN = 5_000
MOST_SECONDS_FORGETTING = 20
RING_AGAIN = timedelta(seconds=6)
# Those rung for together wait for their turn: the sweep is not to ring once more for what is in the queue.
TURN = timedelta(milliseconds=20)
QUEUE = "checks"


def contracts_here() -> QuerySet[Contract]:
    """This Hedera network's payout contracts and, with a Soroban RPC, this Stellar network's investment contracts."""
    is_here = Q(kind=Contract.Kind.LIFECYCLE_CASH_FLOW, network=hedera_network())
    if settings.SOROBAN_RPC_URL:
        is_here |= Q(kind=Contract.Kind.INVESTMENT, network=stellar_network())
    return Contract.objects.filter(is_here)


def open_tickets(
    addresses: list[str] | None = None, *, by: str = PAYDATE, statuses: Collection[str] = CHECKED
) -> list[int]:
    """One for each contract that has none open, also for blocked ones; of the given addresses, or of all.

    Returns the new tickets' ids. The first of them are rung for once they are committed, and the sweep brings the
    others as fast as workers take them: ten thousand rings at once would only lie in Redis.
    """
    contracts = contracts_here().filter(status__in=statuses)
    if addresses is not None:
        contracts = contracts.filter(address__in=addresses)
    with transaction.atomic():
        now = clock.now()
        tickets = [
            PaymentAvailability(
                uid=new_uid(),
                contract_id=pk,
                mode=settings.RESERVE_CHECK_MODE,
                requested_by=by,
                requested_at=now,
                next_attempt_at=now + RING_AGAIN + place * TURN if place < MOST_RINGS else now,
            )
            for place, pk in enumerate(contracts.order_by("pk").values_list("pk", flat=True))
        ]
        PaymentAvailability.objects.bulk_create(tickets, ignore_conflicts=True, batch_size=2_000)
        uids = [ticket.uid for ticket in tickets]
        made = list(
            PaymentAvailability.objects.filter(uid__in=uids).order_by("pk").values_list("pk", flat=True)
        )
        for pk in made[:MOST_RINGS]:
            ring("reserves.check", pk)
    return made


def open_again(ticket: PaymentAvailability) -> None:
    """The next ticket of a contract of which something changed while this one was open. In the transaction that
    has ended it.
    """
    if PaymentAvailability.objects.filter(pk=ticket.pk, is_asked_again=True).exists():
        open_tickets([ticket.contract.address], by=ticket.requested_by)


def open_blocked() -> None:
    """Blocked contracts are looked at more often, so that a top-up is not waited for longer than needed."""
    open_tickets(statuses=[Contract.Status.BLOCKED])


def ask_again(contract: Contract, *, by: str = PAYDATE) -> None:
    """Something changed on chain: a ticket for it, or, where one is open that may have been answered before the
    change, one that follows it.
    """
    for _ in range(TIMES_OVERTAKEN):
        is_new = bool(open_tickets([contract.address], by=by))
        if is_new or PaymentAvailability.objects.open().filter(contract=contract).update(is_asked_again=True):
            return


def sweep() -> None:
    """Rings for open tickets that are due and in nobody's hands, while fewer than MOST_RINGS wait for a worker."""
    with single_flight(SWEEP_LOCK) as is_mine:
        if not is_mine or (room := MOST_RINGS - backlog(QUEUE)) <= 0:
            return
        now = clock.now()
        due = PaymentAvailability.objects.due(now).order_by("next_attempt_at", "pk")
        rows = list(due.only("pk")[:room])
        for place, row in enumerate(rows):
            row.next_attempt_at = now + RING_AGAIN + place * TURN
        PaymentAvailability.objects.bulk_update(rows, ["next_attempt_at"])
        for row in rows:
            ring("reserves.check", row.pk)


def forget_old() -> int:
    """Removes old tickets that changed nothing; those that moved a contract are evidence and stay.

    As many as come in at the same time, and no longer than a worker can be spared.
    """
    removed, stop_at = 0, time.monotonic() + MOST_SECONDS_FORGETTING
    while time.monotonic() < stop_at and (some := _forget_some()):
        removed += some
    return removed


def _forget_some() -> int:
    before = clock.now() - timedelta(days=settings.RESERVE_KEEP_DAYS)
    moved = (PaymentAvailability.Outcome.BLOCKED, PaymentAvailability.Outcome.RELEASED)
    ended = PaymentAvailability.objects.exclude(status=PaymentAvailability.Status.PENDING)
    old = ended.filter(requested_at__lt=before).exclude(outcome__in=moved).order_by("pk")
    pks = list(old.values_list("pk", flat=True)[:MOST_FORGOTTEN])
    PaymentAvailability.objects.filter(pk__in=pks).delete()
    return len(pks)
