"""The admin: Unfold's skin, and a one-time code at log-in wherever OTP_REQUIRED is on."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django_otp import devices_for_user
from django_otp.forms import OTPAuthenticationFormMixin
from django_otp.models import Device
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget


class OneTimeCodeForm(OTPAuthenticationFormMixin, AuthenticationForm):
    """Who has one device need not choose it; who has several is asked which, once the password was right.

    Trying the code on each of them would count as a failure of all the others.
    """

    otp_device = forms.CharField(required=False, widget=forms.HiddenInput)
    otp_challenge = forms.CharField(required=False, widget=forms.HiddenInput)
    otp_token = forms.CharField(
        label="One-time code",
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, object] = super().clean()
        self.clean_otp(self.get_user())
        return cleaned

    def _chosen_device(self, user: Any) -> Device | None:
        chosen: Device | None = super()._chosen_device(user)
        devices = list(devices_for_user(user, for_verify=True))
        return devices[0] if chosen is None and len(devices) == 1 else chosen

    def _update_form(self, user: Any) -> None:
        """Without django-otp's own filling in of the password, which would be in the page."""
        choices = self.device_choices(user)
        if len(choices) > 2:
            self.fields["otp_device"].label = "Whose code is it?"
            self.fields["otp_device"].widget = UnfoldAdminSelectWidget(choices=choices)


class PaydateAdminSite(UnfoldAdminSite):
    index_title = "Overview"
    login_template = "paydate/login.html"

    @property
    def login_form(self) -> type[AuthenticationForm]:
        return OneTimeCodeForm if settings.OTP_REQUIRED else AuthenticationForm

    def has_permission(self, request: HttpRequest) -> bool:
        is_verified = not settings.OTP_REQUIRED or cast(Any, request.user).is_verified()
        return super().has_permission(request) and is_verified


def environment_badge(request: HttpRequest) -> list[str]:
    """The network on every page, red where the money is real."""
    colour = "danger" if settings.HEDERA_NETWORK == "mainnet" else "info"
    return [settings.HEDERA_NETWORK.upper(), colour]


def title_prefix(request: HttpRequest) -> str:
    """The network in the browser's tab, too: two of them may be open side by side."""
    return f"[{settings.HEDERA_NETWORK.upper()}]"


def style_sheet(request: HttpRequest) -> str:
    return static("paydate/admin.css")


def icon(request: HttpRequest) -> str:
    return static("paydate/icon.svg")
