"""What every process does before Django is set up: manage.py, celery, gunicorn."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.env import Environment
    from config.loading import Sources

BASE_DIR = Path(__file__).resolve().parent.parent
_sources: Sources | None = None
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# gRPC's own fork handlers crash one child in twenty of a process that uses it (seen with grpcio 1.85). Nothing here
# uses gRPC on both sides of a fork, so they are switched off before the library is loaded.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
# A process that starts makes a million objects that all stay; Python's 700 would have it look for garbage among them
# again and again, which is a tenth of the time until it is ready.
GARBAGE_THRESHOLDS = (50_000, 20, 20)
gc.set_threshold(*GARBAGE_THRESHOLDS)


def home() -> Path:
    """Where the local stack keeps its files (settings, data, logs): PAYDATE_HOME, else `.local`."""
    return BASE_DIR / os.environ.get("PAYDATE_HOME", ".local")


def default_settings_module() -> str:
    return "config.development" if (home() / "env").exists() else "config.settings"


def keep_loopback_off_proxies() -> None:
    """HTTP and gRPC clients read these once, so this must run before any of them exists."""
    for name in ("NO_PROXY", "no_proxy"):
        known = [part for part in os.environ.get(name, "").split(",") if part]
        os.environ[name] = ",".join(known + [host for host in LOOPBACK if host not in known])


def prepare() -> None:
    """Choose the settings module and stop with the list of wrong settings instead of a traceback."""
    from django.core.exceptions import ImproperlyConfigured

    try:
        set_up()
    except ImproperlyConfigured as error:
        sys.exit(str(error))


def set_up() -> None:
    """Choose the settings module and read it. Raises ImproperlyConfigured with everything that is wrong."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", default_settings_module())
    keep_loopback_off_proxies()
    from django.conf import settings

    settings.INSTALLED_APPS  # noqa: B018 - the first access reads the settings


def read_from(sources: Sources) -> None:
    """Other sources than production's; the development and test settings call this before they start."""
    global _sources
    _sources = sources


def read_environment() -> Environment:
    from config.loading import load

    return load(_sources or production_sources())


def production_sources() -> Sources:
    from config.loading import Sources

    return Sources(environ=os.environ, env_file=BASE_DIR / ".env", signer_file=BASE_DIR / ".env.signer")
