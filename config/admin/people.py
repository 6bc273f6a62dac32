"""Users, groups, one-time code devices and log-ins. A device's secret is seen once, by whoever hands it out."""

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django_otp.plugins.otp_static.admin import StaticTokenInline
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from config.admin.registering import in_place_of
from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin, PaydateAdmin
from contracts.admin.cells import column


@in_place_of("django.contrib.auth.admin", User)
class UserAdmin(PaydateAdmin, DjangoUserAdmin):  # type: ignore[type-arg]  # at run time it is not generic
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    # Unfold's own attribute of this name is empty and comes first.
    add_fieldsets = DjangoUserAdmin.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Powers are given by superusers only: nobody can raise themselves."""
        fields = super().get_readonly_fields(request, obj)
        return fields if _is_superuser(request) else (*fields, "is_superuser", "groups", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A new password for a superuser would be a way to become one."""
        is_above = obj is not None and obj.is_superuser and not _is_superuser(request)
        return not is_above and super().has_change_permission(request, obj)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser)


@in_place_of("django.contrib.auth.admin", Group)
class GroupAdmin(PaydateAdmin, DjangoGroupAdmin):
    pass


def _scan(device: TOTPDevice) -> object:
    if device.last_used_at:
        return "scanned and used; make another device to replace it"
    page = reverse("admin:otp_totp_totpdevice_config", args=[device.pk])
    return format_html('<a class="pd-link" href="{}">Show it to its user</a>', page)


@in_place_of("django_otp.plugins.otp_totp.admin", TOTPDevice)
class DeviceAdmin(PaydateAdmin, TOTPDeviceAdmin):
    """The key is never on a page; its QR code can be scanned until the device was used for the first time."""

    list_display = ("user", "name", "confirmed", "last_use", "created_at")
    list_filter = ("confirmed",)
    raw_id_fields = ()
    readonly_fields = ("created_at", "last_use", "scan")

    last_use = column(
        "Last used at", lambda row: cells.moment(row.last_used_at) if row.last_used_at else "never"
    )
    scan = column("QR code", _scan)

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ("user", "name", "confirmed")
        if obj is None:
            return ((None, {"fields": fields}),)
        return ((None, {"fields": (*fields, "created_at", "last_use", "scan")}),)

    def config_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """django-otp's own page writes the key out in letters; this one has the code to scan."""
        device = self._unused(request, pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": device,
            "device": device,
        }
        return TemplateResponse(request, "admin/paydate/scan.html", context)

    def qrcode_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        self._unused(request, pk)
        return super().qrcode_view(request, pk)  # type: ignore[no-any-return]

    def _unused(self, request: HttpRequest, pk: int) -> TOTPDevice:
        device = TOTPDevice.objects.filter(pk=pk).first()
        if device is None:
            raise Http404
        if device.last_used_at or not self.has_change_permission(request, device):
            raise PermissionDenied
        return device


class TokenInline(TabularInline):
    model = StaticToken
    extra = StaticTokenInline.extra


@in_place_of("django_otp.plugins.otp_static.admin", StaticDevice)
class EmergencyCodesAdmin(PaydateAdmin):
    """The codes are typed in when the set is made, and never shown again."""

    list_display = ("user", "name", "confirmed", "left")
    list_select_related = ("user",)
    fields = ("user", "name", "confirmed", "left")
    readonly_fields = ("left",)
    inlines = (TokenInline,)

    left = column("Codes left", lambda row: row.token_set.count() if row.pk else "none yet")

    def get_inline_instances(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if obj else super().get_inline_instances(request, obj)


@in_place_of("axes.admin", AccessAttempt)
class AccessAttemptAdmin(PaydateAdmin):
    """Deleting a row lets its user try again at once. What was typed into the form is not shown."""

    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "user_agent")
    list_filter = ("attempt_time",)
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time",)
    fields = ("attempt_time", "username", "ip_address", "failures_since_start", "user_agent", "path_info")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@in_place_of("axes.admin", AccessLog)
class AccessLogAdmin(EvidenceAdmin):
    list_display = ("attempt_time", "logout", "username", "ip_address", "user_agent")
    list_filter = ("attempt_time",)
    search_fields = ("username", "ip_address")
    fields = ("attempt_time", "logout", "username", "ip_address", "user_agent", "path_info")
    readonly_fields = ("logout",)

    logout = column(
        "Logged out at", lambda row: cells.moment(row.logout_time) if row.logout_time else "not seen"
    )


@in_place_of("axes.admin", AccessFailureLog)
class AccessFailureLogAdmin(EvidenceAdmin):
    list_display = ("attempt_time", "username", "ip_address", "locked_out", "user_agent")
    list_filter = ("attempt_time", "locked_out")
    search_fields = ("username", "ip_address")
    fields = ("attempt_time", "username", "ip_address", "locked_out", "user_agent", "path_info")
