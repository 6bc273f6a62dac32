"""What people were told by e-mail, and what still waits for the mail server."""

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.cells import column
from contracts.models import Notice
from contracts.services.notices import subject_of


def notice_state(notice: Notice) -> SafeString:
    return cells.badge("RESOLVED", tone="success") if notice.resolved_at else cells.badge("OPEN")


def _lines(text: str) -> SafeString:
    return format_html_join("", "{}<br>", ((line,) for line in text.splitlines()))


def _object(notice: Notice) -> object:
    row = subject_of(notice)
    return cells.link(row) if row else notice.object_label


def _sent(notice: Notice) -> object:
    return cells.moment(notice.sent_at) if notice.sent_at else "not sent yet"


def _resolved(notice: Notice) -> object:
    return cells.moment(notice.resolved_at) if notice.resolved_at else "still open"


def _resolution_sent(notice: Notice) -> object:
    if notice.resolved_at is None:
        return "still open"
    return cells.moment(notice.resolution_sent_at) if notice.resolution_sent_at else "not sent yet"


def _next(notice: Notice) -> object:
    is_all_sent = notice.sent_at and (notice.resolution_sent_at or not notice.resolved_at)
    return "nothing to send" if is_all_sent else cells.next_step(notice.next_attempt_at)


@admin.register(Notice)
class NoticeAdmin(EvidenceAdmin):
    list_display = ("state", "cause", "about", "title", "opened", "sent", "resolved", "error")
    list_display_links = ("state", "title")
    list_filter = (("resolved_at", admin.EmptyFieldListFilter), "cause")
    search_fields = ("title", "text", "object_label", "=object_uid")
    ordering = ("-opened_at",)
    fieldsets = (
        (None, {"fields": ("state", "cause", "about", "title", "words", "resolution_words")}),
        (
            "Mails",
            {"fields": ("opened", "sent", "resolved", "resolution_sent", "attempts", "next_mail", "error")},
        ),
    )
    readonly_fields = (
        *("state", "about", "words", "resolution_words", "opened", "sent", "resolved", "resolution_sent"),
        *("next_mail", "error"),
    )

    state = column("State", notice_state)
    about = column("Object", _object)
    words = column("Text", lambda notice: _lines(notice.text))
    resolution_words = column("Resolution", lambda notice: cells.words(notice.resolution, empty="still open"))
    opened = column("Opened at", lambda notice: cells.moment(notice.opened_at), order="opened_at")
    sent = column("Sent at", _sent, order="sent_at")
    resolved = column("Resolved at", _resolved, order="resolved_at")
    resolution_sent = column("Resolution sent at", _resolution_sent)
    next_mail = column("Next attempt", _next)
    error = column("Last error", lambda notice: cells.words(notice.last_error))
