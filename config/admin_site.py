"""The admin: Unfold's skin, and a one-time code at log-in wherever OTP_REQUIRED is on."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django_otp.forms import OTPAuthenticationFormMixin
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite
from unfold.widgets import UnfoldAdminTextInputWidget


class OneTimeCodeForm(OTPAuthenticationFormMixin, AuthenticationForm):
    """Any device of the user will do: the code itself tells which one made it."""

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
