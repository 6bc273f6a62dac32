"""Batches, payments and plan pages: lists to search in; the distribution's page shows them in context."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.cells import column
from payouts.admin.reissues import LineButtons
from payouts.admin.retrying import RetrySelected
from payouts.models import Batch, Payment, PlanPage

PAID_IN = "distribution__asset__payout_contract__payment_token"


def _token(row: Any) -> Any:
    return row.distribution.asset.payout_contract.payment_token


def _of(row: Any) -> object:
    return cells.link(row.distribution, row.distribution.concept or row.distribution)


def _next(row: Batch) -> object:
    return "nothing: it is settled" if row.settled_at else cells.next_step(row.next_attempt_at)


def _made_from(row: Batch) -> object:
    """A retry may be filled up across batches; then each of its payments was in one of several."""
    if row.parent:
        return cells.link(row.parent)
    return "several batches" if row.kind == Batch.Kind.RETRY else "the plan"


def _tries(row: Payment) -> object:
    return f"{row.retries} of {settings.MAX_BATCH_RETRIES}"


class AutomaticRetryFilter(admin.SimpleListFilter):
    """What nobody but a person will try again, and what rests until its next try."""

    title = "automatic retry"
    parameter_name = "retry"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("given_up", "Given up: none is left"), ("waiting", "Tried again by itself")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "given_up":
            return queryset.given_up()
        if self.value() == "waiting":
            return queryset.tried_again_by_itself().filter(distribution__next_retry_at__isnull=False)
        return queryset


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
    cut_from = column("Made from", _made_from)
    frozen = column("Holders, in the order they are sent", lambda row: cells.code("\n".join(row.holders)))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("distribution", "parent")


@admin.register(Payment)
class PaymentAdmin(LineButtons, RetrySelected, EvidenceAdmin):
    list_display = ("address", "of", "expected", "paid", "state", "why", "tries", "paid_on_chain_at")
    list_filter = ("status", AutomaticRetryFilter, "failure_cause", "difference", "distribution__asset")
    search_fields = ("holder", "=distribution__uid")
    search_help_text = "A holder's address, or the uid of a distribution"
    ordering = ("-distribution_id", "ordinal")
    list_select_related = (PAID_IN,)
    actions = ("retry_selected",)
    actions_detail = ("reissue", "waive")
    fieldsets = (
        (None, {"fields": ("of", "address", "ordinal", "state", "why", "tries", "difference_words")}),
        ("Amounts", {"fields": ("balance", "expected", "paid", "paid_on_chain_at")}),
        ("Batch", {"fields": ("in_batch",)}),
    )
    readonly_fields = (
        "of",
        "address",
        "state",
        "why",
        "tries",
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
    tries = column("Automatic retries", _tries, order="retries")
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
