"""Distributions: the list, the form of a new one, and the page on which one is watched and acted on."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from unfold.enums import ActionVariant

from contracts import clock
from contracts.admin import cells
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.admin.holding import HoldButtons
from contracts.admin.tables import section_context
from payouts.admin import words
from payouts.admin.controlling import ControlButtons
from payouts.admin.forms import DistributionForm, StartForm
from payouts.admin.pages import AddPage
from payouts.admin.retrying import RetryButton
from payouts.admin.sections import SECTIONS
from payouts.models import Distribution
from payouts.services.creating import create_distribution
from payouts.services.showing import failures_of, progress_of, why_waiting
from payouts.services.starting import AlreadyStarted, NotStartable, execute_distribution
from payouts.services.times import shown

Status = Distribution.Status
ENDED = (Status.COMPLETED, Status.PARTIALLY_COMPLETED, Status.FAILED, Status.CANCELLED)
PAGE = "admin/payouts/distribution/page.html"
PROGRESS = "admin/payouts/distribution/progress.html"
FORM = "admin/payouts/distribution/add.html"


def _name(row: Distribution) -> object:
    return cells.titled(row.concept or row.uid, f"created {row.created_at:%Y-%m-%d %H:%M} UTC")


def _paid(row: Distribution) -> object:
    return cells.bar(row.paid_count, row.holder_count or 0, failed=row.failed_count)


def _can_start(row: Distribution) -> bool:
    """What starts by itself later is not started by hand before."""
    return row.status == Status.PENDING and (row.starts_at is None or row.starts_at <= clock.now())


def _when(row: Distribution) -> object:
    return shown(row.execute_at, row.zone) if row.execute_at else "when started"


@admin.register(Distribution)
class DistributionAdmin(ControlButtons, RetryButton, HoldButtons, AddPage):
    list_display = ("name", "of", "state", "asked", "when", "holders_paid", "paid", "why")
    list_filter = ("status", "amount_type", "kind", "execution", "asset", "created_at")
    list_select_related = ("asset__payout_contract__payment_token",)
    search_fields = ("uid", "concept", "asset__symbol", "asset__name", "=asset__isin", "created_by")
    search_help_text = "A uid, a concept, an asset's symbol, name or ISIN, or who created it"
    ordering = ("-pk",)
    add_form = DistributionForm
    add_template = FORM
    add_title = "New distribution"
    dates_title = "When it happens"
    actions_detail = ("execute", "retry", "stop", "resume", "place_hold", "lift_hold", "waive", "cancel")

    name = column("Concept", _name, order="concept")
    of = column("Asset", lambda row: row.asset.symbol, order="asset__symbol")
    state = column("Status", lambda row: cells.badge(row.status), order="status")
    asked = column("Asked for", words.asked_for)
    when = column("Paid at", _when, order="execute_at")
    holders_paid = column("Holders paid", _paid)
    paid = column("Paid", lambda row: cells.money(row.paid_units, row.asset.payout_contract.payment_token))
    why = column("Why", lambda row: cells.words(row.status_reason))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Distribution]:
        rows: QuerySet[Distribution] = super().get_queryset(request)
        token, wallet = "asset__payout_contract__payment_token", "asset__payout_contract__wallet"
        return rows.select_related(token, wallet, "asset__backing_contract")

    def get_urls(self) -> list[Any]:
        view = never_cache(self.progress_view)
        return [path("<int:pk>/progress/", view, name="payouts_distribution_progress"), *super().get_urls()]

    @button(
        "Start paying",
        permission="payouts.execute_distribution",
        available=_can_start,
        explained="The snapshot of the holders is taken on chain, the money is reserved, and every holder is paid.",
        refusals=(AlreadyStarted, NotStartable),
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        form=StartForm,
    )
    def execute(self, request: HttpRequest, row: Distribution, reason: str) -> str:
        execute_distribution(row, by=who(request), reason=reason)
        return "Started. This page follows it."

    def create(self, form: DistributionForm, by: str) -> Distribution:
        return create_distribution(form.wanted(by=by))

    def dates(self, form: DistributionForm, by: str) -> list[str]:
        return words.dates_of(form.wanted(by=by))

    def created_words(self, row: Distribution) -> str:
        if row.execute_at is None:
            return "Created. Nothing is sent before it is started."
        return f"Created. It starts by itself; nothing is paid before {shown(row.execute_at, row.zone)}."

    # Django's own view runs in a database transaction, and one of the sections asks the chain.

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        context = self.page_context(
            request,
            title=row.concept or f"Distribution {row.uid}",
            original=row,
            **section_context(SECTIONS, row, request),
            **self._progress(request, row),
        )
        return TemplateResponse(request, PAGE, context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The upper part of the page, asked for by itself while the distribution may still move."""
        if not self.admin_site.has_permission(request):
            # The session is over: load the whole page, which asks to log in, instead of a log-in form in its middle.
            return HttpResponse(headers={"HX-Refresh": "true"})
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        context = self._progress(request, row)
        # Buttons are sent again only when they may differ: one that is replaced under the mouse cannot be pressed.
        context["has_moved"] = request.GET.get("status") != row.status
        return TemplateResponse(request, PROGRESS, context)

    def _progress(self, request: HttpRequest, row: Distribution) -> dict[str, Any]:
        progress = progress_of(row)
        buttons = self.get_actions_detail(request, row.pk)
        return {
            "distribution": row,
            "headline": words.headline(row, progress),
            "badge": cells.badge(row.status),
            "reasons": why_waiting(row) if row.status not in (Status.COMPLETED, Status.CANCELLED) else [],
            "failures": failures_of(row) if progress.lines.get("FAILED") else [],
            "bar": cells.bar(
                progress.lines.get("PAID", 0), progress.total, failed=progress.lines.get("FAILED", 0)
            ),
            "money": words.money_facts(row, progress),
            "times": words.time_facts(row),
            "lines": words.counts(progress.lines),
            "batches": words.counts(progress.batches),
            "calls": words.counts(progress.transactions),
            "is_running": row.status not in ENDED,
            "buttons": self._get_actions_navigation(self.actions_detail, buttons, str(row.pk)),
        }
