"""One mirror replica as one request sees it: the ledger, cut off where this replica's import has got to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from devnet.faults import FaultBoard
from devnet.ledger import Ledger, LogPlace
from devnet.mirror.query import MAX_LIMIT
from devnet.records import Account, Block, Contract, Record, Token

LOCAL_CHAIN_ID = 298
DEFAULT_NODES: Mapping[str, int] = {"0.0.3": 50211, "0.0.4": 50212, "0.0.5": 50213}


@dataclass(frozen=True, slots=True)
class Network:
    """What the mirror tells about the network itself; `nodes` maps account id to gRPC port on loopback."""

    chain_id: int = LOCAL_CHAIN_ID
    nodes: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_NODES))


@dataclass(frozen=True, slots=True)
class Replica:
    """`until_ns` is fixed for the request, so that all parts of one answer are of one state.

    `most_rows` is how many a page of this request may hold, whatever limit it names.
    """

    ledger: Ledger
    faults: FaultBoard
    network: Network
    number: int
    until_ns: int
    most_rows: int = MAX_LIMIT

    def records(
        self,
        account: str | None = None,
        *,
        contract: str | None = None,
        since: int | None = None,
        until: int | None = None,
        order: str = "asc",
    ) -> Iterator[Record]:
        found = self.ledger.records(
            account, contract=contract, since=since or 0, until=self._cut(until), order=order
        )
        return (record for record in found if not self._lacks(record))

    def by_id(self, transaction_id: str) -> list[Record]:
        return [record for record in self.ledger.by_id(transaction_id) if self._has(record)]

    def by_hash(self, digest: bytes) -> Record | None:
        record = self.ledger.by_hash(digest)
        return record if record and self._has(record) else None

    def logs(
        self, address: str | None, *, since: int | None, until: int | None, order: str
    ) -> Iterator[LogPlace]:
        """Logs of one contract, or of all, ordered by (consensus time, index)."""
        if address is None:
            return self._all_logs(since, until, order)
        return self.ledger.logs(address, since=since or 0, until=self._cut(until), order=order)

    def blocks(self) -> list[Block]:
        return self.ledger.blocks(until=self.until_ns)

    def block(self, number: int) -> Block | None:
        block = self.ledger.block(number)
        return block if block and block.to_ns <= self.until_ns else None

    def block_by_hash(self, digits: str) -> Block | None:
        """By all 48 bytes or, as Ethereum tools ask, the first 32."""
        return next((block for block in self.blocks() if block.hash.hex().startswith(digits)), None)

    def newest_block(self) -> Block | None:
        return self.ledger.newest_block(self.until_ns)

    def account(self, key: str) -> Account | None:
        """An account, or a contract in the same shape: a contract holds money under the same kind of id."""
        found = self.ledger.account(key)
        if found is None and (contract := self.ledger.contract(key)):
            found = Account(
                contract.contract_id, contract.evm_address, None, "", contract.created_ns, contract.memo
            )
        return found if found and found.created_ns <= self.until_ns else None

    def contract(self, key: str) -> Contract | None:
        found = self.ledger.contract(key)
        return found if found and found.created_ns <= self.until_ns else None

    def token(self, key: str) -> Token | None:
        found = self.ledger.token(key)
        return found if found and found.created_ns <= self.until_ns else None

    def view(
        self, to: str, data: bytes, *, sender: str | None = None, block: int | None = None
    ) -> tuple[bool, bytes]:
        return self.ledger.static_call(to, data, sender, block, self.number)

    def _all_logs(self, since: int | None, until: int | None, order: str) -> Iterator[LogPlace]:
        step = 1 if order == "asc" else -1
        for record in self.records(since=since, until=until, order=order):
            for log in (record.call.logs if record.call else ())[::step]:
                yield LogPlace(log, record)

    def _has(self, record: Record) -> bool:
        return record.consensus_ns <= self.until_ns and not self._lacks(record)

    def _lacks(self, record: Record) -> bool:
        """What a mirror that was filled anew, or lost something, no longer has."""
        reset = self.faults.peek("mirror.reset")
        if reset is not None and record.consensus_ns < int(reset.get("since_ns", 0)):
            return True
        return self.faults.peek("mirror.hidden", record.memo.decode("ascii", "replace")) is not None

    def _cut(self, until: int | None) -> int:
        return self.until_ns if until is None else min(until, self.until_ns)
