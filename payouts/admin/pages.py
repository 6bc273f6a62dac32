"""Pages that the services' forms and sections have in common: a form that may show dates first, and a page of facts."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import who
from contracts.admin.tables import Sections, section_context
from payouts.services.bad_input import BadInput

PAGE = "admin/paydate/page.html"


class AddPage(EvidenceAdmin):
    """The form of a new row. Django's own form view runs in a database transaction, and these ask the chain."""

    add_form: type[forms.Form]
    add_template: str
    add_title: str
    dates_title = ""

    def create(self, form: Any, by: str) -> Any:
        """The new row, by a service that may raise BadInput."""
        raise NotImplementedError

    def dates(self, form: Any, by: str) -> Sequence[object]:
        """What is shown on request before anything is created; may raise BadInput."""
        return ()

    def created_words(self, row: Any) -> str:
        raise NotImplementedError

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.add_{self.opts.model_name}")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.add_form(request.POST if request.method == "POST" else None)
        dates: Sequence[object] = ()
        if form.is_valid():
            try:
                if "preview" not in request.POST:
                    return self._created(request, self.create(form, who(request)))
                dates = self.dates(form, who(request))
            except BadInput as error:
                form.add_error(None, str(error))
        shown = {"dates": dates, "dates_title": self.dates_title}
        context = self.page_context(request, title=self.add_title, form=form, **shown)
        return TemplateResponse(request, self.add_template, context)

    def _created(self, request: HttpRequest, row: Any) -> HttpResponse:
        messages.success(request, self.created_words(row))
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=[row.pk]))

    def page_context(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media, **more}


class FactsPage(AddPage):
    """A row in one sentence, its facts, its buttons, and sections of which the one that is looked at is read."""

    sections: Sections

    def facts(self, row: Any) -> dict[str, Any]:
        """``badge``, ``headline`` and ``facts`` of the page."""
        raise NotImplementedError

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
        buttons = self.get_actions_detail(request, row.pk)
        context = self.page_context(
            request,
            title=str(row),
            original=row,
            buttons=self._get_actions_navigation(self.actions_detail, buttons, str(row.pk)),
            **section_context(self.sections, row, request),
            **self.facts(row),
        )
        return TemplateResponse(request, PAGE, context)
