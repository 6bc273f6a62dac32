"""What custody needs to know stays with custody: no repr, log line, error or traceback shows it."""

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import SecretStr
from pytest_django import Settings

from contracts.custody.base import custodian
from contracts.custody.dfns import DfnsConfig, DfnsCustodian
from contracts.gateways.errors import GatewayError
from tests.devnet.custody_office import Office, config_of, office

PRIVATE_KEY = "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH"
EMPTY = DfnsConfig(SecretStr(""), SecretStr(""), SecretStr(""), "", "", 5.0)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


def _secrets(desk: Office) -> list[str]:
    key_lines = desk.env[PRIVATE_KEY].splitlines()[1:-1]
    return [desk.env["DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN"], *key_lines]


def _custody_frames(error: BaseException) -> str:
    """All locals of the frames an error reporter would show, our own tests' frames left out."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    locals_of = [repr(frame.f_locals) for frame in frames if "tests" not in frame.f_code.co_filename]
    assert locals_of
    return "\n".join(locals_of)


def test_no_repr_shows_a_secret(desk: Office) -> None:
    config = config_of(desk.env)
    shown = repr(config) + str(config) + repr(vars(desk.custodian)) + repr(vars(desk.custodian._connection))
    assert not [secret for secret in _secrets(desk) if secret in shown]


@pytest.mark.parametrize("fault", ["custody.error_rate", "custody.drop_request", "custody.drop_reply"])
def test_no_traceback_shows_a_secret_even_with_its_locals(desk: Office, fault: str) -> None:
    desk.faults.set(fault, count=1)
    with pytest.raises(GatewayError) as caught:
        desk.sign()
    assert caught.value.__context__ is None
    assert not [secret for secret in _secrets(desk) if secret in _custody_frames(caught.value)]


def test_no_log_line_shows_a_secret(desk: Office, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        desk.sign()
    assert not [secret for secret in _secrets(desk) if secret in caplog.text]


@pytest.mark.parametrize("form", ["inline", "one line", "path"])
def test_the_private_key_may_be_text_or_one_line_or_a_path(desk: Office, tmp_path: Path, form: str) -> None:
    pem = desk.env[PRIVATE_KEY]
    (tmp_path / "key.pem").write_text(pem)
    given = {"inline": pem, "one line": pem.replace("\n", "\\n"), "path": str(tmp_path / "key.pem")}[form]
    assert desk.sign(private_key=SecretStr(given)).status == "SIGNED"


@pytest.mark.parametrize(
    "given",
    [
        "hunter2",
        "/hunter2/absent.pem",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----",
        "hunter2" * 1000,
    ],
)
def test_a_private_key_that_cannot_be_read_is_named_and_never_quoted(desk: Office, given: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{PRIVATE_KEY}.*PKCS#8") as caught:
        desk.custodian_with(private_key=SecretStr(given))
    assert "hunter2" not in _custody_frames(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_all_missing_settings_are_named_at_once() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        DfnsCustodian(EMPTY)
    for name in ("AUTHORIZATION_TOKEN", "CREDENTIAL_ID", "PRIVATE_KEY_OR_PATH"):
        assert f"DFNS_SERVICE_ACCOUNT_{name} is missing" in str(caught.value)
    assert "DFNS_APP_ORIGIN is missing; DFNS_BASE_URL is missing." in str(caught.value)


def test_a_token_with_strange_characters_is_named_before_the_first_request(desk: Office) -> None:
    config = replace(config_of(desk.env), token=SecretStr("töken"))
    assert config.problems() == [
        "DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN has characters outside ASCII; copy it again"
    ]


def test_the_settings_give_one_custodian_until_they_change(desk: Office, settings: Settings) -> None:
    for name, value in desk.env.items():
        setattr(settings, name, SecretStr(value) if "SERVICE_ACCOUNT" in name else value)
    first = custodian("DFNS")
    assert first is custodian("DFNS")
    assert first.describe(desk.env["DFNS_WALLET_ID"]) == desk.wallet
    settings.DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN = "a plain text"
    assert custodian("DFNS") is not first


def test_the_settings_give_a_local_custodian(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text("ed25519:" + bytes(range(32)).hex())
    settings.CUSTODY_LOCAL_KEY_FILE = str(path)
    settings.HEDERA_NETWORK = "local"
    local = custodian("LOCAL")
    assert local is custodian("LOCAL")
    assert local.describe("payer").scheme == "ED25519"
    assert local.requests_per_signature == 0
