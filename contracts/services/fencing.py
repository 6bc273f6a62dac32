"""The fence: a wallet belongs to one Paydate, and whatever its key has signed has its row in this database.

Before a process signs for a wallet, and every FENCE_SECONDS from then on, it compares the payer's list on chain
with the book. A transaction without a row stops the wallet, whoever sent it, until a person has claimed it: it
means a database that was put back, a second copy of it, or another system with the same key.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

import structlog
from django.conf import settings
from django.db.models import Max, Q

from contracts import clock
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import TransactionRecord, mirror
from contracts.models import ContractTransaction, Wallet
from contracts.services import clocks
from contracts.services.adopting import adopt
from contracts.services.book import given_ns, listed_since, memo_of, strangers
from contracts.services.identity import CLAIM, hold_everything, identity_problem, take_into_use
from contracts.services.wallets import stop_for_fence

__all__ = ["guard_wallets", "identity_problem", "why_not"]

log = structlog.get_logger(__name__)
MOST_RECORDS = 2_000
# A mirror node's newest seconds may still be incomplete, so the end of the list is read again each time.
OVERLAP_NS = 60 * clock.NANOSECONDS
LOOK_BACK_NS = 24 * 3600 * clock.NANOSECONDS
LONG_AGO = 10**30


class Kind(StrEnum):
    """What a transaction is that this database does not know."""

    FOREIGN = "another system signs with this wallet"
    OTHER_PAYDATE = "another Paydate signs with this wallet"
    ALIVE = "another copy of this Paydate is alive and signs with this wallet"
    RESTORED = "this database is older than the chain: it was put back, or a copy of it was at work"


@dataclass(slots=True)
class _Watch:
    """What this process has seen of one wallet's list on chain."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    compared_at_ns: int | None = None

    def age_ns(self) -> int:
        """A clock that was set back makes it old."""
        age = LONG_AGO if self.compared_at_ns is None else clock.now_ns() - self.compared_at_ns
        return age if age >= 0 else LONG_AGO


class Reading:
    """Reads a list to its end, or as far as ``most``, and remembers how far it came."""

    def __init__(self, records: Iterable[TransactionRecord], *, most: int) -> None:
        self._records, self._left = records, most
        self.last_ns: int | None = None

    @property
    def is_complete(self) -> bool:
        return self._left > 0

    def __iter__(self) -> Iterator[TransactionRecord]:
        for record in islice(self._records, self._left):
            self._left -= 1
            self.last_ns = record.consensus_ns
            yield record


_started_ns = clock.now_ns()
_watches: dict[int, _Watch] = {}


def restart() -> None:
    """Forgets what was seen, as a process does that begins anew."""
    global _started_ns
    _started_ns = clock.now_ns()
    _watches.clear()


def why_not(wallet: Wallet, *, fresh: bool = False) -> str | None:
    """Why nothing of this wallet may be signed now, or None. ``fresh`` compares with the chain whatever is remembered.

    Asked before every signature: within FENCE_SECONDS of a comparison it costs no query. While one thread compares
    again the others go on for at most as long once more; what they sign has its row before it is sent, so it
    cannot be what is looked for.
    """
    if problem := whose_database():
        return problem
    watch = _watches.setdefault(wallet.pk, _Watch())
    limit = settings.FENCE_SECONDS * clock.NANOSECONDS
    age = LONG_AGO if fresh else watch.age_ns()
    if age < limit or not watch.lock.acquire(blocking=age >= 2 * limit):
        return None
    try:
        is_done = not fresh and watch.age_ns() < limit
        return None if is_done else _compare(wallet, watch)
    finally:
        watch.lock.release()


def whose_database() -> str | None:
    """Why nothing at all may be signed with this database, which is then held, or None."""
    problem = take_into_use()
    if problem:
        hold_everything(problem)
    return problem


def guard_wallets() -> None:
    """One tick: compares every wallet, also one that has nothing to sign, and lifts holds whose cause is gone."""
    for wallet in Wallet.objects.filter(network=f"hedera-{settings.HEDERA_NETWORK}", stopped_by_fence=False):
        if reason := why_not(wallet):
            log.warning("fence_closed", wallet=wallet.account, reason=reason)
    clocks.lift_what_is_over()


def _compare(wallet: Wallet, watch: _Watch) -> str | None:
    began_ns = clock.now_ns()
    try:
        reason = _behind_start(watch) or _read_on(wallet)
    except GatewayError as error:
        return f"the mirror node does not show what this wallet has on chain: {error}"
    if reason is None:
        watch.compared_at_ns = began_ns
    return reason


def _behind_start(watch: _Watch) -> str | None:
    """The first comparison of a process must show what was on chain when it began."""
    if watch.compared_at_ns is None and mirror().newest_consensus_ns() < _started_ns:
        return "the mirror node has not come to the moment at which this signer started"
    return None


def _read_on(wallet: Wallet) -> str | None:
    began_at_ns = since_ns(wallet)
    reading = Reading(listed_since(wallet, began_at_ns), most=MOST_RECORDS)
    unknown = list(strangers(wallet, reading))
    if unknown:
        return _stop(wallet, unknown)
    remember(wallet, reading)
    if reading.is_complete:
        _keep_near(wallet, began_at_ns)
        return None
    return f"its transactions on chain are still being compared, up to {wallet.watched_through} so far"


def since_ns(wallet: Wallet) -> int:
    """Where the last comparison ended; the first one begins a day before the newest row."""
    if wallet.watched_through:
        return clock.consensus_ns(wallet.watched_through)
    return look_back_ns(wallet)


def look_back_ns(wallet: Wallet) -> int:
    rows = ContractTransaction.objects.filter(wallet=wallet)
    newest: int | None = rows.aggregate(newest=Max("valid_start_ns"))["newest"]
    return given_ns(wallet) if newest is None else max(given_ns(wallet), newest - LOOK_BACK_NS)


def remember(wallet: Wallet, reading: Reading) -> None:
    """Only what an answer has shown moves the place on: the answer of a mirror node that is behind moves it less."""
    if reading.last_ns is not None:
        _move_on(wallet, reading.last_ns - (OVERLAP_NS if reading.is_complete else 0))


def _keep_near(wallet: Wallet, began_at_ns: int) -> None:
    """An idle wallet's list shows nothing that would move the place on; it follows a day behind, far behind any lag."""
    if clock.now_ns() - began_at_ns > 2 * LOOK_BACK_NS:
        _move_on(wallet, mirror().newest_consensus_ns() - LOOK_BACK_NS)


def _move_on(wallet: Wallet, through_ns: int) -> None:
    through = clock.consensus_text(through_ns)
    earlier = Q(watched_through="") | Q(watched_through__lt=through)
    if Wallet.objects.filter(earlier, pk=wallet.pk).update(watched_through=through):
        wallet.watched_through = through


def _stop(wallet: Wallet, unknown: list[TransactionRecord]) -> str:
    """Stops first; what is ours from before this signer's start is then taken into the book."""
    judge = judge_for(before_ns=_started_ns, instances=(settings.PAYDATE_INSTANCE_ID,))
    reason = f"{words(unknown, judge)}; find out who sent them, end it, and run {CLAIM}"
    stop_for_fence(wallet, reason)
    for record in unknown:
        memo = memo_of(record)
        if memo is not None and judge(record) == Kind.RESTORED:
            adopt(wallet, record, memo)
    return f"the wallet is stopped: {reason}"


def judge_for(*, before_ns: int, instances: Collection[str]) -> Callable[[TransactionRecord], Kind]:
    """Ours are those of ``instances``; what began at ``before_ns`` or later was sent while we were at work."""

    def judge(record: TransactionRecord) -> Kind:
        memo = memo_of(record)
        if memo is None:
            return Kind.FOREIGN
        if memo.instance not in instances:
            return Kind.OTHER_PAYDATE
        return Kind.ALIVE if record.valid_start_ns >= before_ns else Kind.RESTORED

    return judge


def words(unknown: list[TransactionRecord], judge: Callable[[TransactionRecord], Kind]) -> str:
    """Each kind with its number and its first transaction, the worst first."""
    by_kind = {kind: [record for record in unknown if judge(record) == kind] for kind in Kind}
    return "; ".join(
        f"{kind} ({len(found)} not known here, the first {found[0].transaction_id})"
        for kind, found in by_kind.items()
        if found
    )
