"""Making a retry: new batches of exactly the lines that failed, in one transaction, for whoever comes first.

A line is taken only while it is FAILED, its batch has ended and no call of the distribution is open, so the
chain has said its last word about it. Before that the contract's events are read: who was paid by somebody else
in between becomes PAID and is not sent again.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Q, Sum

from chainsync.services.storing import lock_listener
from contracts import clock
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.models import Contract
from contracts.transitions import move, record_moves
from payouts.amounts import counted, format_units
from payouts.models import Batch, Distribution, Payment
from payouts.models.batches import PaymentQuerySet
from payouts.services import choosing
from payouts.services.choosing import NotRetryable, Wanted
from payouts.services.finishing import count_totals, finish_distribution
from payouts.services.funding import is_in_flight, missing_words
from payouts.services.news import read_news
from payouts.services.showing import transactions_of
from reserves.services import reserving
from reserves.services.reserving import BalanceAt, InsufficientReserve, read_balance

RETRY_CREATED = fault_point("distribution.retry_created", scenario="retry")


@dataclass(frozen=True, slots=True)
class Retried:
    """What was created: the payments that are sent again, their sum in base units, and in how many batches."""

    payments: tuple[int, ...]
    units: int
    batches: int

    @property
    def lines(self) -> int:
        return len(self.payments)


@dataclass(frozen=True, slots=True)
class Line:
    pk: int
    holder: str
    units: int
    batch_id: int


def retry_distribution(distribution: Distribution, wanted: Wanted, *, by: str, reason: str = "") -> Retried:
    """A person has failed lines paid again, whatever had been their cause.

    Raises NotRetryable or a GatewayError; then nothing was sent. Without the money it is refused instead of
    held: a person is there to read what is missing, and what stands there meanwhile, paid in part, stays true.
    """
    choosing.check(distribution, wanted)
    catch_up(distribution)
    money = read_money(distribution)
    try:
        with transaction.atomic():
            lock(distribution)
            made = create(distribution, wanted.lines_of(distribution), money.balance, by=by, reason=reason)
    except InsufficientReserve as error:
        raise NotRetryable(money.missing(error)) from error
    RETRY_CREATED.reach(distribution.uid)
    return made


def catch_up(distribution: Distribution) -> None:
    """Brings lines, totals and status in line with the contract's events. Raises a GatewayError."""
    read_news(distribution)
    finish_distribution(distribution)


@dataclass(frozen=True, slots=True)
class Money:
    """The contract's balance, and whether calls under way may make it look too small."""

    contract: Contract
    balance: BalanceAt
    is_in_flight: bool

    def missing(self, error: InsufficientReserve) -> str:
        words = missing_words(self.contract, error)
        return (
            f"{words}; calls of this contract are still under way, try again then"
            if self.is_in_flight
            else words
        )


def read_money(distribution: Distribution) -> Money:
    """What is in flight is asked after the balance, as in funding. Raises a GatewayError."""
    contract = distribution.asset.payout_contract
    return Money(contract, read_balance(contract), is_in_flight(contract))


def lock(distribution: Distribution) -> None:
    """Of all who want to retry, one goes on; contract before distribution, as wherever money is reserved.

    The listener comes first, as wherever events are applied: no event pays a line while it is taken.
    """
    lock_listener(distribution.asset.payout_contract)
    Contract.objects.select_for_update().get(pk=distribution.asset.payout_contract_id)
    distribution.refresh_from_db(from_queryset=Distribution.objects.select_for_update())


def create(
    distribution: Distribution,
    chosen: PaymentQuerySet,
    balance: BalanceAt,
    *,
    by: str,
    reason: str,
    is_automatic: bool = False,
) -> Retried:
    """New batches of the failed lines among ``chosen``, in the caller's transaction, which holds the lock.

    The number of statements does not depend on the number of lines. Raises NotRetryable or InsufficientReserve;
    then the transaction is to be undone.
    """
    if why_not := choosing.why_not(distribution) or why_not_terminal(distribution):
        raise NotRetryable(why_not)
    lines = _lock_lines(chosen)
    if not lines:
        raise NotRetryable("nothing is left to retry: an event of the chain has paid what had failed")
    batches = _store_batches(distribution, lines, by=by)
    _assign(lines, batches, automatic_tries=int(is_automatic))
    _reserve(distribution, balance)
    made = Retried(tuple(line.pk for line in lines), sum(line.units for line in lines), len(batches))
    _start(distribution, by=by, reason=_audit_words(distribution, made, reason))
    ring("payouts.feed", distribution.asset.payout_contract.wallet_id)
    return made


def why_not_terminal(distribution: Distribution) -> str | None:
    """A batch ends only with its call, so this is a second look at the one thing that pays nobody twice.

    The transfer of a re-issue pays a line that nobody else may take.
    """
    calls = transactions_of(distribution).open().exclude(subject__startswith="reissue:")
    is_open = calls.exists() or distribution.batches.open().exists()
    return "a call of this distribution is still under way; wait for its end" if is_open else None


def _lock_lines(chosen: PaymentQuerySet) -> list[Line]:
    """In plan order. Whoever changes one of them at the same moment is waited for, and what he wrote counts."""
    failed = chosen.failed().free_of_reissue().order_by("ordinal").select_for_update(of=("self",))
    columns = failed.values_list("pk", "holder", "expected_units", "batch_id")
    return [Line(pk, holder, int(units), batch_id) for pk, holder, units, batch_id in columns]


def _store_batches(distribution: Distribution, lines: list[Line], *, by: str) -> list[Batch]:
    """Filled up to what one call takes, across the old batches: a signature for each of those would be a waste."""
    number: int = (distribution.batches.aggregate(last=Max("number"))["last"] or 0) + 1
    size = choosing.lines_per_call(distribution)
    tries = dict(
        Batch.objects.filter(pk__in={line.batch_id for line in lines}).values_list("pk", "retry_count")
    )
    groups = [lines[first : first + size] for first in range(0, len(lines), size)]
    batches = Batch.objects.bulk_create(
        [_batch(distribution, number + place, group, tries) for place, group in enumerate(groups)],
        batch_size=1_000,
    )
    record_moves(((batch, "", batch.status, _batch_words(batch)) for batch in batches), by=by)
    return batches


def _batch(distribution: Distribution, number: int, lines: list[Line], tries: dict[int, int]) -> Batch:
    """Its parent is the batch that all of its lines come from; where there are several, it has none."""
    parents = {line.batch_id for line in lines}
    return Batch(
        distribution=distribution,
        number=number,
        kind=Batch.Kind.RETRY,
        parent_id=parents.pop() if len(parents) == 1 else None,
        retry_count=1 + max(tries[line.batch_id] for line in lines),
        holders=[line.holder for line in lines],
        total=len(lines),
    )


def _batch_words(batch: Batch) -> str:
    return f"retry {batch.retry_count}: {counted(batch.total, 'line')} from FAILED to PENDING"


def _assign(lines: list[Line], batches: list[Batch], *, automatic_tries: int) -> None:
    batch_of = {holder: batch.pk for batch in batches for holder in batch.holders}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE payouts_payment AS payment
               SET status = 'PENDING', batch_id = retry.batch_id, failure_cause = '', failure_reason = '',
                   retries = retries + %s
              FROM unnest(%s::bigint[], %s::bigint[]) AS retry(line_id, batch_id)
             WHERE payment.id = retry.line_id AND payment.status = 'FAILED'
            """,
            [automatic_tries, [line.pk for line in lines], [batch_of[line.holder] for line in lines]],
        )


def _reserve(distribution: Distribution, balance: BalanceAt) -> None:
    """What is sent now, and what stays kept for lines that will be tried again by themselves."""
    waiting = Q(status=Payment.Status.PENDING) | Q(
        status=Payment.Status.FAILED, retries__lt=settings.MAX_BATCH_RETRIES
    )
    lines = distribution.payments.filter(waiting).free_of_reissue()
    units = lines.aggregate(units=Sum("expected_units"))["units"]
    reserving.reserve_again(
        contract=distribution.asset.payout_contract,
        distribution_uid=distribution.uid,
        units=int(units),
        balance=balance,
    )


def _start(distribution: Distribution, *, by: str, reason: str) -> None:
    move(
        distribution,
        Distribution.Status.PROCESSING,
        by=by,
        reason=reason,
        status_reason="",
        ended_at=None,
        next_retry_at=None,
        totals_at=clock.now(),
        **count_totals(distribution),
    )


def _audit_words(distribution: Distribution, made: Retried, reason: str) -> str:
    token = distribution.asset.payout_contract.payment_token
    units = format_units(made.units, decimals=token.decimals, symbol=token.symbol)
    lines, batches = counted(made.lines, "failed line"), counted(made.batches, "batch", "batches")
    words = f"retry of {lines}, {units}, in {batches}"
    return f"{words}: {reason}" if reason else words
