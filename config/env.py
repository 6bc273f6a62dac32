"""Every setting Paydate reads from its environment: name, type, bounds, default and meaning.

docs/settings.md and .env.example are generated from this page by `manage.py settings_table`.
"""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.fields import (
    Account,
    Cron,
    DatabaseAddress,
    Instance,
    MailServer,
    Nodes,
    PrivateKey,
    RedisAddress,
    SecretKey,
    Token,
    WebAddress,
    Words,
)

EMPTY = SecretStr("")


class Core(BaseModel):
    """Database, broker and web"""

    DATABASE_URL: DatabaseAddress = Field(
        description="PostgreSQL 15 to 18.", examples=["postgresql://paydate:password@127.0.0.1:5432/paydate"]
    )
    REDIS_URL: RedisAddress = Field(
        description="Redis, the Celery broker. It may be emptied at any time.",
        examples=["redis://127.0.0.1:6379/0"],
    )
    SECRET_KEY: SecretKey = Field(
        description="Signs sessions and tokens; at least 50 random characters.",
        examples=["fifty-or-more-random-characters"],
    )
    PAYDATE_INSTANCE_ID: Instance = Field(
        description="Names this Paydate in every transaction memo; a wallet belongs to one instance. "
        "1 to 16 lower-case letters, digits or hyphens.",
        examples=["acme-prod"],
    )
    PAYDATE_PROCESS: Literal["web", "worker", "signer", "beat", "command"] = Field(
        "command", description="Which process this is; the Procfile sets it."
    )
    DEBUG: bool = Field(False, description="Django's debug pages; never in production.")
    ALLOWED_HOSTS: Words = Field(
        default=[],
        description="Host names the web process answers to, with commas between them.",
        examples=["paydate.example.com"],
    )
    CSRF_TRUSTED_ORIGINS: Words = Field(
        default=[],
        description="Origins whose forms are trusted, with scheme.",
        examples=["https://paydate.example.com"],
    )
    TRUSTED_PROXY_COUNT: int = Field(
        0, ge=0, le=5, description="Reverse proxies in front; 1 or more trusts X-Forwarded-Proto and -For."
    )
    OTP_REQUIRED: bool = Field(
        True, description="The admin demands a one-time code as second factor (development: off)."
    )
    WEB_ADDRESS: str = Field("127.0.0.1:8000", description="Address and port gunicorn listens on.")
    WEB_THREADS: int = Field(8, ge=1, le=64, description="Threads of the web process.")
    EMAIL_URL: MailServer = Field(
        EMPTY,
        description="Mail server; empty prints mails to the log.",
        examples=["smtp+tls://user:password@host:587"],
    )
    EMAIL_FROM: str = Field("paydate@localhost", description="Sender of mails.")
    NOTIFY_EMAILS: Words = Field(
        default=[],
        description="Who is told by e-mail of blocks, shortfalls and failing checks; empty tells EMAIL_FROM.",
        examples=["treasury@example.com,ops@example.com"],
    )
    METRICS_TOKEN: Token = Field(
        EMPTY,
        description="Bearer token that /metrics asks for; empty answers scrapers on this machine only.",
        examples=["twenty-or-more-random-characters"],
    )
    LOG_FORMAT: Literal["json", "console"] = Field(
        "json", description="Log lines for machines or for a terminal."
    )
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level logged.")


class Hedera(BaseModel):
    """Hedera"""

    HEDERA_NETWORK: Literal["mainnet", "testnet", "previewnet", "local"] = Field(
        description="The network this Paydate works on.", examples=["testnet"]
    )
    HEDERA_MIRROR_URL: WebAddress = Field(
        "",
        description="Mirror node; empty takes the network's public one (local: demanded).",
        examples=["http://127.0.0.1:5551"],
    )
    HEDERA_RPC_URL: WebAddress = Field(
        "", description="JSON-RPC relay, a second source for reads and for the chain id; optional."
    )
    HEDERA_NODES: Nodes = Field(
        "",
        description="Consensus nodes of a local network; demanded there and only there.",
        examples=["0.0.3=127.0.0.1:50211,0.0.4=127.0.0.1:50212"],
    )
    HEDERA_TIMEOUT_SECONDS: int = Field(
        10, ge=1, le=10, description="Deadline of one call to a consensus node."
    )
    HEDERA_MIRROR_TIMEOUT_SECONDS: int = Field(10, ge=1, le=60, description="Timeout of one mirror request.")
    HEDERA_MAX_FEE_HBAR: int = Field(20, ge=1, le=1000, description="Highest fee of one transaction in HBAR.")
    HEDERA_GAS_BASE: int = Field(
        300_000, ge=21_000, le=15_000_000, description="Gas of a call before holders."
    )
    HEDERA_GAS_PER_HOLDER: int = Field(140_000, ge=1, le=15_000_000, description="Gas added for each holder.")
    TRANSACTION_VALID_SECONDS: int = Field(
        120, ge=15, le=180, description="How long a transaction may be accepted."
    )


class Stellar(BaseModel):
    """Stellar and Soroban"""

    STELLAR_NETWORK: Literal["public", "testnet", "futurenet", "local"] = Field(
        "testnet", description="The Stellar network of the reserve checks."
    )
    SOROBAN_RPC_URL: WebAddress = Field("", description="Soroban RPC; empty switches reserve checks off.")
    SOROBAN_TIMEOUT_SECONDS: int = Field(10, ge=1, le=60, description="Longest wait for the Soroban RPC.")
    SOROBAN_MAX_FEE_STROOPS: int = Field(
        10_000_000, ge=100, description="Highest fee of one Stellar transaction, resources included."
    )
    SOROBAN_MAX_RENT_FEE_STROOPS: int = Field(
        1_000_000_000,
        ge=100,
        description="Highest fee of a Stellar transaction that uploads code, makes a contract or lengthens lives.",
    )
    SOROBAN_MAX_INCLUSION_FEE_STROOPS: int = Field(
        1_000_000, ge=100, description="Most that is bid for a place in a ledger, whatever others pay."
    )
    SOROBAN_LEAST_LIFE_DAYS: int = Field(
        7, ge=0, le=180, description="Days of a contract's state below which its end is reported."
    )


class Custody(BaseModel):
    """Custody"""

    DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN: SecretStr = Field(EMPTY, description="Service account token.")
    DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID: SecretStr = Field(
        EMPTY, description="Credential of the service account."
    )
    DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH: PrivateKey = Field(
        EMPTY,
        description=r"Key of that credential: PEM text (line breaks may be written \n) or the path of a PEM file.",
    )
    DFNS_APP_ID: str = Field("", description="Accepted for completeness; the DFNS SDK does not use it.")
    DFNS_APP_ORIGIN: str = Field("https://app.dfns.io", description="Origin named in signed user actions.")
    DFNS_BASE_URL: WebAddress = Field("https://api.dfns.io", description="Address of the DFNS API.")
    DFNS_WALLET_ID: str = Field("", description="Wallet expected to pay on Hedera.")
    DFNS_WALLET_PUBLIC_KEY: str = Field("", description="Its public key; compared with what custody says.")
    DFNS_HEDERA_ACCOUNT_ID: Account = Field("", description="Its account; compared with what the chain says.")
    DFNS_STELLAR_WALLET_ID: str = Field("", description="Wallet expected to sign on Stellar.")
    CUSTODY_LOCAL_KEY_FILE: str = Field(
        "", description="Key file of the local custodian, for development; refused on mainnet; signer only."
    )
    CUSTODY_APPROVAL_LEAD: int = Field(
        0,
        ge=0,
        le=86_400,
        description="Seconds validStart lies ahead, for wallets that always need an approval.",
    )
    CUSTODY_REQUESTS_PER_MINUTE: int = Field(
        900, ge=0, le=100_000, description="Custody budget; 0 is no limit."
    )
    CUSTODY_TIMEOUT_SECONDS: int = Field(10, ge=1, le=60, description="Timeout of one custody request.")


class Payouts(BaseModel):
    """Payouts and reserves"""

    BATCH_SIZE: int = Field(100, ge=1, le=100, description="Most holders in one transaction.")
    MAX_BATCH_RETRIES: int = Field(3, ge=0, le=20, description="Automatic retries of failed payments.")
    UNCLAIMED_REMIND_DAYS: int = Field(
        30, ge=0, le=3650, description="Days after which people are told of unclaimed payments; 0: never."
    )
    UNCLAIMED_EXPIRE_DAYS: int = Field(
        0, ge=0, le=3650, description="Days after which they are told that those expired; 0: never."
    )
    PLAN_PAGE_SIZE: int = Field(
        400, ge=1, le=1000, description="Holders read in one page while planning, in whole batches."
    )
    PAYMENTS_IN_FLIGHT: int = Field(
        64,
        ge=1,
        le=1000,
        description="Calls of one wallet planned or signed at once, shared by its distributions.",
    )
    PLAN_PARALLEL_PAGES: int = Field(8, ge=1, le=32, description="Pages read at once while planning.")
    BLOCKCHAIN_POLLING_INTERVAL: int = Field(
        60_000, ge=500, le=3_600_000, description="Milliseconds between reads of a quiet contract's events."
    )
    BLOCKCHAIN_POLLING_INTERVAL_ACTIVE: int = Field(
        2_000,
        ge=250,
        le=3_600_000,
        description="Milliseconds between reads while a distribution runs, or a contract is BLOCKED.",
    )
    SCHEDULED_PAYOUTS_CRON: Cron = Field(
        "*/30 * * * * *", description="When due distributions are looked for."
    )
    CASH_OUT_BATCH_SIZE: int = Field(
        10,
        ge=1,
        le=100,
        description="Holders in one call of a bond's cash-out; one who reverts takes it all back.",
    )
    MISSED_AFTER_SECONDS: int = Field(
        900,
        ge=60,
        le=604_800,
        description="Lateness from which a start counts as missed; its policy decides then.",
    )
    RECORD_LATENESS_SECONDS: int = Field(
        300,
        ge=10,
        le=604_800,
        description="Lateness of a snapshot behind its record time that holds a payout.",
    )
    RETRY_FAILED_BATCHES_CRON: Cron = Field(
        "0 0 * * * *", description="When failed payments are tried again."
    )
    ASSET_SYNC_CRON: Cron = Field(
        "0 15 * * * *",
        description="When assets are read that were not within a day: what they are, and who holds them.",
    )
    RECONCILIATION_CRON: Cron = Field(
        "0 30 1 * * *",
        description="When the stored events of the last two days are compared with the chain.",
    )
    PAYMENT_AVAILABILITY_CRON: Cron = Field("0 */5 * * * *", description="When reserves are checked.")
    RESERVE_CHECK_MODE: Literal["simulate", "submit", "on_change"] = Field(
        "on_change", description="Reserve checks: simulated, signed, or signed only when the state changes."
    )
    RESERVE_CHECK_ATTEMPTS: int = Field(
        5,
        ge=1,
        le=20,
        description="Attempts of one check before it is FAILED; the next tick makes a new one.",
    )
    RESERVE_GOOD_CHECKS: int = Field(
        1, ge=1, le=100, description="Good checks in a row that release a blocked contract."
    )
    RESERVE_BLOCKED_SECONDS: int = Field(
        60, ge=5, le=3600, description="Interval at which blocked contracts are checked besides."
    )
    RESERVE_STALE_MINUTES: int = Field(
        15, ge=1, le=10_080, description="Age from which an answer about a reserve is called stale."
    )
    RESERVE_NOTICE_FAILURES: int = Field(
        3, ge=1, le=100, description="Failed checks of a contract in a row that are worth an e-mail."
    )
    RESERVE_WARN_DAYS: int = Field(
        30,
        ge=0,
        le=366,
        description="Days ahead in which an expected deficit is worth an e-mail; 0 tells nobody.",
    )
    RESERVE_KEEP_DAYS: int = Field(
        90, ge=1, le=3650, description="Days that checks are kept which changed nothing."
    )
    RESERVE_HORIZON_DAYS: int = Field(7, ge=0, le=366, description="Days of dues a reserve must cover.")


class Processes(BaseModel):
    """Leases, sweeps and concurrency"""

    LEASE_SECONDS: int = Field(
        5, ge=1, le=600, description="Lease on a row in work; renewed five times as often."
    )
    SWEEP_SECONDS: int = Field(2, ge=1, le=300, description="Interval of the sweeps that find waiting rows.")
    EXPIRY_MARGIN_SECONDS: int = Field(
        90,
        ge=0,
        le=3600,
        description="Chain time past validity before absence counts; below 90 in tests only.",
    )
    LOOK_SPACING_SECONDS: int = Field(
        30, ge=1, le=3600, description="Least time between two looks for absence."
    )
    RESEND_SECONDS: int = Field(
        10, ge=1, le=180, description="Least time before the same bytes are sent again."
    )
    FENCE_SECONDS: int = Field(
        60,
        ge=5,
        le=300,
        description="Interval at which each wallet's transactions on chain are compared with this database.",
    )
    SIGNER_CONCURRENCY: int = Field(32, ge=1, le=64, description="Threads of the signer.")
    WORKER_CONCURRENCY: int = Field(32, ge=1, le=64, description="Threads of a worker.")


class Environment(Core, Hedera, Stellar, Custody, Payouts, Processes, BaseSettings):
    model_config = SettingsConfigDict(
        case_sensitive=True,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        frozen=True,
        validate_default=False,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """config.loading hands over what it read, so that it can say where a wrong name came from."""
        return (init_settings,)


GROUPS: tuple[type[BaseModel], ...] = (Core, Hedera, Stellar, Custody, Payouts, Processes)
SIGNER_ONLY = (
    "DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN",
    "DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID",
    "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH",
    "CUSTODY_LOCAL_KEY_FILE",
)
SECRETS = tuple(name for name, field in Environment.model_fields.items() if field.annotation is SecretStr)
MIRRORS = {
    "mainnet": "https://mainnet-public.mirrornode.hedera.com",
    "testnet": "https://testnet.mirrornode.hedera.com",
    "previewnet": "https://previewnet.mirrornode.hedera.com",
}
