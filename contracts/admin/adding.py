"""Forms that put contracts into the books and behind assets. The chain is asked by the services, not here."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from contracts.admin.buttons import ReasonForm, who
from contracts.models import Contract, Wallet
from contracts.services.adding_contracts import LONGEST_LABEL, NewContract, add_contract
from contracts.services.networks import hedera_network, stellar_network
from contracts.services.registering import NotRegistered

FORM = "admin/contracts/contract/add.html"
NO_CONTRACT = "none"
LONGEST_ADDRESS = 64


class WalletField(forms.ModelChoiceField):  # type: ignore[type-arg]  # at run time it is not generic
    """Says the account of each wallet, which the chain knows it by."""

    def label_from_instance(self, obj: Wallet) -> str:
        return (
            f"{obj.label} · {obj.account} · {obj.network}" if obj.label else f"{obj.account} · {obj.network}"
        )


class ContractForm(forms.Form):
    kind = forms.ChoiceField(
        choices=Contract.Kind.choices, initial=Contract.Kind.INVESTMENT, widget=UnfoldAdminSelectWidget
    )
    address = forms.CharField(
        max_length=LONGEST_ADDRESS,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="C... on Stellar, 0.0.x on Hedera.",
    )
    wallet = WalletField(
        Wallet.objects.none(),
        widget=UnfoldAdminSelectWidget,
        empty_label="Choose a wallet",
        help_text="It signs for the contract: the owner of an investment contract, the payer of a payout contract.",
    )
    label = forms.CharField(
        max_length=LONGEST_LABEL, widget=UnfoldAdminTextInputWidget, help_text="What people will call it."
    )
    token = forms.CharField(
        max_length=LONGEST_ADDRESS,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        label="Payment token",
        help_text="Leave it empty: most contracts say in which token they pay. C... for one that does not.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        here = Wallet.objects.filter(network__in=(stellar_network(), hedera_network()))
        self.fields["wallet"].queryset = here.order_by("network", "label")  # type: ignore[attr-defined]

    def wanted(self, *, by: str) -> NewContract:
        """Only of a form that is valid."""
        return NewContract(**self.cleaned_data, by=by)


class AddContractView:
    """For the admin of contracts: the form of a new one, for who may register contracts."""

    admin_site: Any
    opts: Any
    media: Any

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("contracts.register_contract")

    # Django's own form view runs in a database transaction, and this one asks the chain.
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ContractForm(request.POST if request.method == "POST" else None)
        if form.is_valid() and (made := _add(form, by=who(request))):
            messages.success(request, "Added. What is shown was read from the chain.")
            return HttpResponseRedirect(reverse("admin:contracts_contract_change", args=[made.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": "Add a contract",
            "form": form,
            "submit": "Add",
        }
        return TemplateResponse(request, FORM, context)


def _add(form: ContractForm, *, by: str) -> Contract | None:
    try:
        return add_contract(form.wanted(by=by))
    except NotRegistered as error:
        form.add_error(None, str(error))
        return None


def _backing_choices() -> list[tuple[str, str]]:
    contracts = Contract.objects.filter(kind=Contract.Kind.INVESTMENT).order_by("label", "pk")
    return [
        ("", "Choose"),
        (NO_CONTRACT, "No contract: its payouts wait for none"),
        *((str(one.pk), f"{one.label} · {one.address} · {one.network} · {one.status}") for one in contracts),
    ]


class BackingForm(ReasonForm):
    """Nothing is chosen beforehand, so that nobody removes a contract by pressing the button."""

    field_order = ("contract", "reason")
    contract = forms.ChoiceField(
        choices=_backing_choices, widget=UnfoldAdminSelectWidget, label="Backing contract"
    )

    def clean_contract(self) -> Contract | None:
        chosen = self.cleaned_data["contract"]
        return None if chosen == NO_CONTRACT else Contract.objects.get(pk=chosen)
