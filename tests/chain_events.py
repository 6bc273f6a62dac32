"""Result events as the payout contract would emit them, made by hand: no chain is asked."""

from collections.abc import Mapping, Sequence

from chainsync.services.storing import NewEvent
from payouts.services.keys import snapshot_key

NAME = "AmountSnapshotByAddressesExecuted"
ZERO = "0x" + "0" * 40


def moment(number: int) -> str:
    """The consensus time of the ``number``-th transaction."""
    return f"17951760{number:02d}.000000001"


def result_event(
    paid: Mapping[str, int],
    *,
    at: str = moment(1),
    snapshot: int = 1,
    failed: Sequence[str] = (),
    log_index: int = 0,
    is_proved: bool = True,
) -> NewEvent:
    """Padded with zero addresses, as the contract pads."""
    args = {
        "snapshotID": snapshot,
        "holders": [*paid, *failed],
        "amount": 1_000,
        "failed": [*failed, *[ZERO] * len(paid)],
        "succeeded": [*paid, *[ZERO] * len(failed)],
        "paidAmount": [*paid.values(), *[0] * len(failed)],
    }
    return NewEvent(
        consensus_at=at,
        log_index=log_index,
        topics=("0x" + "50" * 32,),
        data=b"\x01\x02",
        transaction_hash=f"{abs(hash((at, log_index))):064x}"[:64],
        block=7,
        name=NAME,
        key=snapshot_key(args),
        args=args,
        is_proved=is_proved,
    )
