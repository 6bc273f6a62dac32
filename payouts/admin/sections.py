"""The sections under a distribution: each is one table, and only the one that is looked at is read."""

from collections.abc import Callable

from django.db.models import Q
from django.http import HttpRequest

from contracts.admin import cells
from contracts.admin.tables import Choice, Section, Table, audit_table, holds_table, paged
from contracts.admin.transactions import chain_id, gas_words, trouble
from contracts.gateways.errors import GatewayError
from contracts.models import ContractTransaction, Hold
from payouts.models import Approval, Batch, Distribution, Payment
from payouts.services.showing import compare_with_chain, reissues_of, transactions_of

MOST_DIFFERENCES = 200


def batches(distribution: Distribution, request: HttpRequest) -> Table:
    headers = ("Batch", "Kind", "Status", "Holders", "Paid", "Failed", "Retries", "Why", "Settled at")
    rows = distribution.batches.defer("holders").order_by("number")
    return paged(rows, request, _batch, headers, "No batches yet: they are cut when the plan is closed.")


def _batch(row: Batch) -> tuple[object, ...]:
    why = cells.words(row.error_text or row.waiting_reason)
    settled = cells.moment(row.settled_at) if row.settled_at else "not settled"
    name, status = cells.link(row, f"Batch\N{NO-BREAK SPACE}{row.number}"), cells.badge(row.status)
    counts = (row.total, row.successful, row.failed, row.retry_count)
    return (name, row.get_kind_display(), status, *counts, why, settled)


def payments(distribution: Distribution, request: HttpRequest) -> Table:
    headers = (
        "Line",
        "Holder",
        "Balance at record",
        "Expected",
        "Paid",
        "Status",
        "Why",
        "Batch",
        "Consensus time",
    )
    status, holder = request.GET.get("status", ""), request.GET.get("holder", "").strip().lower()
    rows = distribution.payments.select_related("batch").order_by("ordinal")
    if status in Payment.Status.values:
        rows = rows.filter(status=status)
    if holder:
        rows = rows.filter(holder__startswith=holder)
    empty = (
        "No line fits." if status or holder else "No lines yet: they are written while the snapshot is read."
    )
    choices = [
        Choice("ALL", "", not status),
        *(Choice(one, one, one == status) for one in Payment.Status.values),
    ]
    show = _payment_of(distribution)
    return paged(rows, request, show, headers, empty, choices=choices, search=holder)


def _payment_of(distribution: Distribution) -> Callable[[Payment], tuple[object, ...]]:
    asset, token = distribution.asset, distribution.asset.payout_contract.payment_token

    def show(row: Payment) -> tuple[object, ...]:
        return (
            cells.link(row, f"{row.ordinal + 1}"),
            cells.code(row.holder),
            cells.money(row.balance_units, asset),
            cells.money(row.expected_units, token),
            cells.money(None if row.status == Payment.Status.PENDING else row.paid_units, token),
            cells.badge(row.status),
            cells.words(row.failure_reason or row.difference),
            cells.link(row.batch, row.batch.number) if row.batch else "none yet",
            cells.consensus(row.paid_at),
        )

    return show


def transactions(distribution: Distribution, request: HttpRequest) -> Table:
    headers = (
        "For",
        "Status",
        "Transaction id",
        "Error, or what it waits for",
        "Gas used",
        "Fee",
        "Consensus time",
    )
    names = {
        f"batch:{uid}": f"Batch {number}" for uid, number in distribution.batches.values_list("uid", "number")
    }
    names[distribution.snapshot_subject] = "Snapshot"
    names |= {one.subject: f"Re-issue to {one.wallet}" for one in reissues_of(distribution)}

    def show(row: ContractTransaction) -> tuple[object, ...]:
        return (
            cells.titled(cells.link(row, names.get(row.subject, row.subject)), f"attempt {row.attempt}"),
            cells.badge(row.status),
            chain_id(row),
            trouble(row),
            gas_words(row),
            cells.fee(row.fee_units),
            cells.consensus(row.consensus_at),
        )

    rows = transactions_of(distribution).select_related("wallet")
    return paged(rows, request, show, headers, "Nothing was planned for the chain yet.")


def holds(distribution: Distribution, request: HttpRequest) -> Table:
    return holds_table(_covering(distribution), request)


def _covering(distribution: Distribution) -> Q:
    """Open or lifted, on whatever stops this distribution."""
    covered = Q(scope=Hold.Scope.GLOBAL)
    for scope, uid in distribution.hold_scopes:
        covered |= Q(scope=scope, object_uid=uid)
    return covered


def audit(distribution: Distribution, request: HttpRequest) -> Table:
    concerned = Q(noun="distribution", object_id=distribution.pk)
    concerned |= Q(noun="batch", object_id__in=distribution.batches.values("pk"))
    concerned |= Q(noun="hold", object_id__in=Hold.objects.filter(_covering(distribution)).values("pk"))
    reissues = reissues_of(distribution)
    approvals = Approval.objects.filter(Q(distribution=distribution) | Q(reissue__in=reissues))
    concerned |= Q(noun="reissue", object_id__in=reissues.values("pk"))
    concerned |= Q(noun="approval", object_id__in=approvals.values("pk"))
    concerned |= Q(
        noun="contracttransaction", object_id__in=transactions_of(distribution).order_by().values("pk")
    )
    return audit_table(concerned, request)


def chain(distribution: Distribution, request: HttpRequest) -> Table:
    """Asks the contract's own events, each time it is looked at; nothing is changed by it."""
    headers, token = ("Holder that differs",), distribution.asset.payout_contract.payment_token
    if distribution.snapshot_id is None:
        return Table((), [], "There is no snapshot yet, so nothing can have been paid.")
    try:
        view = compare_with_chain(distribution)
    except GatewayError as error:
        return Table(
            (), [], f"The chain could not be asked, so nothing is known: {error}. Look again in a moment."
        )
    paid = distribution.payments.filter(status=Payment.Status.PAID).count()
    facts: list[tuple[str, object]] = [
        ("Holders paid, as the chain says", view.paid_count),
        ("Holders paid, as stored here", paid),
        ("Sum, as the chain says", cells.money(view.paid_units, token)),
        ("Differences", len(view.differing)),
    ]
    rows: list[tuple[object, ...]] = [(cells.code(holder),) for holder in view.differing[:MOST_DIFFERENCES]]
    note = "" if view.differing else "The same on chain and here, holder by holder."
    return Table(headers if rows else (), rows, "", note=note, facts=facts)


SECTIONS: dict[str, tuple[str, Section]] = {
    "batches": ("Batches", batches),
    "payments": ("Payments", payments),
    "transactions": ("Transactions", transactions),
    "holds": ("Holds", holds),
    "audit": ("Audit trail", audit),
    "chain": ("Compare with the chain", chain),
}
