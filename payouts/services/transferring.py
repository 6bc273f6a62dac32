"""The transfer of an approved re-issue: a call that the chain would do twice, so it is only repeated after a proof.

Gate, handler and origin of its purpose are here as well. The line stays FAILED until the chain has said that the
transfer succeeded.
"""

from datetime import timedelta

import structlog
from django.db import transaction
from structlog.contextvars import bound_contextvars

from contracts import clock
from contracts.gateways.errors import GatewayError
from contracts.models import AuditEvent, Contract, ContractTransaction, Hold, Notice
from contracts.services.holds import PAYDATE
from contracts.services.notices import open_notice
from contracts.services.planning import AlreadyOpen, Call, Owner, Waiting, plan_transaction
from contracts.services.resolving import read_result_again
from contracts.transitions import move
from payouts.models import Distribution, Payment, Reissue
from payouts.services import approving, reissuing
from payouts.services.finishing import count_again
from payouts.services.funding import is_in_flight, missing_words
from payouts.services.holding import words
from payouts.services.new_wallets import (
    TRANSFERRED,
    UnfitWallet,
    check_wallet,
    why_not_transferable,
    why_transferred_before,
)
from payouts.services.retrying import catch_up, lock
from reserves.models import Reservation
from reserves.services import reserving
from reserves.services.reserving import BalanceAt, InsufficientReserve, NewDraw, read_balance

PURPOSE = "reissue"
GAS = 1_000_000
PAUSE = timedelta(seconds=5)
log = structlog.get_logger(__name__)
CallStatus = ContractTransaction.Status
Status = Reissue.Status
ENDED_UNPAID = (CallStatus.FAILED, CallStatus.EXPIRED)
_CONTRACT = "payment__distribution__asset__payout_contract"
RELATED = (
    f"{_CONTRACT}__wallet",
    f"{_CONTRACT}__payment_token",
    "payment__distribution__asset__backing_contract",
)


def due_reissues() -> list[int]:
    """Approved ones whose next step has come, for the sweep."""
    due = Reissue.objects.filter(status=Status.APPROVED, next_attempt_at__lte=clock.now())
    return list(due.order_by("next_attempt_at").values_list("pk", flat=True))


def pay_reissue(pk: int) -> None:
    """Takes an approved re-issue as far as it will go now: its transfer is planned, or why it waits is stored."""
    reissue = Reissue.objects.select_related(*RELATED).get(pk=pk)
    if reissue.status != Status.APPROVED:
        return
    with bound_contextvars(distribution=reissue.payment.distribution.uid, reissue=reissue.uid):
        try:
            _step(reissue)
        except GatewayError as error:
            _wait(reissue, f"the chain could not be asked: {error}")
        except Exception as error:
            log.exception("unexpected_error")
            text = f"unexpected error, see the log of re-issue {reissue.uid}: {type(error).__name__}: {error}"
            _wait(reissue, text, pause=timedelta(minutes=1))


def _step(reissue: Reissue) -> None:
    latest = ContractTransaction.objects.of(reissue.subject).last()
    if latest is not None and latest.is_open:
        _wait(reissue, latest.waiting_reason or "its transfer is under way")
    elif latest is not None and latest.status == CallStatus.SUCCEEDED:
        _settle_late(reissue, latest)
    elif reason := _why_not_yet(reissue):
        _wait(reissue, reason)
    else:
        _plan(reissue)


def _settle_late(reissue: Reissue, row: ContractTransaction) -> None:
    """The mirror node had the result only in part when the call succeeded."""
    _wait(reissue, f"the result of {row.transaction_id} does not show the transfer; it is read again")
    if read_result_again(row):
        with transaction.atomic():
            _settle(reissue, row)


def _wait(reissue: Reissue, reason: str, *, pause: timedelta = PAUSE) -> None:
    rows = Reissue.objects.filter(pk=reissue.pk, status=Status.APPROVED)
    rows.update(status_reason=reason, next_attempt_at=clock.now() + pause)


def _why_not_yet(reissue: Reissue) -> str | None:
    """What the chain has against it now; the contract's events are read last. Raises a GatewayError."""
    payment = reissue.payment
    contract = payment.distribution.asset.payout_contract
    try:
        check_wallet(contract, reissue.wallet, payment)
    except UnfitWallet as error:
        return str(error)
    reason = why_not_transferable(contract) or why_transferred_before(contract, payment, reissue.wallet)
    catch_up(payment.distribution)
    return reason


def _plan(reissue: Reissue) -> None:
    distribution = reissue.payment.distribution
    contract = distribution.asset.payout_contract
    balance, in_flight = read_balance(contract), is_in_flight(contract)
    try:
        with transaction.atomic():
            lock(distribution)
            if not _is_wanted(reissue):
                return
            _reserve(reissue, contract, balance)
            _plan_call(reissue)
    except InsufficientReserve as error:
        more = "; calls of this contract are still under way" if in_flight else ""
        _wait(reissue, missing_words(contract, error) + more)
    except (Waiting, AlreadyOpen) as error:
        _wait(reissue, str(error))


def _is_wanted(reissue: Reissue) -> bool:
    """Keeps its row, so that it is not refused while its call is planned; who paid the line is found by the sweep."""
    wanted = Reissue.objects.filter(
        pk=reissue.pk, status=Status.APPROVED, payment__status=Payment.Status.FAILED
    )
    return wanted.select_for_update(of=("self",)).exists()


def _reserve(reissue: Reissue, contract: Contract, balance: BalanceAt) -> None:
    """Under its own name, because the run's reservation may have closed long ago."""
    units = int(reissue.units)
    if Reservation.objects.filter(distribution_uid=reissue.uid).exists():
        reserving.reserve_again(contract=contract, distribution_uid=reissue.uid, units=units, balance=balance)
    else:
        reserving.reserve(
            contract=contract, distribution_uid=reissue.uid, pool_of=lambda _: units, balance=balance
        )


def _plan_call(reissue: Reissue) -> None:
    owner = _owner(reissue)
    plan_transaction(
        wallet=owner.wallet,
        contract=owner.contract,
        call=call_for(reissue),
        purpose=owner.purpose,
        subject=reissue.subject,
        group_uid=owner.group_uid,
        has_guard=owner.has_guard,
    )
    Reissue.objects.filter(pk=reissue.pk).update(
        status_reason="its transfer is planned", next_attempt_at=clock.now() + PAUSE
    )


def _owner(reissue: Reissue) -> Owner:
    distribution = reissue.payment.distribution
    contract = distribution.asset.payout_contract
    return Owner(contract.wallet, contract, PURPOSE, distribution.uid, has_guard=False)


def call_for(reissue: Reissue) -> Call:
    contract = reissue.payment.distribution.asset.payout_contract
    return Call(
        target=contract.address,
        interface=f"lccf/{contract.interface_version}",
        function="transferPaymentToken",
        arguments=[reissue.wallet, int(reissue.units)],
        gas_limit=GAS,
    )


def origin(subject: str) -> tuple[Owner, Call] | None:
    """Whose a transfer is that is on chain and not in a restored database."""
    reissue = _of(subject)
    return (_owner(reissue), call_for(reissue)) if reissue else None


def _of(subject: str) -> Reissue | None:
    return Reissue.objects.select_related(*RELATED).filter(uid=subject.partition(":")[2]).first()


# --- the gate ------------------------------------------------------------------------------------


def why_not_transfer(row: ContractTransaction) -> str | None:
    """The gate. Holds of custody stop what is still to be signed, not what custody has signed already."""
    reissue = _of(row.subject)
    if reissue is None:
        return "its re-issue is not in this database"
    if reissue.status != Status.APPROVED:
        return f"the re-issue is {reissue.status}: {reissue.status_reason or 'it must be APPROVED'}"
    if reissue.payment.status != Payment.Status.FAILED:
        return f"the payment is {reissue.payment.status} already"
    return approving.why_not_valid(reissue) or _why_held(reissue, row) or _why_stopped(reissue)


def _why_held(reissue: Reissue, row: ContractTransaction) -> str | None:
    holds = Hold.objects.covering(reissue.payment.distribution.hold_scopes)
    stopping = [hold for hold in holds if hold.cause != Hold.Cause.CUSTODY or row.status != CallStatus.SIGNED]
    return f"held: {words(stopping)}" if stopping else None


def _why_stopped(reissue: Reissue) -> str | None:
    asset = reissue.payment.distribution.asset
    stopped = (Contract.Status.BLOCKED, Contract.Status.PAUSED)
    contracts = [one for one in (asset.payout_contract, asset.backing_contract) if one]
    return next(
        (f"the contract {one.label} is {one.status}" for one in contracts if one.status in stopped), None
    )


# --- the handler ---------------------------------------------------------------------------------


def on_transfer_arrow(row: ContractTransaction, arrow: str) -> None:
    reissue = _of(row.subject)
    if reissue is None:
        return
    if arrow == CallStatus.SUCCEEDED:
        _settle(reissue, row)
    elif arrow in ENDED_UNPAID and reissue.status == Status.APPROVED:
        reason = f"{row.error_text or row.error_class}; try it again, or refuse it and retry the payment"
        move(reissue, Status.FAILED, reason=row.error_text, status_reason=reason)
        reserving.close(distribution_uid=reissue.uid)
    elif arrow == "WAITING":
        _wait(reissue, f"custody waits for approval of {row.transaction_id}; approve it there")


def _settle(reissue: Reissue, row: ContractTransaction) -> None:
    """The re-issue and its line move together, and the run's totals follow."""
    if not _shows_transfer(reissue, row):
        log.critical("transfer_not_shown", reissue=reissue.uid, transaction_id=row.transaction_id)
        return
    distribution = Distribution.objects.select_for_update().get(pk=reissue.payment.distribution_id)
    payment = Payment.objects.select_for_update(of=("self",)).get(pk=reissue.payment_id)
    reason = f"paid to {reissue.wallet} by {row.transaction_id}"
    if reissue.status == Status.REFUSED:
        log.critical("refused_yet_transferred", reissue=reissue.uid, transaction_id=row.transaction_id)
    if reissue.status not in (Status.REFUSED, Status.PAID):
        move(reissue, Status.PAID, reason=reason, status_reason="", paid_at=row.consensus_at)
        approving.void(reissue, reason="its transfer is on chain", by=PAYDATE)
    _draw(reissue, row)
    if payment.status != Payment.Status.FAILED or not move(payment, Payment.Status.REISSUED, reason=reason):
        _shout(reissue, payment, row)
    count_again(distribution)


def _shows_transfer(reissue: Reissue, row: ContractTransaction) -> bool:
    wanted = (reissue.wallet, int(reissue.units))
    events = (row.result or {}).get("events", ())
    told = (event["args"] for event in events if event.get("name") == TRANSFERRED)
    return any((args["to"], int(args["amount"])) == wanted for args in told)


def _draw(reissue: Reissue, row: ContractTransaction) -> None:
    at = row.consensus_at
    draw = NewDraw(f"{reissue.uid}:{at}", int(reissue.units), clock.consensus_ns(at))
    reserving.draw_many(distribution_uid=reissue.uid, draws=[draw])
    reserving.close(distribution_uid=reissue.uid)


def _shout(reissue: Reissue, payment: Payment, row: ContractTransaction) -> None:
    """The holder was paid by both: somebody has to ask for money back."""
    target = Payment.Difference.PAID_AFTER_REISSUE
    text = (
        f"the line is {payment.status}, and {reissue.units} went to {reissue.wallet} by {row.transaction_id}"
    )
    log.critical("paid_after_reissue", reissue=reissue.uid, holder=payment.holder, units=int(reissue.units))
    Payment.objects.filter(pk=payment.pk).update(difference=target)
    AuditEvent.write(payment, what="difference", target=target, reason=text, by=PAYDATE)


def tell_paid_twice() -> None:
    """Mails once for every re-issue beside which the chain has paid the line as well."""
    told = Notice.objects.filter(noun="reissue", cause=Notice.Cause.PAID_TWICE).values("object_uid")
    twice = Reissue.objects.filter(payment__difference=Payment.Difference.PAID_AFTER_REISSUE)
    # By number first: every sweep asks, nearly always there is none, and the wide query costs three times as much.
    for pk in twice.exclude(uid__in=told).values_list("pk", flat=True):
        reissue = Reissue.objects.select_related(*RELATED).get(pk=pk)
        payment = reissue.payment
        open_notice(
            reissue,
            cause=Notice.Cause.PAID_TWICE,
            title=f"Paid twice: {payment.distribution.concept or payment.distribution.uid}",
            text=(
                f"The payment of {payment.holder} was re-issued to {reissue.wallet}, and the contract has paid "
                f"{payment.holder} as well, at {payment.paid_at}. Ask for one of the two back."
            ),
        )


def look_after_reissues() -> None:
    """For the sweep."""
    reissuing.refuse_paid()
    tell_paid_twice()
