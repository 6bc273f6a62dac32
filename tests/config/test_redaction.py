import io
import json
import logging
import logging.config

import pytest
import structlog
from pydantic import SecretStr

from config.logging import configure_structlog, logging_settings
from config.redaction import MASK, Redactor, known_values

TOKEN = 'tok"en-with-a-quote'
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----"
SECRETS = {
    "A": SecretStr(TOKEN),
    "B": SecretStr("postgresql://me:p%40ss-word@db/paydate"),
    "C": SecretStr(PEM),
    "D": SecretStr(""),
    "E": "public-address",
}
SHOWN = [
    TOKEN,
    json.dumps(TOKEN)[1:-1],
    "p%40ss-word",
    "p@ss-word",
    PEM,
    PEM.replace("\n", "\\n"),
    "MC4CAQAwBQYDK2VwBCIEIA==",
]


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(known_values(SECRETS))


@pytest.mark.parametrize("text", SHOWN)
def test_a_known_secret_is_masked_in_every_usual_spelling(redactor: Redactor, text: str) -> None:
    event = redactor(None, "info", {"event": f"before {text} after", "inner": {"list": [text, 7]}})
    assert event == {"event": f"before {MASK} after", "inner": {"list": [MASK, 7]}}


def test_keys_that_name_a_secret_are_masked_whatever_they_hold(redactor: Redactor) -> None:
    event = redactor(
        None, "info", {"api_key": "x", "Authorization": "Bearer y", "headers": {"Set-Cookie": "z"}}
    )
    assert event == {"api_key": MASK, "Authorization": MASK, "headers": {"Set-Cookie": MASK}}


def test_facts_about_payments_stay_readable(redactor: Redactor) -> None:
    event = {
        "event": "paid",
        "units": 10**30,
        "token": "0.0.5005",
        "public_key": "02ab",
        "address": "public-address",
    }
    assert redactor(None, "info", event) == event


def test_an_object_is_masked_in_the_text_it_would_be_logged_as(redactor: Redactor) -> None:
    class Client:
        def __repr__(self) -> str:
            return f"Client({TOKEN})"

    assert redactor(None, "info", {"client": Client()}) == {"client": f"Client({MASK})"}


@pytest.fixture(params=["json", "console"])
def output(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a process with this LOG_FORMAT writes; other tests' logging is put back afterwards."""
    stream = io.StringIO()
    config = logging_settings(
        log_format=request.param, level="DEBUG", secrets=known_values(SECRETS), process="worker"
    )
    config["handlers"]["out"]["stream"] = stream
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    configure_structlog()
    logging.config.dictConfig(config)
    return stream


def test_a_failure_is_logged_with_its_whole_stack_and_without_its_secret(output: io.StringIO) -> None:
    try:
        raise ValueError(f"refused: {TOKEN}")
    except ValueError:
        structlog.get_logger("contracts").exception("sign_failed", transaction="0.0.2-1-1")
        logging.getLogger("some.library").exception("library said %s", TOKEN)
    text = output.getvalue()
    assert text.count("Traceback") == 2
    assert "test_a_failure_is_logged" in text
    assert "0.0.2-1-1" in text
    assert TOKEN not in text and json.dumps(TOKEN)[1:-1] not in text


def test_ids_bound_to_the_context_are_on_every_line(output: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(distribution="d-1", batch=7):
        structlog.get_logger("payouts").info("batch_paid")
        logging.getLogger("httpx").warning("slow")
    assert output.getvalue().count("d-1") == 2


def test_the_hiero_sdk_writes_through_our_handler_once(output: io.StringIO) -> None:
    from hiero_sdk_python.logger.logger import Logger

    Logger().info("connected to a node")
    assert output.getvalue().count("connected to a node") == 1
    handlers = logging.getLogger("hiero_sdk_python").handlers
    assert [handler.stream for handler in handlers if type(handler) is logging.StreamHandler] == [output]


def test_health_checks_of_a_load_balancer_are_not_logged(output: io.StringIO) -> None:
    log = structlog.get_logger("django_structlog")
    log.info("request_finished", request="GET /health/ready")
    log.info("request_finished", request="GET /admin/")
    assert output.getvalue().count("request_finished") == 1
