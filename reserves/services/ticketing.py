"""Opening tickets for the contracts whose reserve is to be looked at, and finding those again whose ring was lost."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from contracts import clock
from contracts.doorbell import ring
from contracts.ids import new_uid
from contracts.models import Contract
from contracts.services.holds import PAYDATE
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
MOST_FORGOTTEN = 5_000
RING_AGAIN = timedelta(seconds=6)


def stellar_network() -> str:
    """As in `Contract.network`."""
    return (
        "stellar-mainnet" if settings.STELLAR_NETWORK == "public" else f"stellar-{settings.STELLAR_NETWORK}"
    )


def open_tickets(addresses: list[str] | None = None, *, by: str = PAYDATE) -> list[int]:
    """One for each contract that has none open, also for blocked ones; of the given addresses, or of all.

    Returns the new tickets' ids. Their tasks are rung once they are committed.
    """
    contracts = Contract.objects.filter(
        kind=Contract.Kind.INVESTMENT, network=stellar_network(), status__in=CHECKED
    )
    if addresses is not None:
        contracts = contracts.filter(address__in=addresses)
    with transaction.atomic():
        now = clock.now()
        tickets = [
            PaymentAvailability(
                uid=new_uid(),
                contract_id=pk,
                requested_by=by,
                requested_at=now,
                next_attempt_at=now + RING_AGAIN,
            )
            for pk in contracts.order_by("pk").values_list("pk", flat=True)
        ]
        PaymentAvailability.objects.bulk_create(tickets, ignore_conflicts=True, batch_size=2_000)
        uids = [ticket.uid for ticket in tickets]
        made = list(PaymentAvailability.objects.filter(uid__in=uids).values_list("pk", flat=True))
        for pk in made:
            ring("reserves.check", pk)
    return made


def ask_again(contract: Contract, *, by: str = PAYDATE) -> None:
    """Something changed on chain: a ticket for it, or, where one is open that may have been answered before the
    change, one that follows it. In the caller's transaction, if there is one.
    """
    with transaction.atomic():
        if not open_tickets([contract.address], by=by):
            PaymentAvailability.objects.open().filter(contract=contract).update(is_asked_again=True)


def sweep() -> None:
    """Rings for open tickets that are due and in nobody's hands."""
    with single_flight(SWEEP_LOCK) as is_mine:
        if not is_mine:
            return
        now = clock.now()
        due = PaymentAvailability.objects.due(now).order_by("next_attempt_at")
        pks = list(due.values_list("pk", flat=True)[:MOST_RINGS])
        PaymentAvailability.objects.filter(pk__in=pks).update(next_attempt_at=now + RING_AGAIN)
        for pk in pks:
            ring("reserves.check", pk)


def forget_old() -> int:
    """Removes old tickets that changed nothing; those that moved a contract are evidence and stay."""
    before = clock.now() - timedelta(days=settings.RESERVE_KEEP_DAYS)
    moved = (PaymentAvailability.Outcome.BLOCKED, PaymentAvailability.Outcome.RELEASED)
    ended = PaymentAvailability.objects.exclude(status=PaymentAvailability.Status.PENDING)
    old = ended.filter(requested_at__lt=before).exclude(outcome__in=moved).order_by("pk")
    pks = list(old.values_list("pk", flat=True)[:MOST_FORGOTTEN])
    PaymentAvailability.objects.filter(pk__in=pks).delete()
    return len(pks)
