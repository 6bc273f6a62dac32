"""Retrying from the admin: the dialog on a distribution's page, and the page for payments selected in a list."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from contracts.admin import cells
from contracts.admin.buttons import ReasonForm, button, who
from contracts.gateways.errors import GatewayError
from payouts.amounts import counted
from payouts.models import Distribution, Payment
from payouts.services.choosing import CAN_BE_RETRIED, EVERYTHING, NotRetryable, Wanted, preview
from payouts.services.retrying import retry_distribution

PERMISSION = "payouts.retry_distribution"
MOST_SELECTED = 500
SELECTED_PAGE = "admin/payouts/payment/retry.html"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a retry of one distribution would send, or why it cannot be: one of ``lines`` and ``refusal`` is empty."""

    distribution: Distribution
    refusal: str = ""
    lines: str = ""
    calls: str = ""
    money: SafeString | str = ""
    reasons: tuple[tuple[str, int], ...] = ()


def offer(distribution: Distribution, wanted: Wanted) -> Offer:
    try:
        found = preview(distribution, wanted)
    except NotRetryable as error:
        return Offer(distribution, refusal=str(error))
    return Offer(
        distribution,
        lines=counted(found.lines, "holder"),
        calls=counted(found.calls, "call"),
        money=cells.money(found.units, distribution.asset.payout_contract.payment_token),
        reasons=found.reasons,
    )


def act(request: HttpRequest, distribution: Distribution, wanted: Wanted, reason: str) -> str:
    """Raises NotRetryable, also for a chain that does not answer."""
    try:
        made = retry_distribution(distribution, wanted, by=who(request), reason=reason)
    except GatewayError as error:
        raise NotRetryable(
            f"the chain could not be asked: {error}. Nothing was sent; try again in a moment"
        ) from error
    return (
        f"{counted(made.lines, 'holder')} will be paid again, in {counted(made.batches, 'batch', 'batches')}."
    )


class RetryForm(ReasonForm):
    """Says what is about to be sent again before it asks why."""

    form_before_template = "admin/payouts/distribution/retry.html"

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        rows = Distribution.objects.select_related("asset__payout_contract__payment_token")
        row = rows.filter(pk=object_id or 0).first()
        return {"offer": offer(row, EVERYTHING) if row else None}


class RetryButton:
    """For the admin of distributions."""

    @button(
        "Retry what failed",
        permission=PERMISSION,
        available=lambda row: row.status in CAN_BE_RETRIED and row.failed_count > 0,
        explained="The contract's events are read first: who was paid meanwhile is not paid again.",
        refusals=(NotRetryable,),
        icon="replay",
        variant=ActionVariant.PRIMARY,
        form=RetryForm,
    )
    def retry(self, request: HttpRequest, row: Distribution, reason: str) -> str:
        return act(request, row, EVERYTHING, reason) + " This page follows it."


class SelectedForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="It is kept in the audit trail, with your name.",
    )


class RetrySelected:
    """For the admin of payments: first a page with counts and sums, then a reason, then the retries."""

    opts: Any
    admin_site: Any
    media: Any

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description="Retry the selected payments", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, rows: QuerySet[Payment]) -> HttpResponse | None:
        if (count := rows.count()) > MOST_SELECTED:
            messages.error(
                request,
                f"{count:,} payments are selected, {MOST_SELECTED} can be retried from here at once. "
                "Retry all that failed on the page of their distribution.",
            )
            return None
        form = SelectedForm(request.POST if "confirmed" in request.POST else None)
        if form.is_valid():
            return self._retry(request, rows, form.cleaned_data["reason"])
        return self._ask(request, rows, form)

    def _ask(self, request: HttpRequest, rows: QuerySet[Payment], form: SelectedForm) -> HttpResponse:
        offers = [offer(distribution, wanted) for distribution, wanted in _by_distribution(rows)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": "Retry the selected payments",
            "offers": offers,
            "can_act": any(not one.refusal for one in offers),
            "selected": rows.values_list("pk", flat=True),
            "form": form,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, SELECTED_PAGE, context)

    def _retry(self, request: HttpRequest, rows: QuerySet[Payment], reason: str) -> HttpResponse:
        for distribution, wanted in _by_distribution(rows):
            name = distribution.concept or distribution.uid
            try:
                messages.success(request, f"{name}: {act(request, distribution, wanted, reason)}")
            except NotRetryable as error:
                messages.error(request, f"{name}: {error}")
        return HttpResponseRedirect(request.get_full_path())


def _by_distribution(rows: QuerySet[Payment]) -> list[tuple[Distribution, Wanted]]:
    holders: dict[int, list[str]] = defaultdict(list)
    for distribution_id, holder in rows.order_by("ordinal").values_list("distribution_id", "holder"):
        holders[distribution_id].append(holder)
    distributions = Distribution.objects.select_related("asset__payout_contract__payment_token")
    found = distributions.filter(pk__in=holders).order_by("pk")
    return [(one, Wanted(holders=tuple(holders[one.pk]))) for one in found]
