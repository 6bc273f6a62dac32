import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from pydantic import SecretStr

from config.boot import BASE_DIR
from config.env import SECRETS, SIGNER_ONLY, Environment
from config.loading import Sources, load, mirror_url
from tests.patience import PATIENCE

PEM = (
    Ed25519PrivateKey.generate()
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
    .strip()
)
GOOD = {
    "DATABASE_URL": "postgresql://paydate:database-password@db:5432/paydate",
    "REDIS_URL": "redis://:redis-password@broker:6379/0",
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOP",
    "PAYDATE_INSTANCE_ID": "acme",
    "HEDERA_NETWORK": "testnet",
}
CUSTODY = {
    "DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN": "custody-token-value",
    "DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID": "custody-credential-value",
    "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH": PEM,
}
SIGNER = {"PAYDATE_PROCESS": "signer"}


def sources(folder: Path, environ: Mapping[str, str] = GOOD) -> Sources:
    return Sources(environ, folder / ".env", folder / ".env.signer")


def problems(where: Sources) -> list[str]:
    with pytest.raises(ImproperlyConfigured) as caught:
        load(where)
    return [line.removeprefix("  - ") for line in str(caught.value).splitlines()[1:]]


MALFORMED = [
    ("DATABASE_URL", "sqlite:///db.sqlite3", "PostgreSQL 15 to 18 only"),
    ("DATABASE_URL", "postgresql://db", "database name is missing"),
    ("REDIS_URL", "amqp://broker", "redis://"),
    ("SECRET_KEY", "too-short-a-key", "at least 50 random characters"),
    ("PAYDATE_INSTANCE_ID", "Much Too Long For A Memo", "1 to 16 lower-case"),
    ("PAYDATE_PROCESS", "wroker", "it should be 'web', 'worker', 'signer', 'beat' or 'command'"),
    ("HEDERA_NETWORK", "solana", "'mainnet', 'testnet', 'previewnet' or 'local'"),
    ("HEDERA_MIRROR_URL", "mirror.example", "begins with http:// or https://"),
    ("HEDERA_MIRROR_URL", "https://user:secretpass@mirror.example", "leave out user, password"),
    ("HEDERA_NODES", "0.0.3:50211", "account=host:port pairs"),
    ("HEDERA_TIMEOUT_SECONDS", "11", "less than or equal to 10"),
    ("BATCH_SIZE", "101", "less than or equal to 100"),
    ("BATCH_SIZE", "many", "a valid integer"),
    ("TRANSACTION_VALID_SECONDS", "14", "greater than or equal to 15"),
    ("DFNS_HEDERA_ACCOUNT_ID", "12345", "0.0.1234"),
    ("EMAIL_URL", "mail.example", "smtp+tls://"),
    ("DEBUG", "perhaps", "a valid boolean"),
    ("SCHEDULED_PAYOUTS_CRON", "*/5 * * *", "five cron fields"),
    ("SCHEDULED_PAYOUTS_CRON", "15 */5 * * * *", "seconds field of 0"),
    ("SCHEDULED_PAYOUTS_CRON", "*/60 * * * * *", "1 to 59"),
    ("SCHEDULED_PAYOUTS_CRON", "*/30 0 * * * *", "seconds field of 0"),
    ("RETRY_FAILED_BATCHES_CRON", "0 61 * * * *", "five cron fields"),
    ("PAYMENT_AVAILABILITY_CRON", "every minute or so ok", "five cron fields"),
]


@pytest.mark.parametrize(("name", "value", "fix"), MALFORMED)
def test_a_malformed_setting_is_named_with_its_fix_and_never_quoted(
    tmp_path: Path, name: str, value: str, fix: str
) -> None:
    found = [line for line in problems(sources(tmp_path, GOOD | {name: value})) if line.startswith(name)]
    assert len(found) == 1
    assert fix in found[0]
    assert value not in found[0]


def test_everything_wrong_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BATCHSIZE=10\nUNHEARD_OF=1\n")
    environ = {"DATABASE_URL": "mysql://db/x", "BATCH_SIZE": "0", "HEDERA_NETWROK": "testnet"}
    names = {line.split()[0] for line in problems(sources(tmp_path, environ))}
    assert names == {
        *("BATCHSIZE", "UNHEARD_OF", "HEDERA_NETWROK", "DATABASE_URL", "BATCH_SIZE"),
        *("REDIS_URL", "SECRET_KEY", "PAYDATE_INSTANCE_ID", "HEDERA_NETWORK"),
    }


def test_a_missing_setting_shows_an_example(tmp_path: Path) -> None:
    environ = {name: value for name, value in GOOD.items() if name != "REDIS_URL"}
    assert problems(sources(tmp_path, environ)) == [
        "REDIS_URL is missing: Redis, the Celery broker. It may be emptied at any time. "
        "For example REDIS_URL=redis://127.0.0.1:6379/0"
    ]


def test_an_unknown_name_suggests_the_known_one(tmp_path: Path) -> None:
    assert problems(sources(tmp_path, GOOD | {"HEDERA_MIROR_URL": "x"})) == [
        "HEDERA_MIROR_URL in the environment is no setting: did you mean HEDERA_MIRROR_URL?"
    ]


@pytest.mark.parametrize("prefix", ["PAYDATE", "DFNS", "HEDERA", "STELLAR", "SOROBAN", "CUSTODY", "RESERVE"])
def test_unknown_names_with_our_prefixes_are_refused(tmp_path: Path, prefix: str) -> None:
    assert len(problems(sources(tmp_path, GOOD | {f"{prefix}_ZZZZ": "1"}))) == 1


def test_other_programs_variables_are_none_of_our_business(tmp_path: Path) -> None:
    load(sources(tmp_path, GOOD | {"LANG": "C", "BATCHSIZE": "7"}))


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BATCH_SIZE=20\nMAX_BATCH_RETRIES=5\n")
    env = load(sources(tmp_path, GOOD | {"BATCH_SIZE": "30"}))
    assert (env.BATCH_SIZE, env.MAX_BATCH_RETRIES) == (30, 5)


def test_an_empty_value_is_as_good_as_none(tmp_path: Path) -> None:
    assert load(sources(tmp_path, GOOD | {"BATCH_SIZE": "", "EMAIL_URL": ""})).BATCH_SIZE == 100


def test_every_secret_can_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(GOOD["SECRET_KEY"] + "\n")
    environ = {name: value for name, value in GOOD.items() if name != "SECRET_KEY"}
    env = load(sources(tmp_path, environ | {"SECRET_KEY_FILE": str(file)}))
    assert env.SECRET_KEY.get_secret_value() == GOOD["SECRET_KEY"]


def test_a_secret_given_twice_or_as_a_missing_file_is_refused(tmp_path: Path) -> None:
    environ = GOOD | {"SECRET_KEY_FILE": "/nowhere", "EMAIL_URL_FILE": "/nowhere-either"}
    assert problems(sources(tmp_path, environ)) == [
        "SECRET_KEY is given twice, by SECRET_KEY_FILE too: keep one.",
        "EMAIL_URL is missing: EMAIL_URL_FILE names no file that this process can read; correct it.",
    ]


def test_the_signer_demands_the_custody_secrets(tmp_path: Path) -> None:
    found = problems(sources(tmp_path, GOOD | SIGNER))
    assert [line.split()[0] for line in found] == list(CUSTODY)
    assert all(".env.signer" in line for line in found)


def test_the_signer_reads_them_from_its_own_file(tmp_path: Path) -> None:
    (tmp_path / ".env.signer").write_text("".join(f"{name}='{value}'\n" for name, value in CUSTODY.items()))
    env = load(sources(tmp_path, GOOD | SIGNER))
    assert env.DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH.get_secret_value() == PEM
    other = load(sources(tmp_path))
    assert other.DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN.get_secret_value() == ""


def test_a_key_file_of_the_local_custodian_is_enough_for_the_signer(tmp_path: Path) -> None:
    load(sources(tmp_path, GOOD | SIGNER | {"CUSTODY_LOCAL_KEY_FILE": "/run/key"}))
    mainnet = GOOD | SIGNER | {"CUSTODY_LOCAL_KEY_FILE": "/run/key", "HEDERA_NETWORK": "mainnet"}
    assert "refused on mainnet" in problems(sources(tmp_path, mainnet))[0]


@pytest.mark.parametrize("name", SIGNER_ONLY)
@pytest.mark.parametrize("process", ["web", "worker", "beat", "command"])
def test_in_production_no_other_process_starts_with_a_custody_secret(
    tmp_path: Path, name: str, process: str
) -> None:
    value = (CUSTODY | {"CUSTODY_LOCAL_KEY_FILE": "/run/key"})[name]
    where = sources(tmp_path, GOOD | {"PAYDATE_PROCESS": process, name: value})
    assert problems(where) == [
        f"{name} is for the signer only: move it to .env.signer or the signer's own environment."
    ]
    load(replace(where, is_production=False))


@pytest.mark.parametrize("spelling", ["inline", "escaped", "path"])
def test_the_private_key_may_be_written_in_three_ways(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    value = {"inline": PEM, "escaped": PEM.replace("\n", "\\n"), "path": str(tmp_path / "key.pem")}[spelling]
    name = "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH"
    env = load(sources(tmp_path, GOOD | SIGNER | CUSTODY | {name: value}))
    assert env.DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH.get_secret_value() == PEM


def test_a_local_network_demands_its_addresses(tmp_path: Path) -> None:
    found = problems(sources(tmp_path, GOOD | {"HEDERA_NETWORK": "local"}))
    assert [line.split()[0] for line in found] == ["HEDERA_NODES", "HEDERA_MIRROR_URL"]


@pytest.mark.parametrize("network", ["mainnet", "testnet", "previewnet"])
def test_a_public_network_has_a_mirror_by_default_and_no_nodes_of_ours(tmp_path: Path, network: str) -> None:
    environ = GOOD | {"HEDERA_NETWORK": network}
    assert network in mirror_url(load(sources(tmp_path, environ)))
    assert "local only" in problems(sources(tmp_path, environ | {"HEDERA_NODES": "0.0.3=127.0.0.1:50211"}))[0]


def test_no_secret_is_shown_by_repr_or_by_a_refusal(tmp_path: Path) -> None:
    planted = GOOD | SIGNER | CUSTODY | {"EMAIL_URL": "smtp://user:mail-password@mail"}
    env = load(sources(tmp_path, planted))
    refusal = "\n".join(
        problems(sources(tmp_path, planted | {"BATCH_SIZE": "0", "EMAIL_URL": "mail-password"}))
    )
    for name in SECRETS:
        if name in planted:
            assert planted[name] not in f"{env!r} {env}"
            assert planted[name] not in refusal
    assert "mail-password" not in refusal


def test_every_name_is_a_django_setting() -> None:
    assert {name for name in Environment.model_fields if not hasattr(settings, name)} == {"EMAIL_FROM"}
    assert isinstance(settings.REDIS_URL, SecretStr)


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "check"],
        ["-m", "celery", "--app", "config.celery", "worker"],
        ["-m", "gunicorn", "--config", "config/gunicorn.py", "config.wsgi"],
    ],
)
def test_every_process_ends_with_the_list_and_no_traceback(command: list[str], tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "config.settings", "BATCH_SIZE": "0"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=BASE_DIR,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode != 0
    assert "setting(s) to correct" in done.stderr
    assert "BATCH_SIZE is malformed" in done.stderr
    assert "Traceback" not in done.stderr
