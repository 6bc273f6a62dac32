"""What happened on the local Hedera, and the questions a mirror asks about it.

The chain thread appends; everybody else reads. All times are integer nanoseconds.
"""

import bisect
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from devnet.directory import Directory
from devnet.faults import FaultBoard
from devnet.records import (
    NS,
    Account,
    Block,
    CallOutcome,
    Contract,
    LogEntry,
    Record,
    Token,
    TokenRelation,
    evm_hex,
    long_zero,
    timestamp,
)

__all__ = [
    "NS",
    "Account",
    "Block",
    "CallOutcome",
    "Contract",
    "Ledger",
    "LogEntry",
    "LogPlace",
    "Record",
    "Token",
    "TokenRelation",
    "Views",
    "evm_hex",
    "long_zero",
    "timestamp",
]


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A log with the record it belongs to."""

    log: LogEntry
    record: Record


class Views(Protocol):
    """Read-only calls on past states (devnet/replicas.py)."""

    def call_at(self, height: int, to: str, data: bytes, sender: str | None) -> tuple[bool, bytes]: ...

    def relations(self, height: int, account: Account, tokens: Sequence[Token]) -> list[TokenRelation]: ...


@dataclass(slots=True)
class _Index:
    """Positions in the list of records, in consensus order."""

    by_id: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_hash: dict[bytes, int] = field(default_factory=dict)
    by_account: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_contract: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    logs_by_address: dict[str, list[LogPlace]] = field(default_factory=lambda: defaultdict(list))


LONG_AGO = float("-inf")


class Ledger(Directory):
    def __init__(self, faults: FaultBoard) -> None:
        super().__init__()
        self.faults = faults
        self.views: Views | None = None
        self._records: list[Record] = []
        self._times: list[int] = []
        self._blocks: list[Block] = []
        self._closed_at: list[float] = []
        self._index = _Index()
        self._balances: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._shown: dict[int, int] = {}

    # -- what the chain writes

    def add_record(self, record: Record) -> None:
        with self._lock:
            position = len(self._records)
            self._records.append(record)
            self._times.append(record.consensus_ns)
            self._index.by_id[record.transaction_id].append(position)
            for digest in (record.hash, record.hash[:32]):
                self._index.by_hash.setdefault(digest, position)
            self._index_accounts(record, position)
            self._index_call(record, position)

    def add_block(self, block: Block, *, closed_at: float = LONG_AGO) -> None:
        """`closed_at` (monotonic seconds) starts the lag of mirrors; blocks of an earlier run have none."""
        with self._lock:
            self._blocks.append(block)
            self._closed_at.append(closed_at)

    def move_tinybars(self, consensus_ns: int, transfers: Iterable[tuple[str, int]]) -> None:
        with self._lock:
            for account, amount in transfers:
                self._balances[account].append((consensus_ns, self.balance(account) + amount))

    def _index_accounts(self, record: Record, position: int) -> None:
        named = {record.payer, *(account for account, _ in record.transfers)}
        named |= {account for _, account, _ in record.token_transfers}
        if record.entity_id:
            named.add(record.entity_id)
        for account in named:
            self._index.by_account[account].append(position)

    def _index_call(self, record: Record, position: int) -> None:
        if not record.call:
            return
        self._index.by_contract[record.call.to].append(position)
        for log in record.call.logs:
            self._index.logs_by_address[log.address].append(LogPlace(log, record))

    # -- what a mirror asks

    def visible_until(self, replica: int = 0) -> int:
        """Consensus time up to which this replica has imported whole blocks; it never goes back."""
        with self._lock:
            shown = max(self._shown.get(replica, 0), self._imported(replica))
            self._shown[replica] = shown
            return shown

    def _imported(self, replica: int) -> int:
        fault = self.faults.peek("mirror.lag_seconds", replica=replica)
        latest = time.monotonic() - float(fault.get("seconds", 0) if fault else 0)
        position = bisect.bisect_right(self._closed_at, latest)
        return self._blocks[position - 1].to_ns if position else 0

    def records(
        self,
        account: str | None = None,
        *,
        since: int = 0,
        until: int | None = None,
        order: str = "asc",
        contract: str | None = None,
    ) -> Iterator[Record]:
        """Records with since <= consensus_ns <= until; `contract` (EVM address) keeps calls of it only.

        What comes later is not seen, and a page costs what it takes, not what lies behind it.
        """
        with self._lock:
            positions: Sequence[int] = range(len(self._records))
            if account is not None:
                positions = self._index.by_account.get(account, ())
            if contract is not None:
                positions = self._index.by_contract.get(contract, ())
            low = bisect.bisect_left(positions, since, key=self._times.__getitem__)
            high = len(positions)
            if until is not None:
                high = bisect.bisect_right(positions, until, key=self._times.__getitem__)
        return (self._records[positions[place]] for place in _places(low, high, order))

    def by_id(self, transaction_id: str) -> list[Record]:
        """Every record of this id in consensus order: the first, then duplicates."""
        with self._lock:
            return [self._records[position] for position in self._index.by_id.get(transaction_id, ())]

    def by_hash(self, digest: bytes) -> Record | None:
        """Full hash (48 bytes) or the 32 bytes that contract results show."""
        with self._lock:
            position = self._index.by_hash.get(digest)
            return None if position is None else self._records[position]

    def logs(
        self, address: str, *, since: int = 0, until: int | None = None, order: str = "asc"
    ) -> Iterator[LogPlace]:
        """Logs of one contract (EVM address) in (consensus, index) order, or the other way round."""
        with self._lock:
            places = self._index.logs_by_address.get(address, [])
            low = bisect.bisect_left(places, since, key=_place_time)
            high = len(places) if until is None else bisect.bisect_right(places, until, key=_place_time)
        return (places[place] for place in _places(low, high, order))

    def blocks(self, *, since: int = 0, until: int | None = None) -> list[Block]:
        """Blocks whose `to_ns` lies in [since, until], ascending."""
        with self._lock:
            low = bisect.bisect_left(self._blocks, since, key=_block_end)
            return self._blocks[low : self._end_of_blocks(until)]

    def block(self, number: int) -> Block | None:
        with self._lock:
            if not self._blocks:
                return None
            position = number - self._blocks[0].number
            return self._blocks[position] if 0 <= position < len(self._blocks) else None

    def newest_block(self, until: int | None = None) -> Block | None:
        with self._lock:
            end = self._end_of_blocks(until)
            return self._blocks[end - 1] if end else None

    def block_of(self, record: Record) -> Block | None:
        return self.block(record.block_number)

    def balance(self, account: str, at_ns: int | None = None) -> int:
        """Tinybars after everything up to `at_ns` (default: the newest state)."""
        with self._lock:
            history = self._balances.get(account, [])
            end = (
                len(history)
                if at_ns is None
                else bisect.bisect_right(history, at_ns, key=lambda entry: entry[0])
            )
            return history[end - 1][1] if end else 0

    def account_tokens(
        self, id_or_evm: str, *, replica: int = 0, among: Callable[[Token], bool] = lambda token: True
    ) -> list[TokenRelation]:
        """Payment tokens this account (or contract) is associated with, at the replica's height."""
        holder = self.account(id_or_evm) or self._contract_as_account(id_or_evm)
        if holder is None or self.views is None:
            return []
        height = self.height(replica)
        tokens = [token for token in self.tokens() if token.kind == "PAYMENT" and among(token)]
        return self.views.relations(height, holder, tokens)

    def static_call(
        self, to: str, data: bytes, sender: str | None = None, block: int | None = None, replica: int = 0
    ) -> tuple[bool, bytes]:
        """(True, output) or (False, revert data) on the state after `block`, else of the replica's height."""
        if self.views is None:
            return False, b""
        height = self.height(replica) if block is None else min(block, self.height(replica))
        return self.views.call_at(height, to, data, sender)

    def height(self, replica: int = 0) -> int:
        """Number of the newest block this replica has; -1 before the first."""
        newest = self.newest_block(self.visible_until(replica))
        return newest.number if newest else -1

    def _end_of_blocks(self, until: int | None) -> int:
        if until is None:
            return len(self._blocks)
        return bisect.bisect_right(self._blocks, until, key=_block_end)

    def _contract_as_account(self, id_or_evm: str) -> Account | None:
        contract = self.contract(id_or_evm)
        if contract is None:
            return None
        return Account(
            contract.contract_id, contract.evm_address, None, "", contract.created_ns, contract.memo
        )


def _places(low: int, high: int, order: str) -> range:
    return range(low, high) if order == "asc" else range(high - 1, low - 1, -1)


def _place_time(place: LogPlace) -> int:
    return place.record.consensus_ns


def _block_end(block: Block) -> int:
    return block.to_ns
