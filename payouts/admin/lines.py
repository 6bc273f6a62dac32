"""Batches, payments and plan pages: lists to search in; the distribution's page shows them in context."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.cells import column
from payouts.models import Batch, Payment, PlanPage

PAID_IN = "distribution__asset__payout_contract__payment_token"


def _token(row: Any) -> Any:
    return row.distribution.asset.payout_contract.payment_token


def _of(row: Any) -> object:
    return cells.link(row.distribution, row.distribution.concept or row.distribution)


def _next(row: Batch) -> object:
    return "nothing: it is settled" if row.settled_at else cells.next_step(row.next_attempt_at)


@admin.register(Batch)
class BatchAdmin(EvidenceAdmin):
    list_display = ("name", "of", "kind", "state", "holders_paid", "retry_count", "why", "settled")
    list_filter = ("status", "kind")
    list_select_related = ("distribution",)
    search_fields = ("=uid", "=distribution__uid", "error_text")
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "of",
                    "number",
                    "kind",
                    "state",
                    "holders_paid",
                    "failed",
                    "why",
                    "next_step",
                    "settled",
                )
            },
        ),
        ("Retry", {"fields": ("retry_count", "cut_from")}),
        ("Frozen list", {"fields": ("uid", "total", "frozen")}),
    )
    readonly_fields = (
        "uid",
        "of",
        "state",
        "holders_paid",
        "why",
        "next_step",
        "settled",
        "cut_from",
        "frozen",
    )

    name = column("Batch", lambda row: f"Batch {row.number}", order="number")
    of = column("Distribution", _of)
    state = column("Status", lambda row: cells.badge(row.status), order="status")
    holders_paid = column("Holders paid", lambda row: cells.bar(row.successful, row.total, failed=row.failed))
    why = column("Why", lambda row: cells.words(row.error_text or row.waiting_reason))
    settled = column(
        "Settled at", lambda row: cells.moment(row.settled_at) if row.settled_at else "not settled"
    )
    next_step = column("Next step", _next)
    cut_from = column("Made from", lambda row: cells.link(row.parent) if row.parent else "the plan")
    frozen = column("Holders, in the order they are sent", lambda row: cells.code("\n".join(row.holders)))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("distribution", "parent")


@admin.register(Payment)
class PaymentAdmin(EvidenceAdmin):
    list_display = ("address", "of", "expected", "paid", "state", "why", "paid_on_chain_at")
    list_filter = ("status", "difference", "distribution__asset")
    search_fields = ("holder", "=distribution__uid")
    search_help_text = "A holder's address, or the uid of a distribution"
    ordering = ("-distribution_id", "ordinal")
    list_select_related = (PAID_IN,)
    fieldsets = (
        (None, {"fields": ("of", "address", "ordinal", "state", "why", "difference_words")}),
        ("Amounts", {"fields": ("balance", "expected", "paid", "paid_on_chain_at")}),
        ("Batch", {"fields": ("in_batch",)}),
    )
    readonly_fields = (
        "of",
        "address",
        "state",
        "why",
        "difference_words",
        "balance",
        "expected",
        "paid",
        "paid_on_chain_at",
        "in_batch",
    )

    address = column("Holder", lambda row: cells.code(row.holder), order="holder")
    of = column("Distribution", _of)
    state = column("Status", lambda row: cells.badge(row.status), order="status")
    why = column("Why", lambda row: cells.words(row.failure_reason))
    difference_words = column("Difference", lambda row: cells.words(row.difference))
    balance = column("Balance at record", lambda row: cells.money(row.balance_units, row.distribution.asset))
    expected = column(
        "Expected", lambda row: cells.money(row.expected_units, _token(row)), order="expected_units"
    )
    paid = column("Paid", lambda row: cells.money(row.paid_units, _token(row)), order="paid_units")
    paid_on_chain_at = column("Consensus time", lambda row: cells.consensus(row.paid_at), order="paid_at")
    in_batch = column("Batch", lambda row: cells.link(row.batch) if row.batch else "none yet")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(PAID_IN, "batch")


@admin.register(PlanPage)
class PlanPageAdmin(EvidenceAdmin):
    list_display = ("number", "of", "size", "holder_count", "done", "problem")
    list_filter = (("done_at", admin.EmptyFieldListFilter),)
    list_select_related = ("distribution",)
    search_fields = ("=distribution__uid",)
    ordering = ("-distribution_id", "number")
    fields = ("of", "number", "size", "holder_count", "balance", "done", "problem")
    readonly_fields = ("of", "balance", "done", "problem")

    of = column("Distribution", _of)
    balance = column("Balances read", lambda row: cells.money(row.balance_units, row.distribution.asset))
    done = column("Read at", lambda row: cells.moment(row.done_at) if row.done_at else "not read yet")
    problem = column("Last problem", lambda row: cells.words(row.error))
