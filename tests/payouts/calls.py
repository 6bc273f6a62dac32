"""Batches whose call has succeeded, made by hand with the result that the chain would have given."""

from collections.abc import Sequence

from contracts.models import ContractTransaction
from payouts.models import Batch, Distribution
from reserves.models import Reservation
from tests.chain_events import result_event
from tests.factories import BatchFactory, DistributionFactory, PaymentFactory, TransactionFactory

SHARE = 100


def running(*, learned_size: int | None = 100) -> Distribution:
    """A planned distribution with its reservation and no batch yet."""
    distribution = DistributionFactory(
        planned=True, asset__payout_contract__learned_batch_size=learned_size, snapshot_id=1
    )
    Reservation.objects.create(
        contract=distribution.asset.payout_contract, distribution_uid=distribution.uid, units=10**9
    )
    return distribution


def called(distribution: Distribution, number: int, *, holders: int = 3, failed: int = 0) -> Batch:
    """A PROCESSING batch whose call has paid all but the last ``failed`` of its holders."""
    addresses = [f"0x{number:020x}{place:020x}" for place in range(1, holders + 1)]
    batch = BatchFactory(
        distribution=distribution, number=number, holders=addresses, total=holders, status="PROCESSING"
    )
    for place, address in enumerate(addresses):
        PaymentFactory(
            distribution=distribution,
            batch=batch,
            ordinal=number * 1_000 + place,
            holder=address,
            expected_units=SHARE,
        )
    succeed(batch, paid=addresses[: holders - failed], failed=addresses[holders - failed :])
    return batch


def succeed(batch: Batch, *, paid: Sequence[str], failed: Sequence[str] = ()) -> ContractTransaction:
    contract = batch.distribution.asset.payout_contract
    event = result_event(dict.fromkeys(paid, SHARE), failed=failed)
    stored = {
        "name": event.name,
        "args": event.args,
        "index": 0,
        "block": 7,
        "topics": list(event.topics),
        "data": event.data.hex(),
    }
    return TransactionFactory(
        succeeded=True,
        wallet=contract.wallet,
        contract=contract,
        subject=batch.subject,
        group_uid=batch.distribution.uid,
        result={"output": [], "events": [stored]},
    )
