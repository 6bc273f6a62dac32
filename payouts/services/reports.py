"""What another contract reports about our distributions and batches: evidence beside our own books, never money.

Such a contract says whatever its owner lets it say, and its DistributionExecuted is another event than that of the
payout contract, though it has the name. What it says is kept in the audit trail, beside what our books say by then.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from chainsync.models import ChainEvent, EventListener
from chainsync.processors import Processor, register
from contracts.models import AuditEvent
from contracts.services.holds import PAYDATE
from payouts.models import Batch, Distribution

INTERFACE = "reports/seed"
EXECUTED, COMPLETED = "DistributionExecuted", "PayoutCompleted"
IDS = {EXECUTED: "distributionId", COMPLETED: "batchId"}
_UID = re.compile(r"[0-9A-Za-z_-]{22}")


def register_processors() -> None:
    register(INTERFACE, [EXECUTED], Processor(key=_distribution_key, apply=apply_executed))
    register(INTERFACE, [COMPLETED], Processor(key=_batch_key, apply=apply_completed))


def _distribution_key(args: Mapping[str, Any]) -> str:
    return _key("executed", args["distributionId"])


def _batch_key(args: Mapping[str, Any]) -> str:
    return _key("completed", args["batchId"])


def _key(what: str, identifier: str) -> str:
    """Empty for what no id of ours is: text of 22 characters, filled up with zero bytes."""
    text = bytes.fromhex(identifier.removeprefix("0x")).rstrip(b"\0").decode("ascii", errors="replace")
    return f"{what}:{text}" if _UID.fullmatch(text) else ""


def apply_executed(listener: EventListener, key: str, ids: Sequence[int]) -> bool:
    """The processor; False while no distribution of the asset has this id."""
    rows = Distribution.objects.filter(asset=listener.asset, uid=key.partition(":")[2])
    distribution = rows.first()
    if distribution is None:
        return False
    for event in ChainEvent.objects.filter(pk__in=ids).order_by("consensus_at", "log_index"):
        total, holders = event.args["totalAmount"], event.args["holdersCount"]
        words = f"{total} units to {holders} holders"
        here = f"{distribution.paid_units} units to {distribution.paid_count} holders"
        _keep(listener, distribution, event, f"{words}; paid by our books so far: {here}")
    return True


def apply_completed(listener: EventListener, key: str, ids: Sequence[int]) -> bool:
    """The processor; False while no batch of the asset has this id."""
    batch = Batch.objects.filter(distribution__asset=listener.asset, uid=key.partition(":")[2]).first()
    if batch is None:
        return False
    for event in ChainEvent.objects.filter(pk__in=ids).order_by("consensus_at", "log_index"):
        paid, failed = event.args["successfulPayments"], event.args["failedPayments"]
        here = f"{batch.successful} paid, {batch.failed} failed"
        _keep(listener, batch, event, f"{paid} paid, {failed} failed; by our books so far: {here}")
    return True


def _keep(listener: EventListener, row: Distribution | Batch, event: ChainEvent, words: str) -> None:
    reason = f"{listener.address} says at {event.consensus_at}: {words}"
    AuditEvent.write(row, what="reported", target=event.name, reason=reason, by=PAYDATE)
