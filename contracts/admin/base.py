"""The skin under every admin page of ours, so that it can be changed in one place."""

from typing import Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin, TabularInline

from contracts.admin.cells import NONE, UNKNOWN


class PaydateAdmin(ModelAdmin):
    """Lists of any length, and buttons only where they can do something."""

    empty_value_display = NONE
    list_per_page = 50
    show_full_result_count = False
    compressed_fields = True

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        if (row := self.get_object(request, unquote(str(object_id)))) is None:
            return []
        return [one for one in self._get_base_actions_detail() if one.method.is_shown(request.user, row)]

    def get_actions_list(self, request: HttpRequest) -> list[Any]:
        return [one for one in self._get_base_actions_list() if one.method.is_shown(request.user, None)]


class EvidenceAdmin(PaydateAdmin):
    """Rows that only services write. They are looked at; no permission makes them editable."""

    actions: Any = None
    empty_value_display = UNKNOWN

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """What happened to such a row is in the audit trail; Django's own history knows only of forms."""
        of_it = urlencode({"noun": self.opts.model_name, "object_id": unquote(object_id)})
        return HttpResponseRedirect(f"{reverse('admin:contracts_auditevent_changelist')}?{of_it}")


class EvidenceInline(TabularInline):
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
