"""The size and the gas of a call to a payout contract: learned from every call, kept across restarts.

The learned size stands on the contract; how it was found, and what a holder costs, on its BatchSizing row.
Whoever changes one or the other holds the lock of that row.
"""

from collections.abc import Sequence

import structlog
from django.conf import settings
from django.db import transaction

from contracts.doorbell import ring
from contracts.models import AuditEvent, Contract, ContractTransaction
from payouts.models import Batch, BatchSizing, Distribution
from payouts.probing import MOST_GAS, START, Bracket
from payouts.services.splitting import cut, send_again

log = structlog.get_logger(__name__)

NO_GAS = "INSUFFICIENT_GAS"
TOO_LARGE = frozenset({NO_GAS, "MAX_CHILD_RECORDS_EXCEEDED", "TRANSACTION_OVERSIZE"})


# --- what is asked before a call is planned ----------------------------------------------------


def most_in_flight(contract: Contract) -> int | None:
    """How many batches of the contract, over all its distributions, may be PROCESSING; None: any number.

    A size that is only being tried is tried alone. Where no batch waits that is larger than what is known to go
    through, there is nothing to try, and nothing to be careful about.
    """
    return 1 if is_searching(contract) and _has_something_to_try(contract) else None


def is_searching(contract: Contract) -> bool:
    """Not learned yet, and the setting allows more than is known to go through."""
    return contract.learned_batch_size is None and _bracket(contract).good < settings.BATCH_SIZE


def _has_something_to_try(contract: Contract) -> bool:
    waiting = Batch.objects.filter(
        status=Batch.Status.PENDING,
        total__gt=_bracket(contract).good,
        distribution__asset__payout_contract=contract,
        distribution__status=Distribution.Status.PROCESSING,
    )
    return waiting.exists()


def size_for_next(contract: Contract) -> int:
    """How many holders the next call may carry."""
    return min(contract.learned_batch_size or _bracket(contract).next_size(), settings.BATCH_SIZE)


def gas_for(contract: Contract, *, holders: int) -> int:
    """All the network allows for a size that is only being tried, otherwise what was measured and half as much again.

    Unused gas is mostly given back, but a limit above the need takes room from other calls of the network.
    """
    bracket = _bracket(contract)
    known = contract.learned_batch_size or bracket.good
    if contract.learned_batch_size is None and holders > known:
        return MOST_GAS
    if bracket.gas_per_holder is None:
        needed = settings.HEDERA_GAS_PER_HOLDER * holders
    else:
        # What a call costs whoever is in it was measured as the holders' share: a small call needs more than its.
        needed = bracket.gas_per_holder * max(holders, known // 2) * 3 // 2
    return min(settings.HEDERA_GAS_BASE + needed, MOST_GAS)


def _bracket(contract: Contract) -> Bracket:
    """Asks once per instance of the contract."""
    try:
        return contract.sizing.bracket
    except BatchSizing.DoesNotExist:
        return Bracket()


# --- what is learned ---------------------------------------------------------------------------


def note_success(contract: Contract, *, holders: int, gas_used: int | None) -> None:
    """After a settled call in which nobody failed for lack of room. Nothing to do, nor to ask, once it is learned.

    While the size is searched for, the next call waits for this one, so the feeder is rung.
    """
    if contract.learned_batch_size is not None:
        return
    before = _bracket(contract)
    if before.succeeded(holders, gas_used) != before:
        with transaction.atomic():
            sizing = _locked(contract)
            why = f"{holders} holders went through"
            _keep(contract, sizing, sizing.bracket.succeeded(holders, gas_used), why)
    ring("payouts.feed", contract.wallet_id)


def note_partial(contract: Contract, *, succeeded: int, holders: int) -> None:
    """After a call that paid its first ``succeeded`` of ``holders`` holders and had no room for the others."""
    with transaction.atomic():
        sizing = _locked(contract)
        why = f"of {holders} holders only the first {succeeded} went through"
        _keep(contract, sizing, sizing.bracket.fitted(succeeded), why)


def learn_anew(contract: Contract, *, by: str, reason: str) -> None:
    """Forgets everything about the contract's size: the next batches search for it from the beginning."""
    with transaction.atomic():
        sizing = _locked(contract)
        log.info("size_forgotten", contract=contract.uid, by=by, reason=reason)
        _keep(contract, sizing, Bracket(), reason, by=by)
        ring("payouts.feed", contract.wallet_id)


def _locked(contract: Contract) -> BatchSizing:
    """The row under its lock, and the contract as it is by now."""
    BatchSizing.objects.bulk_create([BatchSizing(contract=contract)], ignore_conflicts=True)
    sizing = BatchSizing.objects.select_for_update().get(contract=contract)
    contract.learned_batch_size = Contract.objects.values_list("learned_batch_size", flat=True).get(
        pk=contract.pk
    )
    sizing.contract = contract
    return sizing


def _keep(
    contract: Contract, sizing: BatchSizing, bracket: Bracket, reason: str, *, by: str = "paydate"
) -> None:
    sizing.bracket = bracket
    sizing.save()
    before, learned = contract.learned_batch_size, bracket.good if bracket.is_closed else None
    log.info("size_seen", contract=contract.uid, bracket=str(bracket), learned=learned, reason=reason)
    if learned == before:
        return
    Contract.objects.filter(pk=contract.pk).update(learned_batch_size=learned)
    contract.learned_batch_size = learned
    words = [str(size) if size else "not learned" for size in (before, learned)]
    AuditEvent.write(contract, what="batch size", source=words[0], target=words[1], reason=reason, by=by)


# --- calls that were too large -----------------------------------------------------------------


def is_too_large(call: ContractTransaction) -> bool:
    return call.status == ContractTransaction.Status.FAILED and call.error_class in TOO_LARGE


def may_have_more_gas(call: ContractTransaction) -> bool:
    return call.error_class == NO_GAS and call.gas_limit < MOST_GAS


def on_too_large(batch: Batch, call: ContractTransaction) -> None:
    """Learns from a call that was too large for its holders; learning and its consequence are one transaction.

    The batch stays PROCESSING, to be planned again, when more gas may help. Otherwise it is SPLIT and its
    children are fed. A batch that failed for what was known already, because it was under way with others,
    becomes one child as it is, so that the search keeps batches large enough to try sizes with.
    """
    contract = batch.distribution.asset.payout_contract
    with transaction.atomic():
        sizing = _locked(contract)
        before = sizing.bracket
        if may_have_more_gas(call):
            _raise_gas(contract, sizing, batch.total, call.gas_limit)
        else:
            why = f"{call.error_class} with {batch.total} holders"
            _keep(contract, sizing, before.failed(batch.total), why)
        size = size_for_next(contract)
        if batch.total > size:
            is_news = sizing.bracket != before
            cut(batch, size if is_news or not is_searching(contract) else batch.total)
        ring("payouts.feed", contract.wallet_id)


def _raise_gas(contract: Contract, sizing: BatchSizing, holders: int, tried: int) -> None:
    """Doubles what a holder is given, unless that has happened since the call was planned."""
    if gas_for(contract, holders=holders) > tried:
        return
    doubled = 2 * (sizing.gas_per_holder or settings.HEDERA_GAS_PER_HOLDER)
    sizing.gas_per_holder = min(doubled, MOST_GAS)
    sizing.save()
    log.info("gas_raised", contract=contract.uid, gas_per_holder=sizing.gas_per_holder, tried=tried)


def has_paid_anybody(contract: Contract) -> bool:
    """Whether a call went through since the search began, or since a call with one holder was last too large."""
    return _bracket(contract).good > 0


def forget_failures(contract: Contract, *, good: int = 0) -> None:
    """After it was a holder that failed and not the size: what was said about sizes because of him is void."""
    with transaction.atomic():
        sizing = _locked(contract)
        _keep(contract, sizing, Bracket(good=good), "a holder cannot be paid, whatever the size of the call")


# --- size that looks like bad holders ----------------------------------------------------------


def resend_unpaid(batch: Batch, unpaid: Sequence[str], *, succeeded: int) -> Batch | None:
    """A batch that sends ``unpaid`` again at once, or None when it is they who cannot be paid.

    To be called in the transaction that settles ``batch``, for every settled call that reported holders as
    failed without a proven cause: ``unpaid`` are those holders, ``succeeded`` counts whom this call itself paid.
    When they are the tail of the list, behind holders who were paid, there was no room for them: the size is
    lowered, and their payments, FAILED or PENDING, are PENDING in a SPLIT_CHILD of the batch. That is no retry.

    It ends: each such batch is smaller, and when one of them pays nobody its holders stay FAILED, and the size
    that was blamed is restored.
    """
    contract = batch.distribution.asset.payout_contract
    if not succeeded:
        _acquit(batch, contract)
        return None
    if set(unpaid) != set(batch.holders[-len(unpaid) :]) or len(unpaid) >= batch.total:
        return None
    # One holder at the end of a short list is no evidence: anybody's trouble may have passed in the meantime.
    if len(unpaid) > 1 or batch.total >= START:
        note_partial(contract, succeeded=succeeded, holders=batch.total)
    reason = f"{len(unpaid)} holders failed without a cause after others were paid: sent again by themselves"
    child = send_again(batch, unpaid, reason=reason)
    ring("payouts.feed", contract.wallet_id)
    return child


def _acquit(batch: Batch, contract: Contract) -> None:
    """Nobody was paid by a batch that was sent again because the size of the call before was blamed."""
    blamed = _blamed(batch)
    if blamed and (bad := _bracket(contract).bad) and bad <= blamed.total:
        forget_failures(contract, good=blamed.total)


def _blamed(batch: Batch) -> Batch | None:
    """The settled batch whose unpaid tail this one, or what it was cut from, sends again."""
    while batch.kind == Batch.Kind.SPLIT_CHILD and batch.parent is not None:
        batch = batch.parent
        if batch.status != Batch.Status.SPLIT:
            return batch
    return None
