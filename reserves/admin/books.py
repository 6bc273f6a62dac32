"""What investment contracts have promised to whom, as last read or imported."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin, EvidenceInline
from contracts.admin.cells import column
from contracts.clock import from_ns
from reserves.models import InvestmentBook, InvestmentEntry

PAID_IN = "contract__payment_token"
RETURNS = {1: "reverse loan", 2: "coupon"}
SECOND = 1_000_000_000


def _amount(field: str, title: str) -> object:
    return column(title, lambda row: cells.money(getattr(row, field), row.contract.payment_token))


def _entry_amount(field: str, title: str) -> object:
    return column(title, lambda row: cells.money(getattr(row, field), row.book.contract.payment_token))


def _ts(seconds: int, absent: str) -> object:
    return cells.moment(from_ns(seconds * SECOND)) if seconds else absent


def _rate(book: InvestmentBook) -> object:
    if book.rate_basis_points is None:
        return cells.unknown()
    return f"{book.rate_basis_points // 100}.{book.rate_basis_points % 100:02d} % a year"


def _or_unknown(value: object) -> object:
    return cells.unknown() if value is None else str(value)


def _returns(book: InvestmentBook) -> object:
    if book.return_type is None:
        return cells.unknown()
    return RETURNS.get(book.return_type, f"type {book.return_type}")


def _source(book: InvestmentBook) -> object:
    return book.get_source_display()


class InvestmentEntryInline(EvidenceInline):
    model = InvestmentEntry
    fields = ("token_id", "investor", "deposited", "instalment", "paid", "payments", "claimable", "last")
    readonly_fields = fields
    ordering = ("token_id",)
    per_page = 20
    show_change_link = False

    investor = column("Holder", lambda row: cells.code(row.holder))
    deposited = _entry_amount("deposited_units", "Deposited")
    instalment = _entry_amount("regular_payment_units", "Instalment")
    paid = _entry_amount("paid_units", "Paid")
    payments = column("Payments made", lambda row: str(row.payments_transferred))
    claimable = column("First due at", lambda row: _ts(row.claimable_ts, "not known"))
    last = column("Last paid at", lambda row: _ts(row.last_transfer_ts, "nothing was paid yet"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvestmentEntry]:
        rows: QuerySet[InvestmentEntry] = super().get_queryset(request)
        return rows.select_related("book__contract__payment_token")


@admin.register(InvestmentBook)
class InvestmentBookAdmin(EvidenceAdmin):
    list_display = ("of", "came_from", "read", "reserve", "problem_words")
    list_display_links = ("came_from",)
    list_filter = ("source", ("problem", admin.EmptyFieldListFilter))
    list_select_related = (PAID_IN,)
    search_fields = ("contract__label", "=contract__address", "problem")
    ordering = ("contract__label", "pk")
    inlines = (InvestmentEntryInline,)
    fieldsets = (
        (None, {"fields": ("of", "came_from", "read", "ledger", "problem_words")}),
        ("Terms", {"fields": ("rate", "months", "returns", "block_days", "is_by_address")}),
        ("Balances", {"fields": ("reserve", "project", "goal", "paused")}),
    )
    readonly_fields = (
        "of",
        "came_from",
        "read",
        "ledger",
        "problem_words",
        "rate",
        "months",
        "returns",
        "block_days",
        "reserve",
        "project",
        "goal",
        "paused",
    )

    of = column("Contract", lambda row: cells.link(row.contract, row.contract.label), order="contract__label")
    came_from = column("Source", _source, order="source")
    read = column("Read at", lambda row: cells.moment(row.read_at), order="read_at")
    ledger = column("As of ledger", lambda row: _or_unknown(row.as_of_ledger))
    problem_words = column("Problem", lambda row: cells.words(row.problem))
    rate = column("Rate", _rate)
    months = column("Instalments", lambda row: _or_unknown(row.return_months))
    returns = column("Kind of return", _returns)
    block_days = column("Days before the first", lambda row: _or_unknown(row.claim_block_days))
    reserve = _amount("reserve_units", "Reserve")
    project = _amount("project_units", "Project balance")
    goal = _amount("goal_units", "Goal")
    paused = column(
        "Paused on chain", lambda row: {None: cells.unknown(), True: "yes", False: "no"}[row.is_paused]
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvestmentBook]:
        rows: QuerySet[InvestmentBook] = super().get_queryset(request)
        return rows.select_related(PAID_IN)
