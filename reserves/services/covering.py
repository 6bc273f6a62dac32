"""Whether a payout contract on Hedera has what is due within the horizon: its balance against its obligations.

The balance is a fact about a block B. It is read first, then what was drawn after B, then what is due:

    missing = due - (balance(B) - drawn after B)

Calls under way count as paid, though nobody knows whether their units had left the contract at B: all of them or
none. So what is missing is known between two bounds, and inside them it stays what it was: a run that is being
paid neither raises an alarm nor ends one. What is left errs to the side of no alarm, too: a line whose event is
applied between the two later reads is neither drawn nor due, until the next look.

Money that arrived after B is not seen until the next look. Where more was drawn after B than there was, some must
have: then the mirror node is behind what is known here, and nothing is concluded.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from contracts import clock
from contracts.gateways.errors import Unavailable
from contracts.models import Contract
from reserves.obligations import obligations_of
from reserves.services.reserving import drawn_after, read_balance


@dataclass(frozen=True, slots=True)
class Covering:
    """In base units: what a contract has left of its balance at ``block``, and what is due within the horizon.

    ``in_flight_units`` are not part of what is due: calls under way count as paid. Where they decide,
    ``missing_units`` is what was missing before, as far as it still can be.
    """

    balance_units: int
    due_units: int
    in_flight_units: int
    missing_units: int
    block: int


def look(contract: Contract) -> Covering:
    """Asks the mirror node, and then the obligation sources. To be called outside any database transaction.

    Raises a GatewayError when the mirror node cannot answer, or is behind what is known here.
    """
    balance = read_balance(contract)
    left = balance.units - drawn_after(contract, balance)
    if left < 0:
        raise Unavailable(f"the mirror node is behind: block {balance.block} has less than was paid after it")
    until = clock.now() + timedelta(days=settings.RESERVE_HORIZON_DAYS)
    dues = obligations_of(contract, until=until)
    due_units = sum(due.units for due in dues)
    in_flight_units = sum(due.in_flight_units for due in dues)
    least, most = max(0, due_units - left), max(0, due_units + in_flight_units - left)
    return Covering(
        balance_units=left,
        due_units=due_units,
        in_flight_units=in_flight_units,
        missing_units=min(max(least, int(contract.required_funds_units)), most),
        block=balance.block,
    )
