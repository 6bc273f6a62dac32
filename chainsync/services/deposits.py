"""Money that came to a payout contract: one deposit for each transaction, whether a log or a list told it first.

Logs are added up over all that are stored of the transaction, and what the list says takes their place: so it is the
same in any order, and however often it is told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from chainsync.followed import ERC20
from chainsync.models import ChainEvent, Deposit
from chainsync.processors import Processor, funded, register
from chainsync.services.storing import lock_listener
from contracts import clock
from contracts.addresses import long_zero
from contracts.models import Contract, Token

TRANSFER = "Transfer"
KEY = "deposits"


@dataclass(frozen=True, slots=True)
class Paid:
    """So many units came to the contract; ``transaction_id`` is known from lists only."""

    contract: int
    consensus_at: str
    units: int
    sender: str
    transaction_id: str = ""


def register_processors() -> None:
    register(ERC20, [TRANSFER], Processor(key=_key, apply=apply_transfers))


def _key(args: Mapping[str, Any]) -> str:
    return KEY


def apply_transfers(token: Token, key: str, ids: Sequence[int]) -> bool:
    """The processor: what the stored transfers of these events' transactions have brought to our contracts."""
    events = ChainEvent.objects.of(token.network, token.address).filter(name=TRANSFER, is_proved=True)
    times = set(events.filter(pk__in=ids).values_list("consensus_at", flat=True))
    store_deposits(token, _told_by_logs(token, events.filter(consensus_at__in=times)))
    return True


def _told_by_logs(token: Token, events: Iterable[ChainEvent]) -> list[Paid]:
    ours = _addresses(token)
    units: dict[tuple[int, str], int] = {}
    senders: dict[tuple[int, str], str] = {}
    for event in events:
        came, left = ours.get(event.args["to"]), ours.get(event.args["from"])
        for contract, moved in ((came, event.args["value"]), (left, -event.args["value"])):
            if contract is not None:
                place = (contract, event.consensus_at)
                units[place] = units.get(place, 0) + moved
                if moved > 0:
                    senders[place] = event.args["from"]
    return [Paid(*place, total, senders.get(place, "")) for place, total in units.items() if total > 0]


def _addresses(token: Token) -> dict[str, int]:
    contracts = Contract.objects.filter(network=token.network, payment_token=token)
    return {
        address: one.pk
        for one in contracts
        for address in (one.evm_address, long_zero(one.address))
        if address
    }


@transaction.atomic
def store_deposits(token: Token, paid: Sequence[Paid]) -> None:
    """Stores what is new; a list's word replaces that of the logs. Each contract that got money is told of once."""
    if not paid:
        return
    lock_listener(token)
    rows = Deposit.objects.filter(token=token, consensus_at__in={one.consensus_at for one in paid})
    known = {(row.contract_id, row.consensus_at): row for row in rows}
    new = [one for one in paid if (one.contract, one.consensus_at) not in known]
    Deposit.objects.bulk_create([_row(token, one) for one in new])
    for one in paid:
        row = known.get((one.contract, one.consensus_at))
        if row is not None and not row.transaction_id:
            _correct(row, one)
    for contract in Contract.objects.filter(pk__in={one.contract for one in new}).order_by("pk"):
        funded(contract)


def _row(token: Token, paid: Paid) -> Deposit:
    return Deposit(
        contract_id=paid.contract,
        token=token,
        consensus_at=paid.consensus_at,
        units=paid.units,
        sender=paid.sender,
        transaction_id=paid.transaction_id,
        seen_at=clock.now(),
    )


def _correct(row: Deposit, paid: Paid) -> None:
    row.units, row.transaction_id = paid.units, paid.transaction_id
    row.sender = paid.sender or row.sender
    row.save(update_fields=["units", "transaction_id", "sender"])
