"""What the doctor finds about the mails that tell people of blocks and shortfalls."""

from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from contracts import clock
from contracts.models import Notice
from tests.config.doctored import Clinic


def test_without_a_mail_server_it_says_where_the_mails_go(clinic: Clinic) -> None:
    clinic.settings.EMAIL_URL = SecretStr("")
    assert clinic.look().named("addressees")[0]["words"] == (
        "EMAIL_URL is empty: mails go to the log of the worker"
    )


def test_a_mail_server_and_nobody_to_tell(clinic: Clinic) -> None:
    clinic.settings.EMAIL_URL = SecretStr("smtp://user:planted@mail.example.com")
    clinic.settings.NOTIFY_EMAILS = []
    assert clinic.look().status("addressees") == "ok"
    clinic.settings.IS_PRODUCTION = True
    report = clinic.look()
    (line,) = report.named("addressees")
    assert line["status"] == "warning"
    assert "NOTIFY_EMAILS is empty" in line["words"]
    assert "name in NOTIFY_EMAILS" in line["fix"]
    assert "planted" not in report.text
    clinic.settings.NOTIFY_EMAILS = ["treasury@example.com"]
    assert clinic.look().status("addressees") == "ok"


def notice(**columns: Any) -> None:
    Notice.objects.create(
        noun="contract", object_uid="c", object_label="Solar", cause="BLOCKED", title="t", text="t", **columns
    )


def test_a_mail_that_could_not_be_sent(clinic: Clinic) -> None:
    notice(attempts=2, last_error="ConnectionRefusedError: nobody is there", next_attempt_at=clock.now())
    clinic.finds("notices", "nobody is there", "correct EMAIL_URL", status="warning")


def test_a_mail_that_nobody_sends(clinic: Clinic) -> None:
    notice(next_attempt_at=clock.now() - timedelta(minutes=3))
    clinic.finds("notices", "1 mails wait", "contracts: send notices", status="warning")


def test_a_mail_that_was_sent_waits_for_nothing(clinic: Clinic) -> None:
    notice(sent_at=clock.now(), next_attempt_at=clock.now() - timedelta(minutes=3))
    assert clinic.look().wrong() == []
