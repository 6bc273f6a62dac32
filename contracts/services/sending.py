"""From SIGNED to SUBMITTED: the stored bytes go out once; any doubt about the answer counts as sent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from contracts import clock, gates
from contracts.doorbell import ring, ring_soon
from contracts.faults import fault_point
from contracts.gateways.errors import GatewayError, OutcomeUnknown, Refused, Unavailable
from contracts.leases import RELEASED
from contracts.models import ContractTransaction, SignedBody, Wallet
from contracts.services.building import broadcast, other_nodes
from contracts.services.identity import identity_problem
from contracts.services.steps import advance, fail, over_ns, postpone

log = structlog.get_logger(__name__)
Status = ContractTransaction.Status
SignForNode = Callable[[ContractTransaction, str], SignedBody | None]

BROADCAST_MARKED = fault_point("transaction.broadcast_marked", scenario="payout")
SENT = fault_point("transaction.sent", scenario="payout")
SUBMITTED = fault_point("transaction.submitted", scenario="payout")

LEAST_VALIDITY_NS = 15 * clock.NANOSECONDS
MOST_NODES = 3
FIRST_LOOK = timedelta(seconds=1)
NOT_YET = "not on chain yet"
NOT_TAKEN = "no node has taken it"


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a signed row is not sent now; without ``until`` it is looked at again after a growing pause."""

    reason: str
    until: datetime | None = None


def send(row: ContractTransaction, *, sign_for_node: SignForNode) -> None:
    """The first send of a row that was signed earlier. One whose broadcast had begun is only looked up from here on."""
    if row.broadcast_started_at is not None:
        _submitted(row, "a broadcast had begun before; the chain is asked")
        return
    body = row.bodies.exclude(signed_bytes=None).order_by("pk").first()
    if body is not None and _may_start(row, body):
        send_marked(row, body, sign_for_node=sign_for_node)


def send_marked(row: ContractTransaction, body: SignedBody, *, sign_for_node: SignForNode) -> None:
    """Only for the one who has just marked the start of the broadcast, in a commit that is done."""
    BROADCAST_MARKED.reach(row.subject)
    _try_nodes(row, body, sign_for_node)


def why_not_now(row: ContractTransaction) -> Wait | None:
    """What the transaction's validity says about sending it now."""
    now_ns = clock.now_ns()
    if row.valid_until_ns - now_ns < LEAST_VALIDITY_NS:
        return Wait("signed too late to be sent; expires", clock.from_ns(over_ns(row)))
    if (row.valid_start_ns or 0) > now_ns:
        begins = clock.from_ns(row.valid_start_ns or 0) + timedelta(seconds=2)
        return Wait("signed ahead of its validity; sent when it begins", begins)
    return None


def why_not_allowed(row: ContractTransaction) -> Wait | None:
    """What the wallet and the gate say, read in the transaction that marks the start."""
    reason = _wallet_stopped(row) or gates.why_not(row)
    return Wait(reason) if reason else None


def _may_start(row: ContractTransaction, body: SignedBody) -> bool:
    """Marks the start and asks the gate in one transaction; only the one who set the mark may send.

    The gate is asked behind the mark: whoever forbids it has locked the row first, or finds the mark. What it forbids
    is unmarked before anybody has seen the mark.
    """
    if wait := why_not_now(row):
        postpone(row, wait.reason, until=wait.until)
        return False
    now = clock.now()
    unsent = ContractTransaction.objects.filter(pk=row.pk, status=Status.SIGNED, broadcast_started_at=None)
    with transaction.atomic():
        if not unsent.update(broadcast_started_at=now):
            return False
        if wait := why_not_allowed(row):
            ContractTransaction.objects.filter(pk=row.pk).update(broadcast_started_at=None)
            postpone(row, wait.reason)
            return False
        row.broadcast_started_at = now
        count_send(body)
    return True


def _wallet_stopped(row: ContractTransaction) -> str:
    """Read afresh: the wallet may have been stopped while custody was signing. A copy of the database sends nothing."""
    reason = Wallet.objects.values_list("stopped_reason", flat=True).get(pk=row.wallet_id)
    return f"the wallet is stopped: {reason}" if reason else identity_problem() or ""


def count_send(body: SignedBody) -> None:
    """Counted before the bytes leave: a crash in between must look like a send that may have arrived."""
    now = clock.now()
    SignedBody.objects.filter(pk=body.pk).update(
        sends=F("sends") + 1, last_sent_at=now, first_sent_at=Coalesce("first_sent_at", now)
    )


def _try_nodes(row: ContractTransaction, body: SignedBody, sign_for_node: SignForNode) -> None:
    """A second node's body is built and signed only after the first node was unreachable or busy."""
    others = iter(other_nodes(row, body.node)[: MOST_NODES - 1])
    current: SignedBody | None = body
    while current is not None:
        try:
            broadcast(row, bytes(current.signed_bytes or b""), current.node)
            SENT.reach(row.subject)
            break
        except Unavailable as error:
            log.warning("node_unavailable", node=current.node, error=str(error), subject=row.subject)
            current = _next_body(row, others, sign_for_node)
        except Refused as error:
            if _was_only_send(row) and fail(row, error.code or "REFUSED", f"the node refused it: {error}"):
                return
            break
        except OutcomeUnknown as error:
            log.warning("outcome_unknown", node=current.node, error=str(error), subject=row.subject)
            break
    _submitted(row, "the stored bytes went to a node, or may have")


def _next_body(
    row: ContractTransaction, others: Iterator[str], sign_for_node: SignForNode
) -> SignedBody | None:
    node = next(others, None)
    body = sign_for_node(row, node) if node else None
    if body is not None:
        count_send(body)
    return body


def _was_only_send(row: ContractTransaction) -> bool:
    total: int | None = row.bodies.aggregate(total=Sum("sends"))["total"]
    return total == 1


def _submitted(row: ContractTransaction, reason: str) -> None:
    now = clock.now()
    look_at = now + FIRST_LOOK
    if advance(row, Status.SUBMITTED, reason=reason, submitted_at=now, next_attempt_at=look_at, **RELEASED):
        _ring_for_the_look(row)
        SUBMITTED.reach(row.subject)


def _ring_for_the_look(row: ContractTransaction) -> None:
    """On Hedera one look finds many; a source account of Stellar has one call under way at most."""
    if row.is_on_stellar:
        ring("contracts.resolve_transaction", row.pk, after=FIRST_LOOK.total_seconds())
    else:
        ring_soon("contracts.resolve_sent", row.wallet_id)


def send_again(row: ContractTransaction) -> str:
    """Stored bytes once more, while they are valid, those sent least often first. The chain is asked next.

    Returns why the row still waits.
    """
    body = row.bodies.exclude(signed_bytes=None).order_by("sends", "pk").first()
    if body is None or (body.last_sent_at and clock.now() - body.last_sent_at < _resend_pause()):
        return row.waiting_reason if row.waiting_reason.startswith(NOT_TAKEN) else NOT_YET
    count_send(body)
    try:
        broadcast(row, bytes(body.signed_bytes or b""), body.node)
    except GatewayError as error:
        log.info("sent_again", subject=row.subject, node=body.node, answer=str(error))
        return f"{NOT_TAKEN}: {error}; sent again" if isinstance(error, Unavailable) else NOT_YET
    log.info("sent_again", subject=row.subject, node=body.node, answer="accepted")
    return NOT_YET


def _resend_pause() -> timedelta:
    return timedelta(seconds=settings.RESEND_SECONDS)
