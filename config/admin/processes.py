"""Periodic tasks, their schedules, and the signs of life of our processes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from config.admin.registering import in_place_of
from config.models import BeatOrigin, Heartbeat
from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin, EvidenceInline, PaydateAdmin
from contracts.admin.cells import column

BEAT = "django_celery_beat.admin"


class RegisteredTaskWidget(UnfoldAdminSelectWidget, TaskSelectWidget):
    pass


class OwnTaskForm(PeriodicTaskForm):
    """For a row that an operator adds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = RegisteredTaskWidget()


def _is_ours(row: PeriodicTask | None) -> bool:
    return row is not None and BeatOrigin.objects.filter(name=row.name).exists()


def _when(row: PeriodicTask) -> object:
    return row.interval or row.crontab or row.clocked or row.solar


@in_place_of(BEAT, PeriodicTask)
class PeriodicTaskAdmin(PaydateAdmin):
    """Of Paydate's own rows people may change the schedule and the switch; the rest follows the code."""

    list_display = ("name", "enabled", "rings", "when", "last_ring")
    list_filter = ("enabled", "task")
    list_select_related = ("interval", "crontab", "solar", "clocked")
    search_fields = ("name", "task")
    ordering = ("name",)
    readonly_fields = ("last_ring",)
    own_fieldsets = (
        (None, {"fields": ("name", "task", "enabled", "description")}),
        ("Schedule: one of them", {"fields": ("interval", "crontab", "last_ring")}),
        ("Message", {"fields": ("queue", "expire_seconds")}),
    )
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        (
            "Schedule: one of them",
            {"fields": ("interval", "crontab", "clocked", "one_off", "start_time", "last_ring")},
        ),
        ("Message", {"fields": ("args", "kwargs", "queue", "expire_seconds")}),
    )

    rings = column("Rings", lambda row: cells.code(row.task), order="task")
    when = column("When", _when)
    last_ring = column(
        "Last rung at", lambda row: cells.moment(row.last_run_at) if row.last_run_at else "never"
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.own_fieldsets if _is_ours(obj) else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = ("name", "task", "description", "queue", "expire_seconds") if _is_ours(obj) else ()
        return (*self.readonly_fields, *fixed)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = forms.ModelForm if _is_ours(obj) else OwnTaskForm
        return super().get_form(request, obj, change, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _is_ours(obj) and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No deleting in bulk, which would not ask whose row it is."""
        return {}


class TaskInline(EvidenceInline):
    model = PeriodicTask
    verbose_name_plural = "periodic tasks on this schedule"
    fields = ("name", "task")
    readonly_fields = fields


@in_place_of(BEAT, CrontabSchedule)
class CrontabAdmin(PaydateAdmin):
    list_display = ("__str__", "human_readable")
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
    inlines = (TaskInline,)


@in_place_of(BEAT, ClockedSchedule, IntervalSchedule, SolarSchedule)
class ScheduleAdmin(PaydateAdmin):
    inlines = (TaskInline,)


@admin.register(Heartbeat)
class HeartbeatAdmin(EvidenceAdmin):
    list_display = ("process", "seen_at")


@admin.register(BeatOrigin)
class BeatOriginAdmin(EvidenceAdmin):
    list_display = ("name", "schedule")
