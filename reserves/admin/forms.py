"""The dialogs about a reserve: amounts are written in whole tokens and read exactly."""

from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget

from contracts import clock
from contracts.admin.buttons import ReasonForm
from contracts.amounts import BadAmount, parse_units
from contracts.models import Contract
from reserves.admin.standings import reread, standing_of
from reserves.admin.words import accepted

ACCEPT = "contracts.accept_deficit"


class AboutReserve(ReasonForm):
    """Says what is known about the reserve before it asks."""

    form_before_template = "admin/reserves/contract/known.html"

    @cached_property
    def contract(self) -> Any:
        """None for a row that is not there; the button's view answers that."""
        found = Contract.objects.filter(pk=self.object_id or 0).first()
        return found and reread(found)

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        if self.contract is None:
            return {}
        standing = standing_of(self.contract)
        lacks = standing.checked_at is not None and standing.missing_units > 0
        return {
            "label": standing.label,
            "missing": standing.money(standing.missing_units) if lacks else "",
            "as_of": standing.as_of if standing.checked_at else "",
            "accepted": accepted(standing, now=clock.now()),
        }


class DeficitForm(AboutReserve):
    """A deficit that people live with, up to an amount and perhaps until a time."""

    units = forms.CharField(
        label="Accept a deficit of up to",
        max_length=100,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="In whole tokens, as in 1250.50. While checks find no more missing, the contract is not blocked.",
    )
    until = forms.DateTimeField(
        label="Until (UTC)",
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        help_text="Leave it empty for no end: then it holds until it is withdrawn.",
    )
    field_order = ("units", "until", "reason")

    def clean_units(self) -> int | None:
        text = self.cleaned_data["units"].strip()
        if not text:
            return None
        token = self.contract.payment_token
        try:
            return parse_units(text, decimals=token.decimals, symbol=token.symbol)
        except BadAmount as error:
            raise forms.ValidationError(str(error)) from error

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until is not None and until <= clock.now():
            raise forms.ValidationError("This has passed already; give a later time, in UTC.")
        return until


class UnblockForm(DeficitForm):
    """Accepting a deficit is offered to whoever may accept one."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["units"].required = False
        if not request.user.has_perm(ACCEPT):
            del self.fields["units"], self.fields["until"]
