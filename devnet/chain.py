"""The chain thread: one order of transactions, strictly rising consensus times, a record file every 2 s.

Every transaction is stored before anybody hears of its consensus. A failure to store stops the chain, because
the EVM would be ahead of its log.
"""

import hashlib
import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from devnet.clock import Clock
from devnet.execution import Effect, Executor, Moment
from devnet.faults import FaultBoard
from devnet.genesis import FEE_COLLECTOR
from devnet.ledger import Ledger
from devnet.records import NS, Block, Record
from devnet.replay import State, apply
from devnet.store import Entry, Store
from devnet.transactions import Submission, id_text

logger = logging.getLogger(__name__)
T = TypeVar("T")
CONSENSUS_SECONDS = 0.2
BLOCK_SECONDS = 2.0
NODE_SHARE = 10
JOB_SECONDS = 60


class ChainStopped(RuntimeError):
    """The chain takes nothing now."""


@dataclass(order=True, slots=True)
class _Work:
    due: float
    sequence: int
    act: Callable[[], None] = field(compare=False)


class Chain:
    def __init__(
        self,
        *,
        state: State,
        store: Store,
        faults: FaultBoard,
        clock: Clock,
        block_seconds: float = BLOCK_SECONDS,
        consensus_seconds: float = CONSENSUS_SECONDS,
    ) -> None:
        self.state = state
        self.ledger: Ledger = state.ledger
        self._store = store
        self._faults = faults
        self._clock = clock
        self._block_seconds = block_seconds
        self._consensus_seconds = consensus_seconds
        self._executor = Executor(state.machine, state.ledger, faults, lambda: f"0.0.{state.next_entity}")
        self._queue: list[_Work] = []
        self._sequence = itertools.count()
        self._wake = threading.Condition()
        # By transaction id: which nodes have taken it, and until when it is valid.
        self._accepted: dict[str, dict[str, int]] = {}
        self._thread: threading.Thread | None = None
        self.is_open = False
        self._next_block_at = 0.0
        state.views.live = self._view_live

    # -- life

    def start(self) -> None:
        self.is_open = True
        self._next_block_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="devnet-chain", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """What was accepted still reaches consensus."""
        with self._wake:
            self.is_open = False
            self._wake.notify()
        if self._thread:
            self._thread.join()

    # -- what others ask

    def now_ns(self) -> int:
        """The chain's own clock: ours plus the switchable difference."""
        skew = self._faults.peek("clock.chain_offset")
        return self._clock.now_ns() + (int(float(skew.get("seconds", 0)) * NS) if skew else 0)

    def accept(self, submission: Submission, node: str) -> bool:
        """Takes a transaction from a node; False if that node, or consensus, has seen the id before."""
        identity = submission.transaction_id
        with self._wake:
            if node in self._accepted.get(identity, ()) or self.ledger.by_id(identity):
                return False
            self._accepted.setdefault(identity, {})[node] = submission.valid_until_ns
        delay = self._faults.hit("consensus.latency_ms", submission.memo.decode())
        seconds = float(delay["ms"]) / 1000 if delay and "ms" in delay else self._consensus_seconds
        self._enqueue(lambda: self._handle(submission), seconds)
        return True

    def is_pending(self, transaction_id: str) -> bool:
        return transaction_id in self._accepted

    def perform(self, job: Callable[["Chain"], T]) -> T:
        """Runs an administrator's job on the chain thread, in order with everything else."""
        future: Future[T] = Future()

        def act() -> None:
            try:
                future.set_result(job(self))
            except Exception as error:
                future.set_exception(error)

        self._enqueue(act, 0.0)
        return future.result(JOB_SECONDS)

    def close_block(self) -> None:
        """Ends the open record file now, so that mirrors show its records."""
        self.perform(lambda chain: chain._close_block())

    def _view_live(
        self, position: int, sender: str, to: str, data: bytes, block: int, at_ns: int
    ) -> tuple[bool, bytes] | None:
        """Reads the state behind the first `position` steps; None when the chain is past it, or stopped."""

        def read(chain: "Chain") -> tuple[bool, bytes] | None:
            if len(chain.state.steps) != position:
                return None
            return chain.state.machine.view(sender, to, data, block, at_ns)

        try:
            return self.perform(read)
        except ChainStopped:
            return None

    # -- for jobs on the chain thread

    @property
    def executor(self) -> Executor:
        return self._executor

    def moment(self) -> Moment:
        return Moment(max(self.state.last_ns + 1, self.now_ns()), self.state.next_block)

    def commit(self, record: Record, others: Iterable[Entry] = ()) -> Record:
        entries = [*others, record]
        self.write(entries)
        return record

    def write(self, entries: Iterable[Entry]) -> None:
        entries = list(entries)
        self._store.append(entries)
        for entry in entries:
            apply(self.state, entry)

    # -- the thread

    def _enqueue(self, act: Callable[[], None], seconds: float) -> None:
        with self._wake:
            if not self.is_open:
                raise ChainStopped("the local chain is stopped")
            heapq.heappush(self._queue, _Work(time.monotonic() + seconds, next(self._sequence), act))
            self._wake.notify()

    def _run(self) -> None:
        try:
            while self.is_open or self._queue:
                for work in self._due():
                    work.act()
                if time.monotonic() >= self._next_block_at:
                    self._close_block()
            self._close_block()
        except BaseException:  # the engine's panics are no Exception
            self.is_open = False
            logger.critical("the local chain stopped: its log cannot be written", exc_info=True)

    def _due(self) -> list[_Work]:
        """Work whose time has come, after waiting for it or for the end of the block."""
        with self._wake:
            ends = [self._next_block_at] + [work.due for work in self._queue[:1]]
            if self.is_open and min(ends) > time.monotonic():
                self._wake.wait(min(ends) - time.monotonic())
            horizon = time.monotonic() if self.is_open else float("inf")
            due = []
            while self._queue and self._queue[0].due <= horizon:
                due.append(heapq.heappop(self._queue))
            return due

    def _handle(self, submission: Submission) -> None:
        moment = self.moment()
        effect = self._executor.execute(submission, moment)
        self.commit(self._record(submission, effect, moment), effect.made)

    def _record(self, submission: Submission, effect: Effect, moment: Moment) -> Record:
        return Record(
            consensus_ns=moment.consensus_ns,
            transaction_id=submission.transaction_id,
            payer=submission.payer,
            node=submission.node,
            name=submission.action.name,
            result=effect.result,
            hash=submission.hash,
            memo=submission.memo,
            valid_start_ns=submission.valid_start_ns,
            valid_seconds=submission.valid_seconds,
            max_fee=submission.max_fee,
            charged_fee=effect.fee,
            entity_id=effect.entity_id,
            transfers=_with_fee(submission, effect),
            token_transfers=effect.token_transfers,
            call=effect.call,
            block_number=moment.block_number,
            index_in_block=self.state.open_count,
        )

    def _close_block(self) -> None:
        self._next_block_at = time.monotonic() + self._block_seconds
        state = self.state
        to_ns = max(self.now_ns(), state.last_ns, state.block_from_ns)
        digest = hashlib.sha384(
            state.last_hash + b"".join(state.open_hashes) + to_ns.to_bytes(8, "big")
        ).digest()
        block = Block(
            number=state.next_block,
            from_ns=state.block_from_ns,
            to_ns=to_ns,
            hash=digest,
            previous_hash=state.last_hash,
            count=state.open_count,
            gas_used=state.open_gas,
            name=_file_name(state.block_from_ns),
        )
        self.write([block])
        self._forget_expired()

    def _forget_expired(self) -> None:
        now = self.now_ns()
        with self._wake:
            for identity in [one for one, nodes in self._accepted.items() if max(nodes.values()) < now]:
                del self._accepted[identity]


def admin_record(chain: Chain, payer: str, name: str, effect: Effect, moment: Moment) -> Record:
    """The record of an administrator's transaction: an id of its own, no fee, first node."""
    identity = id_text(payer, moment.consensus_ns - 1)
    return Record(
        consensus_ns=moment.consensus_ns,
        transaction_id=identity,
        payer=payer,
        node="0.0.3",
        name=name,
        result=effect.result,
        hash=hashlib.sha384(identity.encode()).digest(),
        memo=b"",
        valid_start_ns=moment.consensus_ns - 1,
        valid_seconds=120,
        max_fee=0,
        charged_fee=0,
        entity_id=effect.entity_id,
        transfers=effect.transfers,
        token_transfers=effect.token_transfers,
        call=effect.call,
        block_number=moment.block_number,
        index_in_block=chain.state.open_count,
    )


def _with_fee(submission: Submission, effect: Effect) -> tuple[tuple[str, int], ...]:
    """Net amounts per account, the fee split between node and fee account; they add up to zero."""
    net: dict[str, int] = {}
    share = effect.fee // NODE_SHARE
    booked = ((submission.payer, -effect.fee), (submission.node, share), (FEE_COLLECTOR, effect.fee - share))
    for account, amount in (*effect.transfers, *booked):
        net[account] = net.get(account, 0) + amount
    return tuple(sorted((account, amount) for account, amount in net.items() if amount))


def _file_name(ns: int) -> str:
    when = datetime.fromtimestamp(ns // NS, UTC)
    return f"{when:%Y-%m-%dT%H_%M_%S}.{ns % NS:09d}Z.rcd.gz"
