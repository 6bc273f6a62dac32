"""Our clock beside the chain's. A network that refuses the time of our calls is not asked on and on."""

from datetime import timedelta

import structlog
from django.db import transaction

from contracts import clock
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import mirror
from contracts.models import Contract, ContractTransaction, Hold, Wallet
from contracts.services.holds import PAYDATE, lift_own, place_hold

log = structlog.get_logger(__name__)
Status = ContractTransaction.Status

TIME_REFUSED = frozenset({"INVALID_TRANSACTION_START", "TRANSACTION_EXPIRED"})
REFUSALS_IN_A_ROW = 2
# A call may begin 8 s before our time, so this much ahead is harmless; mirror nodes show the chain 3 to 7 s late.
SMALL_SECONDS = 10
SHORTEST_HOLD = timedelta(seconds=30)


def note_refusal(row: ContractTransaction) -> None:
    """Called when a call has failed. Two in a row of one payer that were refused for their time hold the payer."""
    if row.error_class not in TIME_REFUSED:
        return
    ended = ContractTransaction.objects.filter(
        wallet=row.wallet, status__in=(Status.SUCCEEDED, Status.FAILED), valid_start_ns__isnull=False
    )
    last = ended.order_by("-valid_start_ns").values_list("error_class", flat=True)[:REFUSALS_IN_A_ROW]
    if len(last) == REFUSALS_IN_A_ROW and TIME_REFUSED.issuperset(last):
        _hold(row.wallet, row.error_class)


def seconds_ahead() -> int:
    """How far our clock is ahead of the newest time the mirror node shows, its lag included. Raises GatewayError."""
    return (clock.now_ns() - mirror().newest_consensus_ns()) // clock.NANOSECONDS


def lift_what_is_over() -> None:
    """Lifts our own holds when the clocks agree again, but not so soon that they would flap."""
    placed = Hold.objects.open().filter(cause=Hold.Cause.CLOCK, placed_by=PAYDATE, needs_operator=False)
    old = list(placed.filter(placed_at__lt=clock.now() - SHORTEST_HOLD))
    if not old:
        return
    try:
        ahead = seconds_ahead()
    except GatewayError as error:
        log.info("clock_not_compared", error=str(error))
        return
    if abs(ahead) <= SMALL_SECONDS:
        for hold in old:
            reason = f"the clocks differ by about {abs(ahead)} s only"
            lift_own(scope=hold.scope, object_uid=hold.object_uid, cause=hold.cause, reason=reason)


def _hold(wallet: Wallet, error_class: str) -> None:
    reason = (
        f"{_difference()}: the network refused the time of {REFUSALS_IN_A_ROW} calls of {wallet.account} in a row"
        f" ({error_class}); set this machine's clock by NTP"
    )
    with transaction.atomic():
        for contract in Contract.objects.filter(wallet=wallet):
            scope, cause = Hold.Scope.CONTRACT, Hold.Cause.CLOCK
            place_hold(scope=scope, object_uid=contract.uid, cause=cause, reason=reason)


def _difference() -> str:
    try:
        ahead = seconds_ahead()
    except GatewayError as error:
        return f"clock differs by an unknown time (the mirror node does not answer: {error})"
    return f"clock differs by about {abs(ahead)} s, ours is {'ahead' if ahead > 0 else 'behind'}"
