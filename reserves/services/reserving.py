"""Reserving money of a payout contract for a run, under a lock on the contract row.

The balance is read from the chain at a named block B before the lock is taken: it is a fact about B and does
not age. What changes meanwhile is known here, so under the lock

    available = balance(B) - what open reservations still count on - what was drawn after B

The last term covers reservations that closed after B as well: their money had not left the contract at B.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import F, Sum
from django.db.models.functions import Least

from contracts import abi, clock
from contracts.gateways.mirror import mirror
from contracts.models import Contract
from reserves.models import Draw, Reservation


@dataclass(frozen=True, slots=True)
class BalanceAt:
    """The payment-token balance of a contract as of the end of block ``block``, in base units."""

    units: int
    block: int
    as_of_ns: int


class InsufficientReserve(Exception):
    """The free balance does not cover the run; ``shortfall_units`` is what is missing."""

    def __init__(self, *, needed_units: int, available_units: int) -> None:
        self.needed_units = needed_units
        self.available_units = available_units
        self.shortfall_units = needed_units - available_units
        super().__init__(f"needs {needed_units}, free are {available_units}, missing {self.shortfall_units}")


def read_balance(contract: Contract) -> BalanceAt:
    """Asks the mirror node for the newest block and for the balance at exactly that block.

    Raises a GatewayError when the mirror node cannot answer.
    """
    block = mirror().newest_block()
    token = abi.interface("erc20", "1")
    output = mirror().call(
        contract.payment_token.evm_address,
        token.encode("balanceOf", [contract.evm_address]),
        block=block.number,
    )
    (units,) = token.decode_output("balanceOf", output)
    return BalanceAt(units=units, block=block.number, as_of_ns=clock.consensus_ns(block.to))


def available_units(contract: Contract, balance: BalanceAt) -> int:
    """Free units at B; below zero when more is counted on than is there."""
    open_ones = Reservation.objects.open().filter(contract=contract)
    counted_on = sum(reservation.remaining_units for reservation in open_ones)
    return balance.units - counted_on - drawn_after(contract, balance)


def drawn_after(contract: Contract, balance: BalanceAt) -> int:
    """What was paid after B as far as is known: it is part of the balance and no longer there."""
    later = Draw.objects.filter(reservation__contract=contract, consensus_ns__gt=balance.as_of_ns)
    drawn_later: int = later.aggregate(total=Sum("units"))["total"] or 0
    return int(drawn_later)


def reserve(
    *, contract: Contract, distribution_uid: str, pool_of: Callable[[int], int], balance: BalanceAt
) -> Reservation:
    """Reserves ``pool_of(available)`` units, first come first served; an existing reservation is returned.

    ``pool_of`` turns the free balance into the amount wanted, which for a percentage depends on it. Runs in
    the caller's transaction, holding the contract row. Raises InsufficientReserve; then nothing was written.
    """
    Contract.objects.select_for_update().get(pk=contract.pk)
    if existing := Reservation.objects.filter(distribution_uid=distribution_uid).first():
        return existing
    available = available_units(contract, balance)
    wanted = pool_of(max(0, available))
    if wanted <= 0 or wanted > available:
        raise InsufficientReserve(needed_units=max(wanted, 1), available_units=available)
    return Reservation.objects.create(contract=contract, distribution_uid=distribution_uid, units=wanted)


def reserve_again(
    *, contract: Contract, distribution_uid: str, units: int, balance: BalanceAt
) -> Reservation:
    """Counts on ``units`` still to be paid by a run that is tried again, whether its reservation is open or not.

    What it counts on already is part of the ``units``. Runs in the caller's transaction, holding the contract
    row. Raises InsufficientReserve; then nothing was written.
    """
    Contract.objects.select_for_update().get(pk=contract.pk)
    reservation = Reservation.objects.select_for_update().get(distribution_uid=distribution_uid)
    counted_on = reservation.remaining_units if reservation.closed_at is None else 0
    available = available_units(contract, balance) + counted_on
    if units > available:
        raise InsufficientReserve(needed_units=units, available_units=available)
    reservation.units, reservation.closed_at = reservation.drawn_units + units, None
    reservation.save(update_fields=["units", "closed_at"])
    return reservation


def keep(*, distribution_uid: str, units: int) -> None:
    """The run has ended and lines worth ``units`` will be tried again: those stay counted on, the rest is free."""
    needed = Least(F("units"), F("drawn_units") + units)
    Reservation.objects.open().filter(distribution_uid=distribution_uid).update(units=needed)


def shrink(*, distribution_uid: str, units: int) -> None:
    """Lowers a reservation to what the lines really need; it never grows."""
    Reservation.objects.open().filter(distribution_uid=distribution_uid, units__gt=units).update(units=units)


@dataclass(frozen=True, slots=True)
class NewDraw:
    """Units that one event of the chain paid; ``subject`` names the event."""

    subject: str
    units: int
    consensus_ns: int


def draw_many(*, distribution_uid: str, draws: Sequence[NewDraw]) -> None:
    """Notes what the chain paid of a reservation, by one statement; a subject noted before changes nothing."""
    rows = [(one.subject, one.units, one.consensus_ns) for one in draws if one.units]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH noted AS (
                INSERT INTO reserves_draw (reservation_id, subject, units, consensus_ns)
                SELECT reservation.id, new.*
                  FROM reserves_reservation AS reservation,
                       unnest(%s::text[], %s::numeric[], %s::bigint[]) AS new
                 WHERE reservation.distribution_uid = %s
                    ON CONFLICT (subject) DO NOTHING
             RETURNING reservation_id, units
            ), total AS (SELECT reservation_id, sum(units) AS units FROM noted GROUP BY reservation_id)
            UPDATE reserves_reservation AS reservation
               SET drawn_units = reservation.drawn_units + total.units
              FROM total WHERE reservation.id = total.reservation_id
            """,
            [*(list(column) for column in zip(*rows, strict=True)), distribution_uid],
        )


def close(*, distribution_uid: str) -> None:
    """No line waits any more: what was not drawn is free again."""
    Reservation.objects.open().filter(distribution_uid=distribution_uid).update(closed_at=clock.now())
