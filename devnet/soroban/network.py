"""The local Stellar network: accepts transactions, closes ledgers, and answers what it knows.

Ledgers are closed when somebody asks, as many as were due by then, at the times at which they were due: what is
seen is the same as with a thread that closes them, and an idle network costs nothing.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stellar_sdk import xdr

from devnet.clock import Clock
from devnet.faults import FaultBoard
from devnet.records import NS
from devnet.soroban import codec, results
from devnet.soroban.codec import AccountState, Entry
from devnet.soroban.envelopes import Submitted, can_apply, parse, why_not
from devnet.soroban.execution import CODES, Executor, Outcome
from devnet.soroban.fees import BASE_FEE
from devnet.soroban.host import DAY_LEDGERS, Moment
from devnet.soroban.store import Anchor, Store, Waiting
from devnet.soroban.timeline import Timeline

SLOW_LEDGERS = 3
INSTANCE_LEDGERS = 30 * DAY_LEDGERS
CODE_LEDGERS = 180 * DAY_LEDGERS
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Taken:
    """PENDING, DUPLICATE, TRY_AGAIN_LATER or ERROR; the result XDR with ERROR only."""

    status: str
    error_result: str = ""


class Network:
    """Thread-safe. State lives in `<directory>/soroban.sqlite3`."""

    def __init__(self, directory: Path, faults: FaultBoard, clock: Clock) -> None:
        self._faults = faults
        self._lock = threading.RLock()
        self.store = Store(directory / "soroban.sqlite3")
        self.timeline = Timeline(self.store, clock.now_ns, self._skew_ns)
        self.executor = Executor(self.store, faults)
        with self.current():
            self.store.forget_before(self.timeline.oldest)

    def close(self) -> None:
        with self._lock:
            self.store.close()

    @contextmanager
    def current(self) -> Iterator[Anchor]:
        """The lock, with every ledger closed that was due; gives the latest one."""
        with self._lock:
            self._catch_up()
            yield self.timeline.latest

    # -- ledgers

    def close_ledger(self) -> Anchor:
        """Closes one at once, with all that waits for it."""
        with self.current():
            return self._close(self.timeline.at_once())

    def change(self, act: Callable[[Moment], Result]) -> Result:
        """Lets the owner of the devnet write entries and events in a ledger that closes at once."""
        with self.current():
            anchor = self.timeline.at_once()
            with self.store.together():
                result = act(Moment(anchor.sequence, anchor.closed))
                self._include_waiting(anchor)
                self.timeline.note(anchor)
            return result

    def _catch_up(self) -> None:
        while due := self.timeline.due():
            waiting = self.store.waiting()
            if not waiting:
                self.timeline.note(self.timeline.after(due))
                return
            empty = min(one.not_before for one in waiting) - self.timeline.latest.sequence - 1
            if empty > 0:
                self.timeline.note(self.timeline.after(min(empty, due)))
            else:
                self._close(self.timeline.next())

    def _close(self, anchor: Anchor) -> Anchor:
        with self.store.together():
            self._include_waiting(anchor)
            self.timeline.note(anchor)
        return anchor

    def _include_waiting(self, anchor: Anchor) -> None:
        order = 1
        for waiting in self.store.waiting():
            if waiting.not_before <= anchor.sequence:
                self.store.drop_waiting(waiting.hash)
                order += self._include(parse(waiting.envelope), waiting, anchor, order)

    def _include(self, submitted: Submitted, waiting: Waiting, anchor: Anchor, order: int) -> int:
        account = self.account(submitted.source, anchor.sequence)
        if account is None or not can_apply(submitted, account, anchor.closed):
            return 0
        fee = BASE_FEE + codec.given(submitted.data).resource_fee.int64
        self.write_account(account.with_fee(fee, submitted.sequence), anchor.sequence)
        moment = Moment(anchor.sequence, anchor.closed)
        outcome = self.executor.apply(submitted, moment)
        for key, entry in outcome.changes.items():
            self.store.put_entry(key, entry)
        self.write_events(outcome.events, moment, order + 1, submitted.hash)
        body = _body(outcome, waiting, anchor, order, fee)
        self.store.add_done(submitted.hash, anchor.sequence, body)
        return 1

    # -- transactions

    def send(self, submitted: Submitted, text: str) -> Taken:
        """What sendTransaction does with this envelope, given as base64 in `text` too."""
        with self.current() as latest:
            subject = _sending(submitted)
            if self._faults.hit("soroban.try_again_later", subject) is not None:
                return Taken("TRY_AGAIN_LATER")
            if self._faults.hit("soroban.bad_seq", subject) is not None:
                return _error(xdr.TransactionResultCode.txBAD_SEQ)
            queued = self._queued(submitted)
            if queued:
                return queued
            account = self.account(submitted.source, latest.sequence)
            refused = why_not(submitted, account, self.timeline.seconds_now())
            return _error(refused) if refused is not None else self._take(submitted, text, latest)

    def _queued(self, submitted: Submitted) -> Taken | None:
        """What the queue says: it knows this one, or it holds another one of this source."""
        waiting = self.store.waiting()
        if any(one.hash == submitted.hash for one in waiting):
            return Taken("DUPLICATE")
        if any(one.source == submitted.source for one in waiting):
            return Taken("TRY_AGAIN_LATER")
        return None

    def _take(self, submitted: Submitted, text: str, latest: Anchor) -> Taken:
        subject = _sending(submitted)
        if self._faults.hit("soroban.lose", subject) is not None:
            return Taken("PENDING")
        slow = self._faults.hit("soroban.slow", subject)
        wait = 1 + (int(slow.get("ledgers", SLOW_LEDGERS)) if slow is not None else 0)
        waiting = Waiting(submitted.hash, submitted.source, latest.sequence + wait, text)
        with self.store.together():
            self.store.add_waiting(waiting)
        is_odd = self._faults.hit("soroban.duplicate", subject) is not None
        return Taken("DUPLICATE" if is_odd else "PENDING")

    # -- entries and events

    def account(self, account: str, ledger: int) -> AccountState | None:
        entry = self.store.entry(codec.account_key(account), ledger)
        return codec.account_state(entry.data) if entry else None

    def write_account(self, state: AccountState, ledger: int) -> None:
        entry = Entry(codec.account_entry(state), ledger, None)
        self.store.put_entry(codec.account_key(state.account), entry)

    def write_events(
        self, events: Sequence[xdr.ContractEvent], moment: Moment, order: int, transaction_hash: str
    ) -> None:
        for number, event in enumerate(events):
            identity = event_id(moment.ledger, order, number)
            body = {
                "id": identity,
                "ledger": moment.ledger,
                "closed": moment.seconds,
                "order": order,
                "hash": transaction_hash,
                "event": event.to_xdr(),
            }
            self.store.add_event(identity, moment.ledger, body)

    def write_code(self, ledger: int) -> None:
        """The code of the modelled contracts: there before any instance; whoever creates one sees to it that it lives
        longer than a new instance does.
        """
        for code in CODES:
            key = codec.code_key(codec.code_hash(code))
            known = self.store.entry(key, ledger)
            if known is None or (known.live_until or 0) <= ledger + INSTANCE_LEDGERS:
                self.store.put_entry(key, Entry(codec.code_entry(code), ledger, ledger + CODE_LEDGERS - 1))

    def _skew_ns(self) -> int:
        skew = self._faults.peek("clock.chain_offset")
        return int(float(skew.get("seconds", 0)) * NS) if skew else 0


def event_id(ledger: int, order: int, number: int) -> str:
    """Sorts as text: ledger, transaction, operation, then the event's number."""
    return f"{(ledger << 32) | (order << 12):019d}-{number:010d}"


def _sending(submitted: Submitted) -> str:
    """What the faults of sendTransaction match on."""
    return f"sendTransaction {submitted.subject}"


def ledger_hash(sequence: int) -> bytes:
    return hashlib.sha256(f"ledger {sequence}".encode()).digest()


def _error(code: xdr.TransactionResultCode) -> Taken:
    return Taken("ERROR", results.transaction_result(code, BASE_FEE))


def _body(outcome: Outcome, waiting: Waiting, anchor: Anchor, order: int, fee: int) -> dict[str, Any]:
    code = xdr.TransactionResultCode
    named = code.txSUCCESS if outcome.is_success else code.txFAILED
    return {
        "status": "SUCCESS" if outcome.is_success else "FAILED",
        "ledger": anchor.sequence,
        "created": anchor.closed,
        "order": order,
        "envelope": waiting.envelope,
        "result": results.transaction_result(named, fee, outcome.operation),
        "meta": results.meta(outcome.value, outcome.events, outcome.diagnostics),
        "diagnostics": [event.to_xdr() for event in outcome.diagnostics],
        "events": [event.to_xdr() for event in outcome.events],
    }
