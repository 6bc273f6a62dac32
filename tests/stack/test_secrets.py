"""Unique values stand in every secret setting, everything runs at DEBUG, things go wrong: none is seen anywhere."""

import json
import re
import secrets
import subprocess
import threading
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import redis
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings

from config.env import SECRETS, SIGNER_ONLY
from devnet.services import environment
from devnet.services.postgres import Postgres, binaries
from tests.stack.installation import Installation, beside
from tests.stack.spellings import spellings
from tests.stack.visitor import Visitor

PLANTED = {
    "SECRET_KEY": f"planted&key+with/odd=characters%{secrets.token_urlsafe(48)}",
    "EMAIL_URL": f"smtp://mailer:planted%2Fmail%26{secrets.token_hex(12)}@127.0.0.1:9",
}
AT_DEBUG = {"LOG_LEVEL": "DEBUG", "DEBUG": "true"}
DFNS = tuple(name for name in SIGNER_ONLY if name.startswith("DFNS_"))
PLACES = (
    "what the demo prints",
    "commands with wrong credentials",
    "log files",
    "traffic to Redis",
    "keys in Redis",
    "dump of the database",
    "admin pages",
    "debug pages",
    "diffsettings",
    "repr of the settings",
)


def key_of_nobody() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


WRONG = {
    "DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN": f"planted.wrong.{secrets.token_hex(24)}",
    "DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID": f"cr-planted-{secrets.token_hex(12)}",
    "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH": key_of_nobody(),
}


class Scene:
    """The stack, and what could be read in each place."""

    def __init__(self, installation: Installation) -> None:
        self.stack = installation
        self.places: dict[str, str] = {}
        self.visitor: Visitor | None = None
        self.password = ""

    @property
    def home(self) -> Path:
        return self.stack.home

    def known(self) -> dict[str, str]:
        """The secrets as they are in use, by name."""
        names = [*SECRETS, "WEB_ADDRESS"]
        written = environment.read(self.home / "env") | environment.read(self.home / "env.signer")
        return {name: written[name].replace("\\n", "\n") for name in names}

    def pay(self) -> None:
        """With custody, consensus and mirror all failing now and then."""
        with self.stack.making("demo", "HOLDERS=3") as demo:
            demo.until(" PLANNING ")
            devnet = self.stack.devnet
            for name, params in TROUBLE.items():
                devnet.fault(name, params, count=1)
            assert demo.end() == 0, demo.text
        name, self.password = re.findall(r"log in as (\S+) with the password (\S+)", demo.text)[0]
        self.places["what the demo prints"] = demo.text.replace(self.password, "")
        self.visitor = Visitor(f"http://{self.known()['WEB_ADDRESS']}")
        self.visitor.log_in(name, self.password)

    def fail(self) -> None:
        """Each credential wrong in turn, asked to sign; the whole traceback is printed."""
        wallet = self.stack.devnet.wallet()["wallet_id"]
        right = {name: self.known()[name] for name in DFNS} | {"PAYDATE_PROCESS": "signer"}
        with ThreadPoolExecutor(len(DFNS)) as pool:
            done = list(pool.map(partial(self._sign, wallet), [right | {name: WRONG[name]} for name in DFNS]))
        for one in done:
            assert "Traceback" in one.stdout
            assert "GatewayError" in one.stdout or "Refused" in one.stdout, one.stdout
        self.places["commands with wrong credentials"] = "\n".join(one.stdout for one in done)

    def _sign(self, wallet: str, given: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        return self.stack.manage("shell", "--no-imports", "-c", SIGN.format(wallet=wallet), **given)

    def look(self) -> None:
        """Everything that can be read while all is well."""
        assert self.visitor is not None
        self.visitor.crawl()
        self.places["admin pages"] = "\n".join(page.text for page in self.visitor.pages.values())
        self.places["dump of the database"] = self._dump()
        self.places["keys in Redis"] = self._keys()
        signer = partial(self.stack.manage, PAYDATE_PROCESS="signer")
        with ThreadPoolExecutor(2) as pool:
            shown = pool.submit(signer, "diffsettings", "--all")
            printed = pool.submit(signer, "shell", "--no-imports", "-c", REPR)
        self.places["diffsettings"] = shown.result().stdout
        self.places["repr of the settings"] = printed.result().stdout

    def break_down(self) -> None:
        """Debug pages: not found, refused, and an exception out of the database driver."""
        assert self.visitor is not None
        pages = [self.visitor.get("/nowhere"), self.visitor.get("/admin/", Host="evil.example")]
        Postgres(self.home).stop()
        pages.append(self.visitor.get("/admin/"))
        assert [page.status_code for page in pages] == [404, 400, 500]
        self.places["debug pages"] = "\n".join(page.text for page in pages)

    def read_logs(self) -> None:
        files = sorted((self.home / "log").iterdir())
        assert {"web.log", "worker.log", "signer.log", "beat.log", "devnet.log"} <= {
            file.name for file in files
        }
        self.places["log files"] = "\n".join(file.read_text(errors="replace") for file in files)

    def _dump(self) -> str:
        command = [str(binaries() / "pg_dump"), "--inserts", self.known()["DATABASE_URL"]]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout

    def _keys(self) -> str:
        with redis.Redis.from_url(self.known()["REDIS_URL"]) as client:
            return "\n".join(f"{key!r} {client.dump(key)!r}" for key in client.scan_iter())

    @contextmanager
    def overhearing(self) -> Iterator[None]:
        """Every command that any process sends to Redis, task arguments included."""
        heard: list[str] = []
        with redis.Redis.from_url(self.known()["REDIS_URL"]) as client, client.monitor() as monitor:
            listener = threading.Thread(target=_listen, args=(monitor, heard), daemon=True)
            listener.start()
            try:
                yield
            finally:
                client.echo(END)
                listener.join(60)
        self.places["traffic to Redis"] = "\n".join(heard)


TROUBLE: dict[str, dict[str, int]] = {
    "custody.error_rate": {"status": 500},
    "consensus.drop_reply": {},
    "mirror.error_rate": {"status": 503},
}
SIGN = """
from contracts.custody.base import custodian
office = custodian("DFNS")
facts = office.describe("{wallet}")
office.sign(
    key_id=facts.custody_key_id, scheme=facts.scheme, body=b"body", external_id="planted", network=facts.network
)
"""
REPR = """
import pprint
from django.conf import settings
from config.celery import app
from contracts.custody.base import custodian
known = settings.ENVIRONMENT
office = custodian("DFNS")
print(repr(settings), repr(settings._wrapped), known, str(known), known.model_dump_json(), app.conf.humanize())
pprint.pprint([dict(known), known.model_dump(), settings.LOGGING, office, vars(office)])
"""
END = "the end of the test"


def _listen(monitor: "redis.client.Monitor", heard: list[str]) -> None:
    while not heard or END not in heard[-1]:
        heard.append(monitor.next_command()["command"])  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    home: Path = settings.TEST_HOME / "secrets"
    home.mkdir(parents=True)
    (home / "env").write_text("".join(f"{name}='{value}'\n" for name, value in PLANTED.items()))
    scene = Scene(beside(home, AT_DEBUG))
    try:
        started = scene.stack.make("up")
        assert started.returncode == 0, started.stdout
        with scene.overhearing():
            scene.pay()
            scene.fail()
        scene.look()
        scene.break_down()
        scene.read_logs()
        yield scene
    finally:
        scene.stack.make("down")


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_stands_in(scene: Scene, place: str) -> None:
    text = scene.places[place]
    assert len(text) > 100, f"nothing to look at in {place}: {text}"
    values = {
        **scene.known(),
        **{f"wrong {name}": value for name, value in WRONG.items()},
        "log-in": scene.password,
    }
    del values["WEB_ADDRESS"]
    seen = [
        (name, spelling)
        for name, secret in values.items()
        for spelling in spellings(secret)
        if spelling in text
    ]
    assert not [f"{name}: {_before(text, spelling)}" for name, spelling in seen]


def _before(text: str, spelling: str) -> str:
    at = text.index(spelling)
    return text[max(at - 200, 0) : at]


def test_every_secret_setting_had_a_value_of_its_own(scene: Scene) -> None:
    values = [scene.known()[name] for name in SECRETS]
    assert all(values)
    assert len(set(values)) == len(values)
    for name, value in PLANTED.items():
        assert scene.known()[name] == value


def test_the_logs_were_written_at_debug(scene: Scene) -> None:
    assert "[debug" in scene.places["log files"]


def test_the_tasks_were_overheard_and_carry_nothing_but_row_numbers(scene: Scene) -> None:
    heard = re.findall(r'"body\W+([\w+/=]+)', scene.places["traffic to Redis"])
    bodies = [json.loads(b64decode(body)) for body in heard]
    # Celery's own messages to its workers are objects; a task is a list: arguments, named arguments, options.
    arguments = [body[0] for body in bodies if isinstance(body, list)]
    assert any(arguments)
    assert all(isinstance(item, int) for row in arguments for item in row)


def test_every_page_that_the_admin_links_to_opens(scene: Scene) -> None:
    assert scene.visitor is not None
    broken = {path: page.status_code for path, page in scene.visitor.pages.items() if page.status_code != 200}
    assert not broken
    assert len(scene.visitor.pages) > 10
