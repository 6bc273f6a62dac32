"""The form of a new distribution. The chain is asked by the service that creates it, not here."""

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from contracts.models import Asset
from payouts.models import Distribution
from payouts.services.creating import NewDistribution

AMOUNT_TYPES = [
    (Distribution.AmountType.FIXED, "A fixed amount, shared by all holders"),
    (Distribution.AmountType.PERCENTAGE, "A percentage of the contract's free balance"),
]


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
