"""Checks that hang or break, settings that are refused, and values that are unsafe in production."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.db import DatabaseError
from pytest_django.fixtures import Settings

from config.boot import BASE_DIR
from config.doctor import safety
from config.doctor.findings import Finding, Result, failed, from_sentence, ok, warning
from config.doctor.printing import exit_code, lines
from config.doctor.registry import Check, checks
from config.doctor.running import run
from contracts.gateways.errors import Unavailable
from tests.config.test_settings import CUSTODY, GOOD
from tests.patience import PATIENCE


def results(*made: Check) -> dict[str, Result]:
    return {result.name: result for result in run(made)}


def breaks(error: Exception) -> Check:
    def look() -> Finding:
        raise error

    return Check("Test", "it", look, fix="mend it")


def test_a_check_that_hangs_holds_nobody_up() -> None:
    release = threading.Event()
    hangs = Check("Test", "slow", lambda: (release.wait(30), ok(""))[1], seconds=0.1, fix="ask the firewall")
    found = results(hangs, Check("Test", "next", lambda: ok("there")))
    release.set()
    assert (found["slow"].status, found["slow"].fix) == ("failed", "ask the firewall")
    assert "no answer within" in found["slow"].words
    assert found["next"].status == "ok"


def test_a_check_that_breaks_says_so_and_the_others_go_on() -> None:
    found = results(breaks(ZeroDivisionError("division by zero")), Check("Test", "next", lambda: ok("there")))
    assert found["it"].status == "failed"
    assert "the check itself broke: ZeroDivisionError" in found["it"].words
    assert found["next"].status == "ok"


@pytest.mark.parametrize("error", [Unavailable("gone"), DatabaseError("gone")])
def test_what_the_outside_refuses_comes_with_the_fix_of_the_check(error: Exception) -> None:
    found = results(breaks(error))["it"]
    assert (found.status, found.fix) == ("failed", "mend it")
    assert "gone" in found.words


def test_what_is_needed_and_failed_skips_and_a_warning_does_not() -> None:
    found = results(
        Check("Test", "a", lambda: failed("no", "mend it")),
        Check("Test", "b", lambda: warning("hm", "look")),
        Check("Test", "c", lambda: ok("yes"), needs=("a",)),
        Check("Test", "d", lambda: ok("yes"), needs=("c",)),
        Check("Test", "e", lambda: ok("yes"), needs=("b",)),
    )
    assert [result.status for result in found.values()] == ["failed", "warning", "skipped", "skipped", "ok"]
    assert found["c"].words == "needs a"
    assert found["d"].words == "needs c"
    assert exit_code(found.values()) == 1
    assert exit_code([found["b"], found["c"]]) == 0


def test_one_line_for_each_thing(settings: Settings) -> None:
    things = Check("Test", "thing", lambda thing: ok(f"{thing} seen"), each=lambda: {"a": 1, "b": 2})
    assert {name: result.words for name, result in results(things).items()} == {
        "thing a": "1 seen",
        "thing b": "2 seen",
    }


def test_things_that_cannot_be_listed_are_one_line() -> None:
    found = results(Check("Test", "thing", ok, each=lambda: {}[1], fix="mend it"))
    assert found["thing"].status == "failed"


def test_long_words_are_wrapped_under_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = list(lines([Result("Test", "it", "failed", "much to say " * 10, "do this " * 10, 0.0)]))
    assert max(map(len, shown)) <= 80
    body = shown[2:]
    assert len({len(line) - len(line.lstrip()) for line in body}) == 2  # the fix is indented behind its word
    assert sum(line.strip().startswith("fix: ") for line in body) == 1


def test_a_sentence_of_a_service_is_taken_apart() -> None:
    assert from_sentence("it is paused; the role is missing; grant it") == failed(
        "it is paused; the role is missing", "grant it"
    )
    assert from_sentence("it is paused") == failed("it is paused", "")


def test_every_check_has_a_name_of_its_own_and_needs_only_earlier_ones() -> None:
    known = checks(on_request=["sign test"])
    names = [check.name for check in known]
    assert len(set(names)) == len(names)
    for place, check in enumerate(known):
        assert set(check.needs) <= set(names[:place])


# --- settings that are refused ----------------------------------------------------------------------------


def doctor(folder: Path, environ: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """In a production process of its own, without the files of this clone."""
    code = (
        "import sys; from pathlib import Path; from config import boot; from config.loading import Sources; import os;"
        f"folder = Path({str(folder)!r});"
        "boot.read_from(Sources(os.environ, folder / '.env', folder / '.env.signer'));"
        "import manage; sys.argv = ['manage.py', 'doctor', *sys.argv[1:]]; manage.main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=BASE_DIR,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings", **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_refused_settings_are_all_lines_with_their_fixes(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BATCHSIZE=10\n")
    environ = {name: value for name, value in GOOD.items() if name != "REDIS_URL"}
    done = doctor(tmp_path, {**environ, "BATCH_SIZE": "0", "HEDERA_NETWROK": "testnet"}, "--json")
    assert done.returncode == 2
    assert done.stderr == ""
    body = json.loads(done.stdout)
    fixes = {result["name"]: result["fix"] for result in body["results"]}
    assert fixes["BATCHSIZE"] == "did you mean BATCH_SIZE?"
    assert fixes["HEDERA_NETWROK"] == "did you mean HEDERA_NETWORK?"
    assert "greater than or equal to 1" in fixes["BATCH_SIZE"]
    assert "REDIS_URL=redis://" in fixes["REDIS_URL"]
    assert set(fixes) == {"BATCHSIZE", "HEDERA_NETWROK", "BATCH_SIZE", "REDIS_URL", "everything else"}


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        (
            "DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH",
            "/nowhere/key.pem",
            "the path of a file that this process can read",
        ),
        ("DATABASE_URL", "postgresql://paydate:pa/ss#word@db/paydate", "percent-encode"),
        ("REDIS_URL", "redis://:pa/ss@db", "percent-encode"),
    ],
)
def test_a_value_that_cannot_be_read_is_not_quoted(tmp_path: Path, name: str, value: str, fix: str) -> None:
    environ = GOOD | CUSTODY | {"PAYDATE_PROCESS": "signer", name: value}
    done = doctor(tmp_path, environ)
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert fix in " ".join(done.stdout.split())
    assert value not in done.stdout
    assert "pa" not in done.stdout.replace("paydate", "").replace("Paydate", "").replace("path", "").split()


# --- values that are unsafe in production -----------------------------------------------------------------

UNSAFE = [
    ("DEBUG", True, "failed", "DEBUG"),
    ("EXPIRY_MARGIN_SECONDS", 10, "failed", "EXPIRY_MARGIN_SECONDS is below 90"),
    ("LOOK_SPACING_SECONDS", 5, "failed", "LOOK_SPACING_SECONDS is below 30"),
    ("CUSTODY_REQUESTS_PER_MINUTE", 0, "warning", "CUSTODY_REQUESTS_PER_MINUTE"),
    ("CUSTODY_LOCAL_KEY_FILE", "/run/key", "warning", "signs without custody"),
    ("ALLOWED_HOSTS", [], "failed", "ALLOWED_HOSTS is empty"),
    ("ALLOWED_HOSTS", ["*"], "failed", "any host name"),
    ("OTP_REQUIRED", False, "warning", "second factor"),
    ("DFNS_BASE_URL", "http://custody.example", "failed", "DFNS_BASE_URL is asked without TLS"),
]


@pytest.fixture
def production(settings: Settings) -> Settings:
    settings.IS_PRODUCTION = True
    settings.OTP_REQUIRED = True
    settings.EXPIRY_MARGIN_SECONDS = 90
    settings.ALLOWED_HOSTS = ["paydate.example"]
    settings.DFNS_BASE_URL = settings.HEDERA_MIRROR_URL = "https://there.example"
    return settings


def test_the_defaults_are_safe(production: Settings) -> None:
    assert safety.safe() == ok("nothing that is unsafe in production")


@pytest.mark.parametrize(("name", "value", "status", "words"), UNSAFE)
def test_a_value_that_is_unsafe_in_production(
    production: Settings, name: str, value: object, status: str, words: str
) -> None:
    setattr(production, name, value)
    found = safety.safe()
    assert isinstance(found, list)
    (one,) = found
    assert one.status == status
    assert words in one.words
    assert one.fix


def test_static_files_that_were_not_collected(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    assert "manage.py collectstatic" in safety.static_files().fix
    (tmp_path / "staticfiles.json").write_text("{}")
    assert safety.static_files().status == "ok"
