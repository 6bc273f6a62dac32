"""The skin under every admin page of ours, so that it can be changed in one place."""

from typing import Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from contracts.admin.cells import UNKNOWN


class PaydateAdmin(ModelAdmin):
    """Lists of any length, and buttons only where they can do something."""

    empty_value_display = UNKNOWN
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

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EvidenceInline(TabularInline):
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
