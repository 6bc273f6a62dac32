"""Claiming wallets: a person says that this database, here, is the one they belong to from now on.

Everything that somebody else may have signed before has to be on chain or past its validity first, and in the
book. So the chain must be 270 s past the beginning: 180 s is the longest validity, 90 s the margin of absence.
Every step may be interrupted and done again: what is on chain is taken into the book by its id, and the wallets
stay stopped until the last step, which is one commit.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import transaction

from contracts import clock
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import TransactionRecord, mirror
from contracts.models import AuditEvent, ContractTransaction, Installation, Wallet
from contracts.services import identity
from contracts.services.adopting import adopt, keep_stray
from contracts.services.book import Memo, listed_since, memo_of, strangers
from contracts.services.fencing import Kind, Reading, judge_for, look_back_ns, remember, words
from contracts.services.holds import lift_hold
from contracts.services.resolving import resolve_for_claim
from contracts.services.sweeping import single_flight
from contracts.services.wallets import release_from_fence, stop_for_fence

log = structlog.get_logger(__name__)

CLAIM_LOCK = 0x5041_5944_0005
SETTLED_SECONDS = 270
LOOK_SECONDS = 2.0
SAY_SECONDS = 10
MOST_ROUNDS = 100
EVERYTHING = 10**9

Say = Callable[[str], None]
Pause = Callable[[float], None]


class NotClaimed(Exception):
    """Nothing was released; the text says why, and what to do."""


@dataclass(slots=True)
class Claimed:
    """What one wallet's list had that this database did not know."""

    wallet: Wallet
    adopted: int = 0
    strays: int = 0


def claimable() -> list[Wallet]:
    """The wallets that a claim would release: those the fence stopped, or all when the identity is in question."""
    wallets = Wallet.objects.filter(network=f"hedera-{settings.HEDERA_NETWORK}").order_by("pk")
    if identity.identity_problem() or identity.fence_hold_on_everything():
        return list(wallets)
    return list(wallets.filter(stopped_by_fence=True))


def is_needed() -> bool:
    return bool(identity.identity_problem() or identity.fence_hold_on_everything() or claimable())


def claim_wallets(*, reason: str, by: str, say: Say, pause: Pause = time.sleep) -> list[Claimed]:
    """Waits, reads, adopts, and releases. Raises NotClaimed; then everything is held as before."""
    with single_flight(CLAIM_LOCK) as is_mine:
        if not is_mine:
            raise NotClaimed("another claim is under way; wait for its end")
        wallets = claimable()
        for wallet in wallets:
            stop_for_fence(wallet, f"{by} claims it: {reason}", by=by)
        began_ns = _wait_until_settled(say, pause)
        claimed = [_take_in(wallet, began_ns, say, pause) for wallet in wallets]
        _release(wallets, reason=reason, by=by)
        return claimed


def _wait_until_settled(say: Say, pause: Pause) -> int:
    """Returns when it began, by our clock or the chain's, whichever was later: the other one is behind."""
    began_ns: int | None = None
    said_at = 0.0
    while True:
        chain_ns = _chain_ns(say)
        if chain_ns is not None:
            began_ns = began_ns or max(clock.now_ns(), chain_ns)
            left = SETTLED_SECONDS - (chain_ns - began_ns) // clock.NANOSECONDS
            if left <= 0:
                return began_ns
            if time.monotonic() - said_at > SAY_SECONDS:
                say(
                    f"waiting until whatever was signed before is on chain or too late: {left} s of chain time"
                )
                said_at = time.monotonic()
        pause(LOOK_SECONDS)


def _chain_ns(say: Say) -> int | None:
    try:
        return mirror().newest_consensus_ns()
    except GatewayError as error:
        say(f"the mirror node does not answer, asking again: {error}")
        return None


def _take_in(wallet: Wallet, began_ns: int, say: Say, pause: Pause) -> Claimed:
    """Everything of the wallet's list that has no row gets one."""
    done = Claimed(wallet)
    judge = judge_for(before_ns=began_ns, instances=_our_instances())
    for _ in range(MOST_ROUNDS):
        reading, unknown = _read(wallet)
        if alive := [record for record in unknown if record.valid_start_ns >= began_ns]:
            raise NotClaimed(
                f"{wallet.account} is in use elsewhere right now: {words(alive, judge)}; stop that, then run this again"
            )
        waiting = [record for record in unknown if not _file(done, record, judge(record))]
        if not waiting:
            remember(wallet, reading)
            return done
        say(_resolve_rivals(waiting))
        pause(LOOK_SECONDS)
    raise NotClaimed(
        f"{_rivals(waiting)} still unresolved, and another transaction of the same subject is on chain; run this again,"
        " or let two people declare them expired (Transactions, Declare expired)"
    )


def _our_instances() -> set[str]:
    """The name before this claim counts as well: what was sent under it is ours."""
    return {settings.PAYDATE_INSTANCE_ID, *Installation.objects.values_list("instance_id", flat=True)}


def _read(wallet: Wallet) -> tuple[Reading, list[TransactionRecord]]:
    """All of the list from a day before the newest row. A mirror node that does not answer ends the claim."""
    try:
        reading = Reading(listed_since(wallet, look_back_ns(wallet)), most=EVERYTHING)
        return reading, list(strangers(wallet, reading))
    except GatewayError as error:
        raise NotClaimed(
            f"the mirror node does not show what {wallet.account} has on chain: {error}; run this again"
        ) from error


def _file(done: Claimed, record: TransactionRecord, kind: Kind) -> bool:
    memo = memo_of(record)
    if memo is None or kind != Kind.RESTORED:
        keep_stray(done.wallet, record)
        done.strays += 1
        return True
    is_filed = adopt(done.wallet, record, memo)
    done.adopted += is_filed
    return is_filed


def _resolve_rivals(waiting: Iterable[TransactionRecord]) -> str:
    """A subject has one open attempt; before the one on chain can be it, ours must have ended, by proof."""
    for row in _open_rivals(waiting):
        resolve_for_claim(row.pk)
    return f"looking for {_rivals(waiting)} on chain before another attempt is taken into the book"


def _open_rivals(waiting: Iterable[TransactionRecord]) -> list[ContractTransaction]:
    memos: Iterable[Memo] = filter(None, map(memo_of, waiting))
    return list(ContractTransaction.objects.open().filter(subject__in={memo.subject for memo in memos}))


def _rivals(waiting: Iterable[TransactionRecord]) -> str:
    return ", ".join(map(str, _open_rivals(waiting))) or "what has just ended"


def _release(wallets: list[Wallet], *, reason: str, by: str) -> None:
    """The new identity and the end of every stop are one commit."""
    with transaction.atomic():
        identity.record_claim(identity.server(), by=by, reason=reason)
        for wallet in wallets:
            AuditEvent.write(wallet, what="claim", target=wallet.account, reason=reason, by=by)
            release_from_fence(wallet, reason=reason, by=by)
        if hold := identity.fence_hold_on_everything():
            lift_hold(hold, reason=reason, by=by)
    log.warning("claimed", wallets=[wallet.account for wallet in wallets], by=by, reason=reason)
