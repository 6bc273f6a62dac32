"""Tests: a PostgreSQL and a Redis for each run; of the caller's environment only DATABASE_URL and REDIS_URL count."""

import os
from pathlib import Path

from config import boot
from config.loading import Sources
from devnet.services.postgres import Postgres
from devnet.services.redis import Redis

# One folder for a test run, shared with its worker processes.
TEST_HOME = Path(os.environ.setdefault("PAYDATE_TEST_RUN", str(boot.home() / "test" / str(os.getpid()))))
TEST_POSTGRES = Postgres(TEST_HOME, durable=False)
TEST_REDIS = Redis(TEST_HOME, durable=False)
os.environ.setdefault("PAYDATE_DEVNET_DIR", str(TEST_HOME / "devnet"))

_environ = {
    "DATABASE_URL": os.environ.get("DATABASE_URL", TEST_POSTGRES.url),
    "REDIS_URL": os.environ.get("REDIS_URL", TEST_REDIS.url),
    "SECRET_KEY": "a key for tests only, long enough and with some variety 0123456789",
    "PAYDATE_INSTANCE_ID": "test",
    "HEDERA_NETWORK": "local",
    "HEDERA_MIRROR_URL": "http://127.0.0.1:1",
    "HEDERA_NODES": "0.0.3=127.0.0.1:1,0.0.4=127.0.0.1:1,0.0.5=127.0.0.1:1",
    "DFNS_BASE_URL": "http://127.0.0.1:1",
    "OTP_REQUIRED": "false",
    "ALLOWED_HOSTS": "testserver",
    "LOG_FORMAT": "console",
}
boot.read_from(Sources(_environ, Path(os.devnull), Path(os.devnull), is_production=False))

from config.settings import *  # noqa: E402, F403
from config.settings import INSTALLED_APPS, STORAGES  # noqa: E402

INSTALLED_APPS = [*INSTALLED_APPS, "devnet"]
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
IS_PRODUCTION = False
CLOCK_OFFSET = "devnet.clock.offset_ns"
SECURE_SSL_REDIRECT = False
STATIC_ROOT = None
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
