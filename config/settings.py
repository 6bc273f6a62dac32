"""Production settings. Development and tests start from here and change what they must."""

import logging
from datetime import timedelta
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from pydantic import SecretStr

from config import boot
from config.colours import PRIMARY_COLOUR
from config.loading import mirror_url
from config.logging import configure_structlog, logging_settings
from config.mail import mail_settings
from config.redaction import known_values

BASE_DIR = boot.BASE_DIR
ENVIRONMENT = boot.read_environment()

# --- ours, under the names they have in the environment -------------------------------------------
DATABASE_URL: SecretStr = ENVIRONMENT.DATABASE_URL
REDIS_URL: SecretStr = ENVIRONMENT.REDIS_URL
PAYDATE_INSTANCE_ID: str = ENVIRONMENT.PAYDATE_INSTANCE_ID
PAYDATE_PROCESS: str = ENVIRONMENT.PAYDATE_PROCESS
TRUSTED_PROXY_COUNT: int = ENVIRONMENT.TRUSTED_PROXY_COUNT
OTP_REQUIRED: bool = ENVIRONMENT.OTP_REQUIRED
WEB_ADDRESS: str = ENVIRONMENT.WEB_ADDRESS
WEB_THREADS: int = ENVIRONMENT.WEB_THREADS
EMAIL_URL: SecretStr = ENVIRONMENT.EMAIL_URL
NOTIFY_EMAILS: list[str] = ENVIRONMENT.NOTIFY_EMAILS
METRICS_TOKEN: SecretStr = ENVIRONMENT.METRICS_TOKEN
LOG_FORMAT: str = ENVIRONMENT.LOG_FORMAT
LOG_LEVEL: str = ENVIRONMENT.LOG_LEVEL
HEDERA_NETWORK: str = ENVIRONMENT.HEDERA_NETWORK
HEDERA_RPC_URL: str = ENVIRONMENT.HEDERA_RPC_URL
HEDERA_NODES: str = ENVIRONMENT.HEDERA_NODES
HEDERA_TIMEOUT_SECONDS: int = ENVIRONMENT.HEDERA_TIMEOUT_SECONDS
HEDERA_MIRROR_TIMEOUT_SECONDS: int = ENVIRONMENT.HEDERA_MIRROR_TIMEOUT_SECONDS
HEDERA_MAX_FEE_HBAR: int = ENVIRONMENT.HEDERA_MAX_FEE_HBAR
HEDERA_GAS_BASE: int = ENVIRONMENT.HEDERA_GAS_BASE
HEDERA_GAS_PER_HOLDER: int = ENVIRONMENT.HEDERA_GAS_PER_HOLDER
TRANSACTION_VALID_SECONDS: int = ENVIRONMENT.TRANSACTION_VALID_SECONDS
STELLAR_NETWORK: str = ENVIRONMENT.STELLAR_NETWORK
SOROBAN_RPC_URL: str = ENVIRONMENT.SOROBAN_RPC_URL
SOROBAN_TIMEOUT_SECONDS: int = ENVIRONMENT.SOROBAN_TIMEOUT_SECONDS
SOROBAN_MAX_FEE_STROOPS: int = ENVIRONMENT.SOROBAN_MAX_FEE_STROOPS
SOROBAN_MAX_RENT_FEE_STROOPS: int = ENVIRONMENT.SOROBAN_MAX_RENT_FEE_STROOPS
SOROBAN_MAX_INCLUSION_FEE_STROOPS: int = ENVIRONMENT.SOROBAN_MAX_INCLUSION_FEE_STROOPS
SOROBAN_LEAST_LIFE_DAYS: int = ENVIRONMENT.SOROBAN_LEAST_LIFE_DAYS
DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN: SecretStr = ENVIRONMENT.DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN
DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID: SecretStr = ENVIRONMENT.DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID
DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH: SecretStr = ENVIRONMENT.DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH
DFNS_APP_ID: str = ENVIRONMENT.DFNS_APP_ID
DFNS_APP_ORIGIN: str = ENVIRONMENT.DFNS_APP_ORIGIN
DFNS_BASE_URL: str = ENVIRONMENT.DFNS_BASE_URL
DFNS_WALLET_ID: str = ENVIRONMENT.DFNS_WALLET_ID
DFNS_WALLET_PUBLIC_KEY: str = ENVIRONMENT.DFNS_WALLET_PUBLIC_KEY
DFNS_HEDERA_ACCOUNT_ID: str = ENVIRONMENT.DFNS_HEDERA_ACCOUNT_ID
DFNS_STELLAR_WALLET_ID: str = ENVIRONMENT.DFNS_STELLAR_WALLET_ID
CUSTODY_LOCAL_KEY_FILE: str = ENVIRONMENT.CUSTODY_LOCAL_KEY_FILE
CUSTODY_APPROVAL_LEAD: int = ENVIRONMENT.CUSTODY_APPROVAL_LEAD
CUSTODY_REQUESTS_PER_MINUTE: int = ENVIRONMENT.CUSTODY_REQUESTS_PER_MINUTE
CUSTODY_TIMEOUT_SECONDS: int = ENVIRONMENT.CUSTODY_TIMEOUT_SECONDS
BATCH_SIZE: int = ENVIRONMENT.BATCH_SIZE
MAX_BATCH_RETRIES: int = ENVIRONMENT.MAX_BATCH_RETRIES
UNCLAIMED_REMIND_DAYS: int = ENVIRONMENT.UNCLAIMED_REMIND_DAYS
UNCLAIMED_EXPIRE_DAYS: int = ENVIRONMENT.UNCLAIMED_EXPIRE_DAYS
PLAN_PAGE_SIZE: int = ENVIRONMENT.PLAN_PAGE_SIZE
PAYMENTS_IN_FLIGHT: int = ENVIRONMENT.PAYMENTS_IN_FLIGHT
PLAN_PARALLEL_PAGES: int = ENVIRONMENT.PLAN_PARALLEL_PAGES
BLOCKCHAIN_POLLING_INTERVAL: int = ENVIRONMENT.BLOCKCHAIN_POLLING_INTERVAL
BLOCKCHAIN_POLLING_INTERVAL_ACTIVE: int = ENVIRONMENT.BLOCKCHAIN_POLLING_INTERVAL_ACTIVE
SCHEDULED_PAYOUTS_CRON: str = ENVIRONMENT.SCHEDULED_PAYOUTS_CRON
CASH_OUT_BATCH_SIZE: int = ENVIRONMENT.CASH_OUT_BATCH_SIZE
MISSED_AFTER_SECONDS: int = ENVIRONMENT.MISSED_AFTER_SECONDS
RECORD_LATENESS_SECONDS: int = ENVIRONMENT.RECORD_LATENESS_SECONDS
RETRY_FAILED_BATCHES_CRON: str = ENVIRONMENT.RETRY_FAILED_BATCHES_CRON
ASSET_SYNC_CRON: str = ENVIRONMENT.ASSET_SYNC_CRON
RECONCILIATION_CRON: str = ENVIRONMENT.RECONCILIATION_CRON
PAYMENT_AVAILABILITY_CRON: str = ENVIRONMENT.PAYMENT_AVAILABILITY_CRON
RESERVE_CHECK_MODE: str = ENVIRONMENT.RESERVE_CHECK_MODE
RESERVE_CHECK_ATTEMPTS: int = ENVIRONMENT.RESERVE_CHECK_ATTEMPTS
RESERVE_GOOD_CHECKS: int = ENVIRONMENT.RESERVE_GOOD_CHECKS
RESERVE_BLOCKED_SECONDS: int = ENVIRONMENT.RESERVE_BLOCKED_SECONDS
RESERVE_STALE_MINUTES: int = ENVIRONMENT.RESERVE_STALE_MINUTES
RESERVE_NOTICE_FAILURES: int = ENVIRONMENT.RESERVE_NOTICE_FAILURES
RESERVE_WARN_DAYS: int = ENVIRONMENT.RESERVE_WARN_DAYS
RESERVE_KEEP_DAYS: int = ENVIRONMENT.RESERVE_KEEP_DAYS
RESERVE_HORIZON_DAYS: int = ENVIRONMENT.RESERVE_HORIZON_DAYS
LEASE_SECONDS: int = ENVIRONMENT.LEASE_SECONDS
SWEEP_SECONDS: int = ENVIRONMENT.SWEEP_SECONDS
EXPIRY_MARGIN_SECONDS: int = ENVIRONMENT.EXPIRY_MARGIN_SECONDS
LOOK_SPACING_SECONDS: int = ENVIRONMENT.LOOK_SPACING_SECONDS
RESEND_SECONDS: int = ENVIRONMENT.RESEND_SECONDS
FENCE_SECONDS: int = ENVIRONMENT.FENCE_SECONDS
SIGNER_CONCURRENCY: int = ENVIRONMENT.SIGNER_CONCURRENCY
WORKER_CONCURRENCY: int = ENVIRONMENT.WORKER_CONCURRENCY
HEDERA_MIRROR_URL: str = mirror_url(ENVIRONMENT)
# Dotted paths; development moves the clock and arms faults through them.
CLOCK_OFFSET: str | None = None
FAULT_HOOK: str | None = None
IS_PRODUCTION = True

# --- Django ---------------------------------------------------------------------------------------
SECRET_KEY = ENVIRONMENT.SECRET_KEY.get_secret_value()
DEBUG = ENVIRONMENT.DEBUG
ALLOWED_HOSTS = ENVIRONMENT.ALLOWED_HOSTS
CSRF_TRUSTED_ORIGINS = ENVIRONMENT.CSRF_TRUSTED_ORIGINS

INSTALLED_APPS = [
    "config.apps.PaydateConfig",
    "payouts",
    "reserves",
    "chainsync",
    "contracts",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "unfold.contrib.import_export",
    "config.apps.PaydateAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "import_export",
    "django_celery_beat",
    "django_structlog",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.admin_content_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Last: it turns a refused log-in into the lock-out answer.
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": dj_database_url.parse(
        ENVIRONMENT.DATABASE_URL.get_secret_value(), conn_max_age=60, conn_health_checks=True
    )
}
# The same few statements run fifty times a second, and planning them costs PostgreSQL more than executing
# them. Prepared statements live as long as their connection, so a pooler has to work in session mode.
DATABASES["default"].setdefault("OPTIONS", {}).update(server_side_binding=True, prepare_threshold=5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = "config.formats"

STATIC_URL = "/static/"
STATIC_ROOT: Path | None = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- who may come in ------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator", "NumericPasswordValidator")
] + [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    }
]
LOGIN_URL = "admin:login"
OTP_TOTP_ISSUER = "Paydate"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_IPWARE_PROXY_COUNT = TRUSTED_PROXY_COUNT or None
AXES_IPWARE_META_PRECEDENCE_ORDER = (
    ["HTTP_X_FORWARDED_FOR", "REMOTE_ADDR"] if TRUSTED_PROXY_COUNT else ["REMOTE_ADDR"]
)
AXES_VERBOSE = False

# --- what a browser may do ------------------------------------------------------------------------
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
# A load balancer asks without TLS, and so does a scraper on the same machine.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_AGE = 8 * 3600
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- mail, exports, skin --------------------------------------------------------------------------
globals().update(mail_settings(EMAIL_URL.get_secret_value()))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.EMAIL_FROM
# A cell that begins with "=" is a formula to a spreadsheet.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
UNFOLD = {
    "SITE_TITLE": "Paydate",
    "SITE_HEADER": "Paydate",
    "SITE_SYMBOL": "payments",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "config.admin_site.icon"}],
    "SITE_URL": None,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "config.admin_site.environment_badge",
    "ENVIRONMENT_TITLE_PREFIX": "config.admin_site.title_prefix",
    "DASHBOARD_CALLBACK": "config.dashboard.dashboard",
    "SIDEBAR": {"navigation": "config.navigation.navigation"},
    "STYLES": ["config.admin_site.style_sheet"],
    "COLORS": {"primary": PRIMARY_COLOUR},
}

# --- processes ------------------------------------------------------------------------------------
DJANGO_CELERY_BEAT_TZ_AWARE = True
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# Sweeps ring twice a second; what they do is logged by the services.
DJANGO_STRUCTLOG_CELERY_DEFAULT_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG

DEFAULT_EXCEPTION_REPORTER = "config.error_pages.RedactedReporter"
LOGGING = logging_settings(
    log_format=LOG_FORMAT,
    level=LOG_LEVEL,
    secrets=known_values(dict(ENVIRONMENT)),
    process=PAYDATE_PROCESS,
)
configure_structlog()
