"""A ledger that grows by calls of ten result events each, at one consensus time, a clock that goes with it, and a
processor whose effects are counted.
"""

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection
from eth_abi.abi import encode

from chainsync import processors
from chainsync.processors import Processor
from contracts import abi, clock
from contracts.models import Contract
from devnet.ledger import Ledger
from devnet.records import NS, CallOutcome, LogEntry
from tests.devnet.mirror_ledger import (
    BLOCK_NS,
    CALLS_PER_BLOCK,
    CONTRACT_ADDRESS,
    FIRST_NS,
    LOGS_PER_CALL,
    PAYER_ADDRESS,
    block,
    consensus_ns,
    contract_call,
)

EVENT = "AmountSnapshotByAddressesExecuted"
SNAPSHOTS = 5
HOLDERS = [f"0x{number:040x}" for number in range(1, 21)]
_TYPES = ["uint256", "address[]", "uint256", "address[]", "address[]", "uint256[]"]
_now = [FIRST_NS]


def offset_ns() -> int:
    """For CLOCK_OFFSET: Paydate's clock stands where the ledger ends."""
    return _now[0] - time.time_ns()


def stand_at(block_end_ns: int) -> None:
    """The clock half a second after the end of a block."""
    _now[0] = block_end_ns + NS // 2


class Applied:
    """A processor whose effects are rows, in the transaction of the event; while it is broken it fails for some."""

    def __init__(self) -> None:
        self.is_broken = True

    def apply(self, contract: Contract, key: str, ids: Sequence[int]) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO effects SELECT unnest(%s::bigint[]), %s", [list(ids), key])
        if self.is_broken and any(pk % 31 == 0 for pk in ids):
            raise RuntimeError("broken")
        return True

    def rows(self) -> list[tuple[int, str]]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT event, key FROM effects")
            return cursor.fetchall()


def register(applied: Applied) -> None:
    processors.register(
        "lccf/1.1",
        [EVENT],
        Processor(key=lambda args: f"snapshot:{args['snapshotID']}", apply=applied.apply, since=lambda _: ""),
    )


@dataclass
class Growing:
    """``paid`` is what all events together say: units by (snapshot, holder), in the order in which they happened."""

    ledger: Ledger
    dice: random.Random
    paid: Counter[tuple[int, str]] = field(default_factory=Counter)
    events: int = 0
    _slots: int = 0  # half seconds that have passed
    _blocks: int = 0
    _newest: int = 0

    def call(self, count: int) -> None:
        """So many calls, two a second, and the blocks up to the last of them."""
        for number in range(self._slots, self._slots + count):
            self.ledger.add_record(contract_call(number, call=self._outcome()))
            self._newest = number
        self.let_pass(count)

    def let_pass(self, half_seconds: int) -> None:
        """The chain goes on; in blocks that are full or end with nothing."""
        self._slots += half_seconds + -(self._slots + half_seconds) % CALLS_PER_BLOCK
        while self._blocks < self._slots // CALLS_PER_BLOCK:
            self._blocks += 1
            self.ledger.add_block(block(self._blocks))
        stand_at(FIRST_NS + self._blocks * BLOCK_NS - 1)

    def newest(self) -> str:
        """The consensus time of the newest call."""
        return clock.consensus_text(consensus_ns(self._newest))

    def _outcome(self) -> CallOutcome:
        return CallOutcome(
            to=CONTRACT_ADDRESS,
            from_=PAYER_ADDRESS,
            gas_limit=3_000_000,
            gas_used=2_400_000,
            parameters=b"",
            output=b"",
            error_message=None,
            logs=tuple(self._log(index) for index in range(LOGS_PER_CALL)),
        )

    def _log(self, index: int) -> LogEntry:
        snapshot, holder = self.dice.randint(1, SNAPSHOTS), self.dice.choice(HOLDERS)
        units = self.dice.randint(0, 10**12)
        self.paid[snapshot, holder] += units
        self.events += 1
        topic = abi.interface("lccf", "1.1").topic0(EVENT)
        data = encode(_TYPES, [snapshot, [holder], 1_000, [], [holder], [units]])
        return LogEntry(CONTRACT_ADDRESS, (topic,), data, index)
