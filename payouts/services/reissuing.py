"""Paying a failed line to the holder's new wallet: asked for by one person, agreed to by another.

From the request on nobody else may pay the line, so it is made under the locks of a retry and with a retry's care:
the contract's events are read first, and no call of the distribution may still pay it.
"""

from django.db import transaction

from contracts import clock
from contracts.doorbell import ring
from contracts.models import ContractTransaction
from contracts.services.holds import PAYDATE
from contracts.services.planning import abandon
from contracts.transitions import move, record_move
from payouts.amounts import format_units
from payouts.models import Approval, Distribution, Payment, Reissue
from payouts.models.batches import REISSUE_LIVES
from payouts.services import approving
from payouts.services.choosing import CAN_BE_RETRIED
from payouts.services.finishing import keep_what_is_retried
from payouts.services.new_wallets import (
    NewWallet,
    UnfitWallet,
    check_wallet,
    find_wallet,
    why_not_transferable,
    why_transferred_before,
)
from payouts.services.retrying import catch_up, lock, why_not_terminal
from reserves.services import reserving

Status = Reissue.Status
CAN_BE_REFUSED = (Status.REQUESTED, Status.APPROVED, Status.FAILED)
PAID_MEANWHILE = "the chain has paid the holder meanwhile, so nothing is to be re-issued"


class NotReissued(Exception):
    """Nothing was changed; the message says what stands in the way, and what to do."""


def request_reissue(payment: Payment, *, wallet: str, by: str, reason: str) -> Reissue:
    """Asks for a second person, who has to agree before anything is sent. ``wallet`` is 0x… or 0.0.x.

    Raises NotReissued or a GatewayError; then nothing was written.
    """
    if not reason.strip():
        raise NotReissued("say how the holder proved that the wallet is theirs")
    if why_not := _why_not(payment):
        raise NotReissued(why_not)
    found = _find(payment, wallet)
    catch_up(payment.distribution)
    with transaction.atomic():
        distribution = payment.distribution
        lock(distribution)
        payment.refresh_from_db(from_queryset=Payment.objects.select_for_update(of=("self",)))
        payment.distribution = distribution
        if why_not := _why_not(payment) or why_not_terminal(distribution):
            raise NotReissued(why_not)
        return _store(payment, found, by=by, reason=reason)


def _find(payment: Payment, name: str) -> NewWallet:
    """The wallet, when it can be paid. Raises NotReissued or a GatewayError."""
    contract = payment.distribution.asset.payout_contract
    try:
        wallet = find_wallet(name)
        check_wallet(contract, wallet.evm_address, payment)
    except UnfitWallet as error:
        raise NotReissued(str(error)) from error
    reason = why_not_transferable(contract) or why_transferred_before(contract, payment, wallet.evm_address)
    if reason:
        raise NotReissued(reason)
    return wallet


def _why_not(payment: Payment) -> str | None:
    distribution = payment.distribution
    if distribution.kind == Distribution.Kind.BOND_CASH_OUT:
        return (
            "a bond is redeemed in the holder's own account; move the bond, or accept the payment as unpaid"
        )
    if distribution.status not in CAN_BE_RETRIED:
        return (
            f"the distribution is {distribution.status}: what failed can be re-issued when the run has ended"
        )
    if payment.status != Payment.Status.FAILED:
        return f"{payment.holder} is {payment.status}: only a failed payment is paid to another wallet"
    if live := payment.reissues.filter(status__in=REISSUE_LIVES).first():
        return (
            f"{payment.holder} is being re-issued to {live.wallet}, which is {live.status}; refuse that first"
        )
    return None


def _store(payment: Payment, wallet: NewWallet, *, by: str, reason: str) -> Reissue:
    reissue = Reissue.objects.create(
        payment=payment,
        wallet=wallet.evm_address,
        units=payment.expected_units,
        reason=reason,
        requested_by=by,
        requested_at=clock.now(),
        status_reason="waits for the approval of a second person",
    )
    record_move(reissue, "", reissue.status, reason=reason, by=by)
    approving.request_approval(reissue, words=_words(reissue, wallet), by=by)
    keep_what_is_retried(payment.distribution)
    return reissue


def _words(reissue: Reissue, wallet: NewWallet) -> str:
    payment = reissue.payment
    distribution = payment.distribution
    token = distribution.asset.payout_contract.payment_token
    units = format_units(int(reissue.units), decimals=token.decimals, symbol=token.symbol)
    also = distribution.payments.filter(holder=wallet.evm_address).exists()
    note = ", which is another holder of this distribution" if also else ""
    return (
        f"Pay {units} of {distribution.concept or distribution.uid}, owed to {payment.holder}, "
        f"to the wallet {wallet.evm_address} ({wallet.account}){note}. Proof: {reissue.reason}"
    )


def register() -> None:
    approving.register(Reissue, hash_of=hash_of, on_decided=on_decided)


def hash_of(reissue: Reissue) -> str:
    """Over what a second person agrees to: whose payment, the wallet and the base units."""
    payment = reissue.payment
    return approving.hash_over(
        distribution=payment.distribution.uid,
        holder=payment.holder,
        owed=int(payment.expected_units),
        wallet=reissue.wallet,
        units=int(reissue.units),
    )


def on_decided(reissue: Reissue, approval: Approval) -> None:
    """In the transaction of the decision. Raises NotDecided when it is no longer waited for."""
    to = Status.APPROVED if approval.is_approved else Status.REFUSED
    if reissue.status != Status.REQUESTED:
        raise approving.NotDecided(f"the re-issue is {reissue.status} already")
    words = "" if approval.is_approved else approval.reason
    by, now = approval.decided_by, clock.now()
    move(reissue, to, by=by, reason=approval.reason, status_reason=words, next_attempt_at=now)
    if approval.is_approved:
        ring("payouts.pay_reissue", reissue.pk)


def retry_reissue(reissue: Reissue, *, by: str, reason: str) -> None:
    """Another attempt after a transfer that surely failed; the approval still holds. Raises NotReissued."""
    if not reason.strip():
        raise NotReissued("say why: another attempt needs a reason")
    with transaction.atomic():
        _lock(reissue)
        if reissue.status != Status.FAILED:
            raise NotReissued(f"it is {reissue.status}: only a transfer that failed is tried again")
        if reissue.payment.status != Payment.Status.FAILED:
            raise NotReissued(PAID_MEANWHILE)
        move(reissue, Status.APPROVED, by=by, reason=reason, status_reason="", next_attempt_at=clock.now())
        ring("payouts.pay_reissue", reissue.pk)


def refuse_reissue(reissue: Reissue, *, by: str, reason: str) -> None:
    """Gives it up while nothing was sent, or after its transfer surely failed: the line is free again.

    Raises NotReissued.
    """
    if not reason.strip():
        raise NotReissued("say why: refusing needs a reason")
    with transaction.atomic():
        _lock(reissue)
        if reissue.status not in CAN_BE_REFUSED:
            raise NotReissued(f"it is {reissue.status}: there is nothing to refuse")
        _end_call(reissue, reason)
        move(reissue, Status.REFUSED, by=by, reason=reason, status_reason=reason)
        approving.void(reissue, reason=reason, by=by)
        reserving.close(distribution_uid=reissue.uid)


def refuse_paid() -> None:
    """Those whose line the chain has paid before their transfer was sent; what is on its way is waited for."""
    waiting = Reissue.objects.filter(status__in=CAN_BE_REFUSED, payment__status=Payment.Status.PAID)
    for reissue in waiting.order_by("pk"):
        try:
            refuse_reissue(reissue, by=PAYDATE, reason=PAID_MEANWHILE)
        except NotReissued:
            continue


def _lock(reissue: Reissue) -> None:
    lock(reissue.payment.distribution)
    reissue.refresh_from_db(from_queryset=Reissue.objects.select_for_update(of=("self",)))
    reissue.payment.refresh_from_db()


def _end_call(reissue: Reissue, reason: str) -> None:
    """Only a call that custody has not seen can be ended by us; its end moves the re-issue to FAILED."""
    call = ContractTransaction.objects.of(reissue.subject).last()
    if call is None or call.status in (ContractTransaction.Status.FAILED, ContractTransaction.Status.EXPIRED):
        return
    if not (call.is_open and abandon(call, reason=reason)):
        raise NotReissued("its transfer is under way or done; wait until the chain says how it ended")
    reissue.refresh_from_db()
