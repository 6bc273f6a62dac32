"""The local stack: settings from `.local/env`, the devnet, and its clock and faults."""

import os

from config import boot
from config.loading import Sources

_home = boot.home()
os.environ.setdefault("PAYDATE_DEVNET_DIR", str(_home / "devnet"))
boot.read_from(Sources(os.environ, _home / "env", _home / "env.signer", is_production=False))

from config.settings import *  # noqa: E402, F403
from config.settings import INSTALLED_APPS, STORAGES  # noqa: E402

INSTALLED_APPS = ["devnet", *INSTALLED_APPS]

IS_PRODUCTION = False
CLOCK_OFFSET = "devnet.clock.offset_ns"
FAULT_HOOK = "devnet.crash.reach"
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 0
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
