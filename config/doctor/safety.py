"""The settings. Wrong and unknown ones never get this far: they are named before Django starts."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks as django_checks

from config.doctor.findings import Finding, failed, ok, warning
from config.doctor.registry import check

GROUP = "Settings"
LEAST_MARGIN_SECONDS = 90
LEAST_SPACING_SECONDS = 30
# Published for an organisation; trial accounts have less.
MOST_REQUESTS_PER_MINUTE = 1000
SAID_BEFORE = ("security.W020",)


@check(GROUP, "settings")
def read() -> Finding:
    whose = "" if settings.IS_PRODUCTION else " (the local stack's)"
    return ok(
        f"read and valid{whose}: process {settings.PAYDATE_PROCESS}, instance {settings.PAYDATE_INSTANCE_ID}, "
        f"network {settings.HEDERA_NETWORK}"
    )


@check(GROUP, "safe values")
def safe() -> Finding | list[Finding]:
    if not settings.IS_PRODUCTION:
        return ok("not asked of a local stack")
    return [*_unsafe(), *_open_doors(), *_plain_addresses()] or ok("nothing that is unsafe in production")


def _unsafe() -> Iterator[Finding]:
    if settings.DEBUG:
        yield failed("DEBUG shows its visitors how Paydate works inside", "remove DEBUG")
    if settings.EXPIRY_MARGIN_SECONDS < LEAST_MARGIN_SECONDS:
        yield failed(
            "EXPIRY_MARGIN_SECONDS is below 90: a late transaction could count as absent",
            "remove EXPIRY_MARGIN_SECONDS",
        )
    if settings.LOOK_SPACING_SECONDS < LEAST_SPACING_SECONDS:
        yield failed(
            "LOOK_SPACING_SECONDS is below 30: one lagging mirror node could be asked three times",
            "remove LOOK_SPACING_SECONDS",
        )
    if not 0 < settings.CUSTODY_REQUESTS_PER_MINUTE <= MOST_REQUESTS_PER_MINUTE:
        yield warning(
            "CUSTODY_REQUESTS_PER_MINUTE is above what custody is known to grant",
            "set it to 900, or to nine tenths of what custody granted you",
        )
    if settings.CUSTODY_LOCAL_KEY_FILE:
        yield warning(
            "CUSTODY_LOCAL_KEY_FILE signs without custody", "use it for tests only; remove it otherwise"
        )


def _open_doors() -> Iterator[Finding]:
    if not settings.ALLOWED_HOSTS:
        yield failed(
            "ALLOWED_HOSTS is empty: the web process answers nobody", "set it to the admin's host name"
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield failed("ALLOWED_HOSTS takes any host name", "name the admin's host name instead of *")
    if not settings.OTP_REQUIRED:
        yield warning("the admin asks for no second factor", "remove OTP_REQUIRED")


def _plain_addresses() -> Iterator[Finding]:
    for name in ("DFNS_BASE_URL", "HEDERA_MIRROR_URL", "HEDERA_RPC_URL", "SOROBAN_RPC_URL"):
        if urlsplit(getattr(settings, name)).scheme == "http":
            yield failed(
                f"{name} is asked without TLS: anybody on the way can change the answer", "write https://"
            )


@check(GROUP, "Django's own checks")
def django() -> Finding | list[Finding]:
    """Without those of databases and of ALLOWED_HOSTS, which have lines of their own."""
    found = django_checks.run_checks(include_deployment_checks=settings.IS_PRODUCTION)
    problems = [
        (failed if message.level >= django_checks.ERROR else warning)(
            f"{message.id}: {message.msg}", str(message.hint or "manage.py check --deploy says more")
        )
        for message in found
        if message.level >= django_checks.WARNING and not (message.is_silenced() or message.id in SAID_BEFORE)
    ]
    return problems or ok("nothing to say")


@check(GROUP, "static files")
def static_files() -> Finding:
    if settings.STATIC_ROOT is None:
        return ok("served from the sources")
    if (settings.STATIC_ROOT / "staticfiles.json").exists():
        return ok("collected")
    return warning(
        "not collected: the admin's pages would break",
        "run manage.py collectstatic where the web process runs",
    )
