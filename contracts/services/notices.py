"""Telling people by e-mail: one mail when something begins, and one when it is over.

Notices are written in the transaction of what they tell. The mails leave after it, so that no mail server, slow or
down, stands in the way of money.
"""

import time
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.apps import apps
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import models, transaction
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse

from contracts import clock
from contracts.doorbell import ring
from contracts.models import Notice
from contracts.services.sweeping import single_flight

log = structlog.get_logger(__name__)
MAIL_LOCK = 0x5041_5944_0006
MOST_MAILS = 200
# A mail server that lets everybody wait for its time-out would keep a worker for the whole list.
MOST_SECONDS = 8
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=15)
LONGEST_LABEL = 160
LONGEST_TITLE = 200
LONGEST_ERROR = 1_000


class NotTaken(Exception):
    """The mail back end returned without having sent anything."""


def open_notice(row: Any, *, cause: str, title: str, text: str) -> Notice:
    """Opens a notice about ``row``, or returns the open one of the same cause with its words brought up to date.

    Only a new one is mailed, as soon as the caller's transaction is committed.
    """
    words = {
        "object_label": one_line(str(row))[:LONGEST_LABEL],
        "title": one_line(title)[:LONGEST_TITLE],
        "text": text.replace("\x00", ""),
    }
    with transaction.atomic():
        notice, is_new = (
            Notice.objects.open()
            .select_for_update()
            .get_or_create(**_key(row, cause), resolved_at=None, defaults=words)
        )
        if is_new:
            log.info("notice_opened", notice=notice.uid, cause=cause, object=notice.object_uid)
            ring("contracts.send_notice", notice.pk)
        else:
            _bring_up_to_date(notice, words)
    return notice


def resolve_notice(row: Any, *, cause: str, resolution: str) -> bool:
    """Closes the open notice of this cause and has that mailed; False when there is none, or no longer."""
    with transaction.atomic():
        notice = Notice.objects.open().filter(**_key(row, cause)).first()
        if notice is None or not _close(notice, resolution):
            return False
        log.info("notice_resolved", notice=notice.uid, cause=cause, object=notice.object_uid)
        ring("contracts.send_notice", notice.pk)
    return True


def resolve_notices(row: Any, *, resolution: str) -> None:
    """Closes all open notices about ``row``, whatever their cause."""
    for cause in Notice.Cause.values:
        resolve_notice(row, cause=cause, resolution=resolution)


def _key(row: Any, cause: str) -> dict[str, str]:
    return {"noun": row._meta.model_name, "object_uid": row.uid, "cause": cause}


def _bring_up_to_date(notice: Notice, words: dict[str, str]) -> None:
    changed = {name: value for name, value in words.items() if getattr(notice, name) != value}
    for name, value in changed.items():
        setattr(notice, name, value)
    if changed:
        notice.save(update_fields=list(changed))


def _close(notice: Notice, resolution: str) -> bool:
    now, words = clock.now(), resolution.replace("\x00", "")
    rows = Notice.objects.open().filter(pk=notice.pk)
    return bool(rows.update(resolved_at=now, resolution=words, next_attempt_at=now))


def one_line(text: str) -> str:
    """What stands in a mail's header: a line break in somebody's label must not begin another header."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def subject_of(notice: Notice) -> models.Model | None:
    """The row that it is about; None when it is gone."""
    for model in apps.get_models():
        if model._meta.model_name == notice.noun and hasattr(model, "uid"):
            return model._default_manager.filter(uid=notice.object_uid).first()
    return None


def send_notices() -> None:
    """Sends the mails that are due, one tick at a time and outside of any database transaction.

    A mail is marked as sent after the mail server has taken it: a crash between the two repeats that mail, under
    the same Message-ID, and never loses one.
    """
    with single_flight(MAIL_LOCK) as is_mine:
        if not is_mine:
            return
        due = Notice.objects.unsent(clock.now()).order_by("next_attempt_at", "pk")
        stop_at = time.monotonic() + MOST_SECONDS
        for pk in list(due.values_list("pk", flat=True)[:MOST_MAILS]):
            if time.monotonic() > stop_at:
                return
            _send_due(pk)


def send_notice(pk: int) -> None:
    """The same for one notice, at once; while a tick is under way it is left to the next one."""
    with single_flight(MAIL_LOCK) as is_mine:
        if is_mine:
            _send_due(pk)


def _send_due(pk: int) -> None:
    """Both mails of a notice that is over already, its beginning first."""
    while notice := Notice.objects.unsent(clock.now()).filter(pk=pk).first():
        if not _send_next(notice):
            return


def _send_next(notice: Notice) -> bool:
    """One mail; False when it has to wait for another attempt."""
    is_over = notice.sent_at is not None
    try:
        if not _mail(notice, is_over=is_over).send():
            raise NotTaken("the mail back end sent nothing")
    except Exception as error:  # whatever it is, it stays with this notice and stops no other
        _note_failure(notice, f"{type(error).__name__}: {error}")
        return False
    column = "resolution_sent_at" if is_over else "sent_at"
    done = {column: clock.now(), "attempts": 0, "last_error": ""}
    Notice.objects.filter(pk=notice.pk, **{column: None}).update(**done)
    log.info("notice_sent", notice=notice.uid, cause=notice.cause, is_over=is_over)
    return True


def _note_failure(notice: Notice, words: str) -> None:
    attempts = notice.attempts + 1
    pause = min(FIRST_PAUSE * 2 ** min(notice.attempts, 10), LONGEST_PAUSE)
    Notice.objects.filter(pk=notice.pk).update(
        attempts=attempts,
        next_attempt_at=clock.now() + pause,
        last_error=words.replace("\x00", "")[:LONGEST_ERROR],
    )
    log.warning("notice_not_sent", notice=notice.uid, attempts=attempts, error=words)


def _mail(notice: Notice, *, is_over: bool) -> EmailMessage:
    """Its Message-ID is the same each time, by which mail programs recognise a repeated one."""
    headers = {"Message-ID": _message_id(notice, "end" if is_over else "beginning")}
    if is_over:
        headers["In-Reply-To"] = headers["References"] = _message_id(notice, "beginning")
    return EmailMessage(
        subject=f"{_sender()} {'[resolved] ' if is_over else ''}{notice.title}",
        body=render_to_string("mail/resolved.txt" if is_over else "mail/notice.txt", _context(notice)),
        to=settings.NOTIFY_EMAILS or [settings.DEFAULT_FROM_EMAIL],
        headers={**headers, "Auto-Submitted": "auto-generated"},
    )


def _sender() -> str:
    return f"[Paydate {settings.PAYDATE_INSTANCE_ID} {settings.HEDERA_NETWORK}]"


def _message_id(notice: Notice, part: str) -> str:
    return f"<{notice.uid}.{part}@{settings.PAYDATE_INSTANCE_ID}.paydate>"


def _context(notice: Notice) -> dict[str, Any]:
    return {
        "notice": notice,
        "since": moment(notice.opened_at),
        "until": moment(notice.resolved_at) if notice.resolved_at else "",
        "link": _link(notice),
    }


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _link(notice: Notice) -> str:
    """To the page of what it is about. Only a trusted origin tells by which address people reach the admin."""
    origin = next((one for one in settings.CSRF_TRUSTED_ORIGINS if "*" not in one), "")
    row = subject_of(notice) if origin else None
    if row is None:
        return ""
    try:
        page = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""
    return f"{origin.rstrip('/')}{page}"
