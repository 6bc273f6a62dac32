"""The forms of new distributions, series and deposit triggers. The chain is asked by the services, not here."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from contracts.admin.buttons import ReasonForm
from contracts.models import Asset
from payouts.admin.words import asked_for
from payouts.models import AmountType, DepositTrigger, Distribution, Missed, Schedule
from payouts.services.creating import NewDistribution
from payouts.services.depositing import NewTrigger
from payouts.services.recurring import NewSchedule
from payouts.services.times import EXAMPLE

AMOUNT_TYPES = [
    (AmountType.FIXED, "A fixed amount, shared by all holders"),
    (AmountType.PERCENTAGE, "A percentage of the contract's free balance"),
]
FREQUENCIES = [
    (Schedule.Frequency.HOURLY, "Every hour"),
    (Schedule.Frequency.DAILY, "Every day"),
    (Schedule.Frequency.WEEKLY, "Every week"),
    (Schedule.Frequency.MONTHLY, "Every month"),
]
MISSED = [
    (Missed.RUN_LATE, "Pay late"),
    (Missed.ASK, "Hold it and ask a person"),
    (Missed.SKIP, "Skip it"),
]
LONGEST_TIME = 40


def _text(**attrs: str) -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false", **attrs})


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


class TimeField(forms.CharField):
    """A wall clock of the form's zone, or nothing; read by the service, which knows the zone."""

    def __init__(self, *, required: bool = False, **options: Any) -> None:
        super().__init__(
            max_length=LONGEST_TIME, required=required, widget=_text(placeholder=EXAMPLE), **options
        )

    def clean(self, value: Any) -> str | None:
        return super().clean(value) or None


class PayableForm(forms.Form):
    """What is paid to whom."""

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
        widget=_text(inputmode="decimal"),
        help_text="Whole tokens, as in 1250.50; or a percentage above 0 and up to 100, as in 12.5.",
    )
    concept = forms.CharField(
        max_length=140,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="What this is paid for; shown to operators, never sent to the chain.",
    )

    def given(self, *, by: str) -> dict[str, Any]:
        """Only of a form that is valid."""
        return {**self.cleaned_data, "asset": self.cleaned_data["asset"].uid, "by": by}


class TimedForm(PayableForm):
    """With the zone of its times, and what becomes of them when they are missed."""

    zone = forms.CharField(
        max_length=64,
        required=False,
        initial="UTC",
        widget=_text(),
        label="Time zone",
        help_text="Whose wall clock the times are, as in Europe/Madrid.",
    )
    missed_policy = forms.ChoiceField(
        choices=MISSED,
        required=False,
        widget=UnfoldAdminSelectWidget,
        label="When its time passes while Paydate is down",
    )

    def clean_zone(self) -> str:
        return self.cleaned_data["zone"] or "UTC"

    def clean_missed_policy(self) -> str:
        return self.cleaned_data["missed_policy"] or Missed.RUN_LATE


class DistributionForm(TimedForm):
    field_order = ("asset", "amount_type", "amount", "concept", "execute_at", "record_at", "snapshot_id")
    execute_at = TimeField(label="Paid at", help_text="Empty: when a person starts it.")
    record_at = TimeField(
        label="Record time",
        help_text="Whose holders are paid: the snapshot is taken then. Empty: those of the start.",
    )
    snapshot_id = forms.IntegerField(
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        label="Snapshot",
        help_text="Only for a record time that has passed: the number of an unused snapshot that was taken then.",
    )

    def wanted(self, *, by: str) -> NewDistribution:
        return NewDistribution(**self.given(by=by))


class ScheduleForm(TimedForm):
    field_order = (
        "asset",
        "amount_type",
        "amount",
        "concept",
        "frequency",
        "start",
        "zone",
        "count",
        "until",
    )
    frequency = forms.ChoiceField(
        choices=FREQUENCIES, initial=Schedule.Frequency.MONTHLY, widget=UnfoldAdminSelectWidget
    )
    start = TimeField(
        required=True,
        label="First time",
        help_text="Days, weeks and months keep its wall clock; a month without its day is paid on its last one.",
    )
    count = forms.IntegerField(
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        label="How many times",
        help_text="Empty: no limit.",
    )
    until = TimeField(label="Not after", help_text="Empty: no end.")

    def wanted(self, *, by: str) -> NewSchedule:
        return NewSchedule(**self.given(by=by))


class TriggerForm(PayableForm):
    field_order = ("asset", "threshold", "mode", "amount_type", "amount", "concept")
    threshold = forms.CharField(
        max_length=90,
        widget=_text(inputmode="decimal"),
        label="Least deposit",
        help_text="In whole tokens, as in 1000. A deposit below it starts nothing.",
    )
    mode = forms.ChoiceField(
        choices=DepositTrigger.Mode.choices, widget=UnfoldAdminSelectWidget, label="Pays"
    )

    def wanted(self, *, by: str) -> NewTrigger:
        return NewTrigger(**self.given(by=by))


class SkipForm(ReasonForm):
    field_order = ("number", "reason")
    number = forms.IntegerField(
        required=False,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget,
        label="Number",
        help_text="As it stands beside the date; empty: the next one that has not begun.",
    )
