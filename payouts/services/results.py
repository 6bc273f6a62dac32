"""What the successful call of a batch says about its holders."""

from dataclasses import dataclass

from chainsync.services.storing import NewEvent, events_of_call
from contracts.addresses import ZERO_ADDRESS
from contracts.models import ContractTransaction
from payouts.models import Batch, Distribution
from payouts.services.keys import key_of

Status = ContractTransaction.Status


class SettlementMismatch(Exception):
    """The result event does not name exactly the frozen list; nothing is settled until a person has looked."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the call of a batch says about its holders: the event, and whom it names as failed."""

    batch: Batch
    call: ContractTransaction
    event: NewEvent
    failed: tuple[str, ...]


def lock_with_calls(distribution: Distribution, pks: list[int]) -> list[tuple[Batch, ContractTransaction]]:
    """The batches, locked, as far as they still wait for their settlement, each with its successful call."""
    rows = Batch.objects.filter(pk__in=pks, status=Batch.Status.PROCESSING)
    batches = list(rows.order_by("pk").select_for_update(of=("self",)))
    calls = ContractTransaction.objects.filter(
        subject__in=[batch.subject for batch in batches], status=Status.SUCCEEDED
    ).defer("arguments")
    by_subject = {call.subject: call for call in calls}
    for batch in batches:
        batch.distribution = distribution
    return [(batch, by_subject[batch.subject]) for batch in batches if batch.subject in by_subject]


def read_result(batch: Batch, call: ContractTransaction) -> Result:
    """Exactly one result event for our key that names exactly the frozen list, or SettlementMismatch."""
    key = key_of(batch.distribution)
    events = [
        event for event in events_of_call(batch.distribution.asset.payout_contract, call) if event.key == key
    ]
    if len(events) != 1:
        raise SettlementMismatch(f"{call} has {len(events)} result events, one is expected")
    (event,) = events
    failed = tuple(holder for holder in event.args["failed"] if holder != ZERO_ADDRESS)
    named = [*failed, *(holder for holder in event.args["succeeded"] if holder != ZERO_ADDRESS)]
    if len(named) != len(batch.holders) or set(named) != set(batch.holders):
        raise SettlementMismatch(f"the result of {call} does not name exactly the holders of the batch")
    return Result(batch, call, event, failed)
