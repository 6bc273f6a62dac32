"""Reading what came to the payout contracts that pay in a token: from its own logs, and from the contracts' lists.

A transfer by the token service leaves no log, and a mirror node's list may lack what a log shows: so both are read,
window by window, and a deposit that both tell is one. A window is stored in one transaction with the cursor.
"""

from collections.abc import Iterator, Sequence

from django.db import transaction

from chainsync.followed import ERC20
from chainsync.models import LONGEST_WINDOW, EventListener
from chainsync.services.deposits import TRANSFER, Paid, store_deposits
from chainsync.services.pacing import Pace
from chainsync.services.reading import (
    BEFORE_REGISTRATION,
    RESCAN_EVERY,
    RESCAN_NS,
    UNSETTLED_NS,
    Reading,
    end_of_chain,
    move_cursor,
    note,
    settle_doubts,
    take,
)
from contracts import abi, clock
from contracts.addresses import long_zero, topic_of
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import MAX_TOPICS, Log, mirror
from contracts.models import Contract, Token

LEAST_WINDOW = 60  # seconds
MOST_WINDOWS = 10
ADDRESSES = 2  # of a contract: its own, and the one made of its number
PAGE = 100
SUCCESS = "SUCCESS"


def read_token(token: Token, listener: EventListener) -> Reading:
    """At most ten windows, and what was new a moment ago once more. Raises GatewayError."""
    contracts = list(Contract.objects.filter(network=token.network, payment_token=token).order_by("pk"))
    is_rescan = listener.rescanned_at is None or clock.now() - listener.rescanned_at >= RESCAN_EVERY
    pace = Pace(listener.window_seconds, least=LEAST_WINDOW, most=LONGEST_WINDOW)
    try:
        chain_ns = end_of_chain(listener)
        settle_doubts(token)
        start = _start(listener, contracts, chain_ns, back_ns=RESCAN_NS if is_rescan else 0)
        end = _read_windows(token, listener, contracts, pace, start=start, chain_ns=chain_ns)
    except GatewayError as error:
        note(listener, last_error=str(error))
        raise
    finally:
        if pace.learned != listener.window_seconds:
            note(listener, window_seconds=pace.learned)
    note(
        listener,
        read_until=max(listener.read_until, clock.consensus_text(end)),
        read_at=clock.now(),
        lag_seconds=(clock.now_ns() - chain_ns) // clock.NANOSECONDS,
        rescanned_at=clock.now() if is_rescan else listener.rescanned_at,
    )
    return Reading(is_finished=end >= chain_ns)


def _start(listener: EventListener, contracts: Sequence[Contract], chain_ns: int, *, back_ns: int) -> int:
    """Nanoseconds. Money that came before the oldest contract was registered is in its balance already."""
    if listener.cursor_at:
        return clock.consensus_ns(listener.cursor_at) - back_ns
    registered = min((one.created_at for one in contracts), default=listener.created_at) - BEFORE_REGISTRATION
    return min(int(registered.timestamp()) * clock.NANOSECONDS, chain_ns)


def _read_windows(
    token: Token,
    listener: EventListener,
    contracts: Sequence[Contract],
    pace: Pace,
    *,
    start: int,
    chain_ns: int,
) -> int:
    """Up to where it was read, in nanoseconds."""
    for _ in range(MOST_WINDOWS):
        end = min(start + pace.amount * clock.NANOSECONDS, chain_ns)
        _read_window(token, listener, contracts, pace, start, end, settled=min(end, chain_ns - UNSETTLED_NS))
        if end >= chain_ns:
            break
        start = end
    return end


def _read_window(
    token: Token,
    listener: EventListener,
    contracts: Sequence[Contract],
    pace: Pace,
    start: int,
    end: int,
    *,
    settled: int,
) -> None:
    since, until = clock.consensus_text(start), clock.consensus_text(end)
    with pace.measured():
        listed = [paid for one in contracts for paid in _listed(token, one, start, end)]
        logs = [log for part in _parts(contracts) for log in _logs(token, part, since, until)]
    for page in range(0, len(logs), PAGE):
        take(token, logs[page : page + PAGE], then=lambda: None)
    with transaction.atomic():
        store_deposits(token, listed)
        move_cursor(listener, [(clock.consensus_text(settled), -1)])


def _listed(token: Token, contract: Contract, start: int, end: int) -> list[Paid]:
    """What the contract's own list of transactions says it received."""
    found = mirror().account_transactions(contract.address, since_ns=start, until_ns=end, only_received=True)
    paid = []
    # Which of them succeeded is seen here: asked for both at once, a mirror node takes its slowest way.
    for record in (one for one in found if one.result == SUCCESS):
        moves = [one for one in record.token_transfers if one.token_id == token.address]
        units = sum(one.units for one in moves if one.account == contract.address)
        if units > 0:
            sender = min(moves, key=lambda one: one.units)
            named = sender.account if sender.units < 0 else ""
            paid.append(Paid(contract.pk, record.consensus_at, units, named, record.transaction_id))
    return paid


def _parts(contracts: Sequence[Contract]) -> list[Sequence[Contract]]:
    step = MAX_TOPICS // ADDRESSES
    return [contracts[start : start + step] for start in range(0, len(contracts), step)]


def _logs(token: Token, contracts: Sequence[Contract], since: str, until: str) -> Iterator[Log]:
    receivers = {
        topic_of(address) for one in contracts for address in (one.evm_address, long_zero(one.address))
    }
    interface = abi.interface(*ERC20.split("/"))
    return mirror().logs(
        token.address,
        since=since,
        until=until,
        topics0=[interface.topic0(TRANSFER)],
        topics2=sorted(receivers),
    )
