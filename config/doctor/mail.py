"""E-mail: who is told of blocks and shortfalls, and does it reach the mail server?"""

from datetime import timedelta

from django.conf import settings

from config.doctor.findings import Finding, ok, warning
from config.doctor.registry import check
from contracts import clock
from contracts.models import Notice

GROUP = "E-mail"
LONG_UNSENT = timedelta(minutes=2)


@check(GROUP, "addressees")
def addressees() -> Finding:
    if not settings.EMAIL_URL.get_secret_value():
        return ok("EMAIL_URL is empty: mails go to the log of the worker")
    if settings.NOTIFY_EMAILS:
        return ok(f"{len(settings.NOTIFY_EMAILS)} are told of blocks, shortfalls and failing checks")
    words = f"NOTIFY_EMAILS is empty: only {settings.DEFAULT_FROM_EMAIL} is told, the sender itself"
    if settings.IS_PRODUCTION:
        return warning(words, "name in NOTIFY_EMAILS who is to act on a blocked contract")
    return ok(words)


@check(GROUP, "notices", needs=("migrations",))
def notices() -> Finding:
    refused = Notice.objects.unsaid().filter(attempts__gt=0).order_by("opened_at")
    if first := refused.first():
        return warning(
            f"{refused.count()} mails could not be sent, the oldest of {first.opened_at:%Y-%m-%d %H:%M} UTC: "
            f"{first.last_error}",
            "correct EMAIL_URL; what waits is tried again by itself, see Notices in the admin",
        )
    late = Notice.objects.unsent(clock.now() - LONG_UNSENT).count()
    if late:
        return warning(
            f"{late} mails wait for their first attempt",
            "see that beat and a worker run, and that beat's row 'contracts: send notices' is enabled",
        )
    return ok("none waits for its mail")
