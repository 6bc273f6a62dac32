"""Buttons: a GET shows a form, only a POST with its token acts, most with a reason, and a service does the work."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget


class ReasonForm(BaseDialogForm):
    reason = forms.CharField(
        label="Reason",
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="It is kept in the audit trail, with your name.",
    )


class PlainForm(BaseDialogForm):
    """Asks for nothing: of what changes nothing that a reason would be wanted for."""


# Calls one service and says in one sentence what happened: ``(admin, request, row, **fields of the form)``.
# ``row`` is None for a button above a list.
Act = Callable[..., str]


def button(
    title: str,
    *,
    permission: str,
    available: Callable[[Any], bool],
    explained: str,
    refusals: tuple[type[Exception], ...] = (),
    icon: str = "",
    variant: ActionVariant = ActionVariant.DEFAULT,
    form: type[BaseDialogForm] = ReasonForm,
    label: str = "",
) -> Callable[[Act], Any]:
    """Makes an admin's method a button with a dialog. ``label`` stands on it where the dialog's title is too long.

    ``available`` decides from the row whether the button is shown; whether it may act is the service's business,
    whose ``refusals`` are shown in words.
    """

    def decorate(act: Act) -> Any:
        def view(
            admin: Any, request: HttpRequest, filled: BaseDialogForm, object_id: str | None = None
        ) -> HttpResponse:
            row = None if object_id is None else _row(admin, request, object_id)
            try:
                messages.success(request, act(admin, request, row, **_given(filled)))
            except refusals as error:
                messages.error(request, str(error))
            return _back(admin, request, row)

        view.__name__ = act.__name__
        dialog = {"title": title, "description": explained, "form_class": form, "form_submit_text": title}
        path = act.__name__.replace("_", "-")
        shown = action(
            description=label or title, icon=icon or None, variant=variant, url_path=path, dialog=dialog
        )(view)

        # Not Unfold's `permissions`: its system check asks the database, which `migrate` has yet to create.
        @wraps(shown)
        def guarded(admin: Any, request: HttpRequest, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return shown(admin, request, **kwargs)  # type: ignore[no-any-return]

        guarded.is_shown = lambda user, row: user.has_perm(permission) and available(row)  # type: ignore[attr-defined]
        return guarded

    return decorate


def who(request: HttpRequest) -> str:
    """The name that services write into the audit trail."""
    return request.user.get_username()


def _given(filled: BaseDialogForm) -> dict[str, Any]:
    """Without the marks that the dialog itself puts into its form."""
    return {name: value for name, value in filled.cleaned_data.items() if not name.startswith("_")}


def _row(admin: Any, request: HttpRequest, object_id: str) -> Any:
    if (row := admin.get_object(request, unquote(object_id))) is None:
        raise Http404
    return row


def _back(admin: Any, request: HttpRequest, row: Any) -> HttpResponse:
    """To the page whose button it was."""
    name = f"admin:{admin.opts.app_label}_{admin.opts.model_name}"
    page = reverse(f"{name}_change", args=[row.pk]) if row else reverse(f"{name}_changelist")
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": page})
    return HttpResponseRedirect(page)
