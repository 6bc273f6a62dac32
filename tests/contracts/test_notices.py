"""A mail when something begins and one when it is over, whatever happens to the mail server meanwhile."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend as Outbox
from django.db import connection, transaction
from django.urls import reverse
from pytest_django import Settings

from contracts import clock, doorbell
from contracts.models import Contract, Notice
from contracts.services import notices
from contracts.services.notices import open_notice, resolve_notice, send_notice, send_notices
from contracts.services.sweeping import single_flight
from tests.factories import ContractFactory
from tests.people import logged_in, viewer

pytestmark = pytest.mark.django_db
BLOCKED = Notice.Cause.BLOCKED


class Server(Outbox):
    """A mail server with moods."""

    error: BaseException | None = None
    refuses = ""
    crashes = False
    was_in_transaction: list[bool] = []

    def send_messages(self, messages: Any) -> int:
        Server.was_in_transaction.append(connection.in_atomic_block)
        if Server.error and Server.refuses in messages[0].subject:
            raise Server.error
        sent: int = super().send_messages(messages)
        if Server.crashes:
            raise KeyboardInterrupt
        return sent


class TakesNothing(Outbox):
    def send_messages(self, messages: Any) -> int:
        return 0


@pytest.fixture
def server(settings: Settings) -> Iterator[type[Server]]:
    settings.EMAIL_BACKEND = f"{__name__}.Server"
    Server.error, Server.refuses, Server.crashes, Server.was_in_transaction = None, "", False, []
    yield Server
    Server.error = None


@pytest.fixture
def contract() -> Contract:
    made: Contract = ContractFactory()
    return made


def tell(row: Any, *, title: str = "Payouts is blocked", text: str = "Money is missing.") -> Notice:
    return open_notice(row, cause=BLOCKED, title=title, text=text)


def is_over(row: Any) -> bool:
    return resolve_notice(row, cause=BLOCKED, resolution="The money is there.")


def subjects() -> list[str]:
    return [message.subject for message in mail.outbox]


def make_due() -> None:
    Notice.objects.update(next_attempt_at=clock.now())


BEGINNING = "[Paydate test local] Payouts is blocked"
END = "[Paydate test local] [resolved] Payouts is blocked"


def test_one_mail_when_it_begins_and_one_when_it_is_over(contract: Contract) -> None:
    for _ in range(3):
        tell(contract)
        send_notices()
    assert subjects() == [BEGINNING]

    assert is_over(contract)
    assert not is_over(contract)
    for _ in range(3):
        send_notices()

    assert subjects() == [BEGINNING, END]
    notice = Notice.objects.get()
    assert notice.sent_at and notice.resolved_at and notice.resolution_sent_at
    assert notice.sent_at <= notice.resolved_at <= notice.resolution_sent_at


def test_the_same_cause_may_come_again(contract: Contract) -> None:
    tell(contract)
    is_over(contract)
    tell(contract)
    send_notices()

    assert sorted(subjects()) == sorted([BEGINNING, END, BEGINNING])


def test_causes_and_objects_are_told_apart(contract: Contract) -> None:
    tell(contract)
    open_notice(contract, cause=Notice.Cause.SHORT, title="Payouts is short", text="t")
    tell(ContractFactory())

    assert is_over(contract)
    assert Notice.objects.open().count() == 2


def test_what_is_over_before_the_first_mail_is_told_in_order(contract: Contract) -> None:
    notice = tell(contract)
    is_over(contract)

    send_notice(notice.pk)

    assert subjects() == [BEGINNING, END]
    first, last = (message.extra_headers for message in mail.outbox)
    assert last["In-Reply-To"] == first["Message-ID"] != last["Message-ID"]


def test_new_words_are_kept_without_another_mail(contract: Contract) -> None:
    tell(contract, text="1.00 is missing.")
    send_notices()
    tell(contract, text="2.00 is missing.")
    send_notices()

    assert len(mail.outbox) == 1
    assert Notice.objects.get().text == "2.00 is missing."


def test_a_mail_that_waited_has_the_newest_words(contract: Contract) -> None:
    tell(contract, text="1.00 is missing.")
    tell(contract, text="2.00 is missing.")
    send_notices()

    assert "2.00 is missing." in mail.outbox[0].body


class TestWhatIsWritten:
    def test_the_mail_says_what_since_when_and_about_what(self, contract: Contract) -> None:
        notice = tell(contract)
        is_over(contract)
        send_notices()

        notice.refresh_from_db()
        since = f"{notice.opened_at:%Y-%m-%d %H:%M:%S} UTC"
        assert str(mail.outbox[0].body).split("\n") == [
            "Payouts is blocked",
            "",
            "Money is missing.",
            "",
            f"About: Payouts {contract.address}",
            f"Since: {since}",
            "",
            "This is told once. Another mail follows when it is over.",
            "",
        ]
        assert str(mail.outbox[1].body).split("\n") == [
            "Resolved: Payouts is blocked",
            "",
            "The money is there.",
            "",
            f"About: Payouts {contract.address}",
            f"From:  {since}",
            f"Until: {notice.resolved_at:%Y-%m-%d %H:%M:%S} UTC",
            "",
        ]

    @pytest.mark.parametrize(
        "origins", [["https://pay.example"], ["https://*.example", "https://pay.example/"]]
    )
    def test_a_known_origin_gives_a_link(
        self, contract: Contract, settings: Settings, origins: list[str]
    ) -> None:
        settings.CSRF_TRUSTED_ORIGINS = origins
        tell(contract)
        send_notices()

        page = reverse("admin:contracts_contract_change", args=[contract.pk])
        assert f"Page:  https://pay.example{page}\n" in mail.outbox[0].body

    def test_an_object_that_is_gone_or_has_no_page_is_told_without_a_link(
        self, contract: Contract, settings: Settings
    ) -> None:
        settings.CSRF_TRUSTED_ORIGINS = ["https://pay.example"]
        notice = tell(contract)
        Notice.objects.update(object_uid="gone")
        send_notices()

        assert "Page" not in mail.outbox[0].body
        tell(notice)
        send_notices()
        assert reverse("admin:contracts_notice_change", args=[notice.pk]) in mail.outbox[1].body

    def test_it_goes_to_those_who_are_named_or_to_the_sender(
        self, contract: Contract, settings: Settings
    ) -> None:
        settings.DEFAULT_FROM_EMAIL = "paydate@example.org"
        settings.NOTIFY_EMAILS = []
        tell(contract)
        send_notices()
        settings.NOTIFY_EMAILS = ["ann@example.org", "bob@example.org"]
        is_over(contract)
        send_notices()

        assert [message.to for message in mail.outbox] == [
            ["paydate@example.org"],
            ["ann@example.org", "bob@example.org"],
        ]

    @pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028", "\x00"])
    def test_a_label_cannot_begin_a_header(self, ending: str) -> None:
        label = f"Payouts{ending}Bcc: eve@example.org"
        notice = tell(ContractFactory.build(label=label), title=f"{label} is blocked", text=f"{label}\x00")
        send_notices()

        notice.refresh_from_db()
        assert notice.last_error == ""
        message = mail.outbox[0].message()
        assert message["Subject"] == "[Paydate test local] Payouts Bcc: eve@example.org is blocked"
        assert message["Bcc"] is None
        assert mail.outbox[0].recipients() == ["paydate@localhost"]

    def test_long_labels_are_cut(self) -> None:
        notice = tell(ContractFactory.build(label="x" * 500), title="y" * 500)
        assert (len(notice.object_label), len(notice.title)) == (160, 200)

    def test_text_is_mailed_as_it_is(self, contract: Contract) -> None:
        tell(contract, title="Smith & Sons' <bond> ✓", text="1 < 2 & {{ notice }}")
        send_notices()

        assert mail.outbox[0].subject == "[Paydate test local] Smith & Sons' <bond> ✓"
        assert "1 < 2 & {{ notice }}" in mail.outbox[0].body


class TestTheMailServer:
    def test_down_then_up(self, contract: Contract, server: type[Server]) -> None:
        server.error = ConnectionRefusedError("nobody listens")
        tell(contract)
        before = clock.now()
        send_notices()

        notice = Notice.objects.get()
        assert (notice.sent_at, notice.attempts) == (None, 1)
        assert notice.last_error == "ConnectionRefusedError: nobody listens"
        assert notice.next_attempt_at >= before + timedelta(seconds=10)
        server.error = None
        send_notices()
        assert mail.outbox == [], "it is not due yet"

        make_due()
        send_notices()
        assert subjects() == [BEGINNING]
        notice.refresh_from_db()
        assert (notice.attempts, notice.last_error) == (0, "")

    def test_what_is_over_meanwhile_is_tried_at_once_and_in_order(
        self, contract: Contract, server: type[Server]
    ) -> None:
        server.error = OSError("no route")
        tell(contract)
        for _ in range(5):
            make_due()
            send_notices()
        is_over(contract)
        send_notices()
        assert mail.outbox == [], "the beginning comes before the end"

        server.error = None
        make_due()
        send_notices()
        assert subjects() == [BEGINNING, END]

    def test_pauses_grow_to_a_quarter_of_an_hour(self, contract: Contract, server: type[Server]) -> None:
        server.error = OSError("no route")
        tell(contract)
        pauses = []
        for _ in range(9):
            make_due()
            before = clock.now()
            send_notices()
            pauses.append(round((Notice.objects.get().next_attempt_at - before).total_seconds()))

        assert pauses == [10, 20, 40, 80, 160, 320, 640, 900, 900]

    def test_one_mail_that_is_refused_stops_no_other(self, server: type[Server]) -> None:
        server.error, server.refuses = ValueError("a strange word"), "first"
        for title in ("first", "second", "third"):
            tell(ContractFactory(), title=title)
        send_notices()

        assert [one.rpartition(" ")[2] for one in subjects()] == ["second", "third"]
        assert Notice.objects.get(title="first").last_error == "ValueError: a strange word"

    def test_a_tick_does_not_wait_for_a_slow_server_all_day(
        self, server: type[Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            tell(ContractFactory())
        monkeypatch.setattr(notices, "MOST_SECONDS", -1)
        send_notices()
        assert mail.outbox == []

        monkeypatch.setattr(notices, "MOST_SECONDS", 8)
        send_notices()
        assert len(mail.outbox) == 3

    def test_a_back_end_that_sends_nothing_has_not_sent(self, contract: Contract, settings: Settings) -> None:
        settings.EMAIL_BACKEND = f"{__name__}.TakesNothing"
        tell(contract)
        send_notices()

        notice = Notice.objects.get()
        assert (notice.sent_at, notice.last_error) == (None, "NotTaken: the mail back end sent nothing")

    def test_sent_but_not_marked_is_sent_again_under_the_same_name(
        self, contract: Contract, server: type[Server]
    ) -> None:
        tell(contract)
        server.crashes = True
        with pytest.raises(KeyboardInterrupt):
            send_notices()
        assert Notice.objects.get().sent_at is None

        server.crashes = False
        send_notices()
        send_notices()

        assert subjects() == [BEGINNING, BEGINNING]
        first, again = (message.message()["Message-ID"] for message in mail.outbox)
        assert first == again

    @pytest.mark.django_db(transaction=True)
    def test_no_transaction_is_open_while_it_answers(self, contract: Contract, server: type[Server]) -> None:
        notice = tell(contract)
        send_notice(notice.pk)
        is_over(contract)
        send_notices()

        assert server.was_in_transaction == [False, False]


@pytest.mark.django_db(transaction=True)
def test_two_who_open_at_once_open_one(contract: Contract) -> None:
    barrier, opened = threading.Barrier(2), []

    def run() -> None:
        with transaction.atomic():
            barrier.wait()
            opened.append(tell(Contract.objects.get()).pk)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert opened == [Notice.objects.get().pk] * 2


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_send_one_mail(contract: Contract) -> None:
    notice = tell(contract)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with single_flight(notices.MAIL_LOCK) as is_mine:
                assert is_mine
                other = threading.Thread(target=tick)
                other.start()
                other.join()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    def tick() -> None:
        send_notices()
        send_notice(notice.pk)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert (errors, mail.outbox) == ([], [])

    send_notices()
    assert subjects() == [BEGINNING]


@pytest.mark.django_db(transaction=True)
def test_it_is_rung_for_on_commit_and_forgotten_with_a_rollback(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(doorbell, "_send", lambda name, row_id, after: rung.append((name, row_id)))
    with transaction.atomic():
        tell(contract)
        transaction.set_rollback(True)
    assert (rung, Notice.objects.count()) == ([], 0)

    with transaction.atomic():
        notice = tell(contract)
        tell(contract)
        assert rung == []
    is_over(contract)
    assert rung == [("contracts.send_notice", notice.pk)] * 2


def test_everything_about_an_object_ends_at_once(contract: Contract) -> None:
    for cause in Notice.Cause.values:
        open_notice(contract, cause=cause, title=cause, text="t")
    tell(ContractFactory())

    notices.resolve_notices(contract, resolution="It is gone.")

    assert Notice.objects.open().count() == 1
    assert Notice.objects.filter(resolution="It is gone.").count() == len(Notice.Cause.values)


class TestAdmin:
    @pytest.fixture
    def user(self) -> User:
        return viewer()

    def test_the_list_says_what_was_sent_and_what_waits(
        self, contract: Contract, user: User, server: type[Server]
    ) -> None:
        server.error = OSError("no route")
        tell(contract)
        send_notices()

        page = logged_in(user).get(reverse("admin:contracts_notice_changelist")).content.decode()

        assert "not sent yet" in page and "OSError: no route" in page and "still open" in page
        assert reverse("admin:contracts_contract_change", args=[contract.pk]) in page

    def test_the_page_has_the_words_of_both_mails(self, contract: Contract, user: User) -> None:
        notice = tell(contract, text="Money <is> missing.\n\nTop it up.")
        is_over(contract)
        send_notices()

        page = logged_in(user).get(reverse("admin:contracts_notice_change", args=[notice.pk]))
        words = page.content.decode()

        assert "Money &lt;is&gt; missing.<br><br>Top it up.<br>" in words
        assert "The money is there." in words and "nothing to send" in words

    def test_the_side_bar_leads_to_it(self, user: User) -> None:
        page = logged_in(user).get(reverse("admin:index")).content.decode()
        assert reverse("admin:contracts_notice_changelist") in page


def test_the_default_prints_mails_to_the_log(
    contract: Contract, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    tell(contract)
    send_notices()

    assert "Subject: [Paydate test local] Payouts is blocked" in capsys.readouterr().out
    assert Notice.objects.get().sent_at is not None


def test_mails_are_plain_and_named_as_automatic(contract: Contract) -> None:
    tell(contract)
    send_notices()

    (message,) = mail.outbox
    assert type(message) is EmailMessage
    assert message.content_subtype == "plain"
    assert message.message()["Auto-Submitted"] == "auto-generated"
