"""Every check of a reserve, to search in; a contract's page shows its own."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.cells import column
from contracts.admin.transactions import chain_id
from reserves.admin import sections
from reserves.models import PaymentAvailability

PAID_IN, WALLET = "contract__payment_token", "transaction__wallet"


def _money(row: PaymentAvailability, field: str, absent: str) -> object:
    units = getattr(row, field)
    return absent if units is None else cells.money(units, row.contract.payment_token)


def _started(row: PaymentAvailability) -> object:
    return cells.moment(row.started_at) if row.started_at else "not taken up yet"


def _checked(row: PaymentAvailability) -> object:
    return cells.moment(row.checked_at) if row.checked_at else "no answer"


def _transaction(row: PaymentAvailability) -> object:
    return cells.link(row.transaction) if row.transaction else "none was sent"


def _signed(row: PaymentAvailability) -> object:
    if row.signed_units is None:
        return "no signed answer"
    return cells.titled(
        cells.money(row.signed_units, row.contract.payment_token), f"as of ledger {row.signed_ledger}"
    )


def _next(row: PaymentAvailability) -> object:
    is_open = row.status == PaymentAvailability.Status.PENDING
    return cells.next_step(row.next_attempt_at) if is_open else "nothing: it has ended"


@admin.register(PaymentAvailability)
class PaymentAvailabilityAdmin(EvidenceAdmin):
    list_display = ("asked", "of", "state", "found", "did", "as_of", "lasted", "attempts", "problem")
    list_filter = ("status", "outcome", "mode", "requested_at")
    list_select_related = (PAID_IN,)
    search_fields = ("=uid", "contract__label", "=contract__address", "error_class", "error_text")
    search_help_text = "A uid, a contract's label or address, or words of an error"
    ordering = ("-requested_at", "-pk")
    fieldsets = (
        (None, {"fields": ("of", "state", "asked_at", "requested_by", "mode", "next_step", "again")}),
        (
            "Answer",
            {"fields": ("found", "as_of", "did", "balance", "due", "own", "note_words")},
        ),
        ("Signed call", {"fields": ("transaction_link", "on_chain", "signed")}),
        ("Times", {"fields": ("started", "checked", "lasted", "attempts")}),
        ("Error", {"fields": ("problem",)}),
        ("Ticket", {"fields": ("uid",)}),
    )
    readonly_fields = (
        "uid",
        "of",
        "state",
        "asked_at",
        "next_step",
        "again",
        "found",
        "as_of",
        "did",
        "balance",
        "due",
        "own",
        "note_words",
        "transaction_link",
        "on_chain",
        "signed",
        "started",
        "checked",
        "lasted",
        "problem",
    )

    asked = column(
        "Asked for",
        lambda row: cells.titled(cells.moment(row.requested_at), f"by {row.requested_by}"),
        order="requested_at",
    )
    asked_at = column("Asked for at", lambda row: cells.moment(row.requested_at))
    of = column("Contract", lambda row: cells.link(row.contract, row.contract.label), order="contract__label")
    state = column("Status", lambda row: cells.badge(row.status), order="status")
    found = column("Missing", sections.answer, order="required_funds_units")
    did = column("Effect", sections.effect, order="outcome")
    as_of = column("As of ledger or block", sections.ledger, order="ledger")
    lasted = column("Waited, took", sections.durations)
    problem = column("Error", lambda row: cells.words(sections.error(row)))
    next_step = column("Next step", _next)
    again = column("Another follows it", lambda row: "yes" if row.is_asked_again else "no")
    balance = column("Balance", lambda row: _money(row, "balance_units", "asked on Hedera only"))
    due = column("Due within the horizon", lambda row: _money(row, "due_units", "asked on Hedera only"))
    own = column(
        "Missing by its calendar",
        lambda row: _money(row, "own_units", "not known: its investments were not read"),
    )
    note_words = column("Note", lambda row: cells.words(row.note))
    transaction_link = column("Call", _transaction)
    on_chain = column(
        "Transaction id", lambda row: chain_id(row.transaction) if row.transaction else "none was sent"
    )
    signed = column("Signed answer", _signed)
    started = column("Taken up at", _started)
    checked = column("Answered at", _checked)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentAvailability]:
        rows: QuerySet[PaymentAvailability] = super().get_queryset(request)
        return rows.select_related(PAID_IN, WALLET)
