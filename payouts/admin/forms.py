"""The form of a new distribution. The chain is asked by the service that creates it, not here."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from contracts.admin.buttons import ReasonForm
from contracts.models import Asset
from payouts.admin.words import asked_for
from payouts.models import Distribution
from payouts.services.creating import NewDistribution

AMOUNT_TYPES = [
    (Distribution.AmountType.FIXED, "A fixed amount, shared by all holders"),
    (Distribution.AmountType.PERCENTAGE, "A percentage of the contract's free balance"),
]


class StartForm(ReasonForm):
    """Says once more what is about to be paid, and where."""

    form_before_template = "admin/payouts/distribution/start.html"

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        rows = Distribution.objects.select_related("asset__payout_contract__payment_token")
        row = rows.filter(pk=object_id or 0).first()
        return {
            "distribution": row,
            "asked": asked_for(row) if row else "",
            "network": settings.HEDERA_NETWORK,
        }


class AssetField(forms.ModelChoiceField):  # type: ignore[type-arg]  # at run time it is not generic
    """Says in what each asset pays."""

    def label_from_instance(self, obj: Asset) -> str:
        return (
            f"{obj.symbol} · {obj.name} · {obj.address} · pays in {obj.payout_contract.payment_token.symbol}"
        )


class DistributionForm(forms.Form):
    asset = AssetField(
        Asset.objects.select_related("payout_contract__payment_token").order_by("symbol"),
        widget=UnfoldAdminSelectWidget,
        empty_label="Choose an asset",
        help_text="All holders in the snapshot are paid, each by its balance.",
    )
    amount_type = forms.ChoiceField(
        choices=AMOUNT_TYPES, widget=UnfoldAdminSelectWidget, label="Kind of amount"
    )
    amount = forms.CharField(
        max_length=90,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="Whole tokens, as in 1250.50; or a percentage above 0 and up to 100, as in 12.5.",
    )
    concept = forms.CharField(
        max_length=140,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="What this is paid for; shown to operators, never sent to the chain.",
    )

    def wanted(self, *, by: str) -> NewDistribution:
        """Only of a form that is valid."""
        given = self.cleaned_data
        return NewDistribution(
            asset=given["asset"].uid,
            amount_type=given["amount_type"],
            amount=given["amount"],
            concept=given["concept"],
            by=by,
        )
