"""What about a contract reaches people by e-mail: once for each cause, and once more when it is over."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from pytest_django import Settings

from contracts import clock
from contracts.models import Contract, Hold, Notice
from contracts.services.notices import send_notices
from contracts.transitions import move
from reserves.models import PaymentAvailability
from reserves.services import telling
from reserves.services.blocking import accept_deficit, apply_answer, block, unblock
from reserves.services.telling import (
    failures_in_a_row,
    note_check_answered,
    note_check_failed,
    note_finished,
    note_forecast,
    note_life,
)
from tests.factories import ContractFactory
from tests.factories.contracts import InvestmentContractFactory

pytestmark = pytest.mark.django_db
Outcome = PaymentAvailability.Outcome
Cause = Notice.Cause


@pytest.fixture
def contract() -> Contract:
    made: Contract = InvestmentContractFactory()
    return made


@pytest.fixture
def payouts() -> Contract:
    """A payout contract on Hedera."""
    made: Contract = ContractFactory()
    return made


def answer(contract: Contract, units: int, ledger: int) -> str:
    outcome = apply_answer(contract.pk, units=units, ledger=ledger)
    contract.refresh_from_db()
    return outcome


def mails() -> list[str]:
    """Subjects of all mails so far, after whatever is due was sent."""
    send_notices()
    return [str(message.subject).removeprefix("[Paydate test local] ") for message in mail.outbox]


def failed(contract: Contract, name: str = "Unavailable", text: str = "the node answered 503") -> None:
    ticket = PaymentAvailability.objects.create(contract=contract, requested_by="paydate")
    assert move(ticket, "FAILED", error_class=name, error_text=text, attempts=5)
    note_check_failed(ticket)


def answered(contract: Contract) -> None:
    ticket = PaymentAvailability.objects.create(contract=contract, requested_by="paydate")
    assert move(ticket, "PROCESSED", required_funds_units=0, ledger=7, checked_at=clock.now())
    note_check_answered(ticket)


class TestBlocks:
    def test_once_over_many_answers_and_resolved_once(self, contract: Contract) -> None:
        for ledger, units in enumerate([12_500_000, 12_500_000, 900, 7], start=100):
            answer(contract, units, ledger)
            mails()
        assert mails() == ["Investment is blocked"]

        for ledger in (110, 111, 112):
            answer(contract, 0, ledger)

        assert mails() == ["Investment is blocked", "[resolved] Investment is blocked"]
        assert Notice.objects.get().resolution == (
            "Investment was released by paydate, because the reserve covers the next payments"
        )

    def test_the_mail_says_how_much_since_when_and_what_to_do(self, contract: Contract) -> None:
        answer(contract, 12_500_000, 100)

        mails()

        assert Notice.objects.get().text.split("\n") == [
            "Investment requires adding 1.25 USDC to the reserve fund to ensure investor payments.",
            "",
            "Missing: 1.25 USDC (12500000 base units), as of ledger 100",
            f"Contract: {contract.address} on stellar-local",
            f"Blocked: since {contract.blocked_at:%Y-%m-%d %H:%M:%S} UTC by paydate",
            "",
            "What to do: top up the reserve fund of the contract by that amount; the checks release it by"
            " themselves. Or accept the deficit: unblock the contract on its page in the admin. Payouts that depend"
            " on it are held meanwhile and go on by themselves.",
        ]
        assert Notice.objects.get().text in mail.outbox[0].body

    def test_the_amount_in_it_follows_the_chain(self, contract: Contract, settings: Settings) -> None:
        settings.RESERVE_GOOD_CHECKS = 2
        answer(contract, 12_500_000, 100)
        answer(contract, 2**127 - 1, 101)
        assert "17,014,118,346,046,923,173,168,730,371,588.4105727 USDC" in Notice.objects.get().text
        assert "as of ledger 101" in Notice.objects.get().text

        assert answer(contract, 0, 102) == Outcome.STILL_BLOCKED
        assert "Missing: nothing, as of ledger 102" in Notice.objects.get().text

    def test_a_persons_block_says_whose_it_is(self, contract: Contract) -> None:
        block(contract, reason="the auditor asked for it", by="olivia")

        text = Notice.objects.get().text
        assert text.startswith("olivia blocked it: the auditor asked for it\n")
        assert "Missing: not known, it was never checked" in text
        assert "Only a person releases it" in text
        answer(contract, 5, 100)
        assert "Missing: 0.0000005 USDC (5 base units), as of ledger 100" in Notice.objects.get().text
        unblock(contract, accepted_units=5, until=None, reason="it is clear now", by="ann")
        assert mails() == ["Investment is blocked", "[resolved] Investment is blocked"]
        assert Notice.objects.get().resolution == ("Investment was released by ann, because it is clear now")

    def test_a_person_who_takes_over_is_named_without_another_mail(self, contract: Contract) -> None:
        answer(contract, 5, 100)
        mails()
        block(contract, reason="look into it", by="olivia")

        assert mails() == ["Investment is blocked"]
        assert Notice.objects.get().text.startswith("olivia blocked it: look into it\n")

    def test_an_answer_that_comes_late_or_is_accepted_tells_nothing(self, contract: Contract) -> None:
        accept_deficit(contract, units=600, until=None, reason="known", by="olivia")
        answer(contract, 600, 100)
        answer(contract, 9_000, 99)
        assert mails() == []

    def test_a_block_never_fails_because_of_a_notice(
        self, contract: Contract, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_down(*args: Any, **options: Any) -> None:
            Notice.objects.create(
                uid="x" * 99
            )  # the database refuses it, inside the transaction of the block

        monkeypatch.setattr(telling, "open_notice", break_down)
        assert answer(contract, 5, 100) == Outcome.BLOCKED
        monkeypatch.setattr(telling, "resolve_notice", break_down)
        assert answer(contract, 0, 101) == Outcome.RELEASED
        assert not Hold.objects.open().exists()

    def test_what_was_not_written_is_made_up_for_by_the_next_answer(
        self, contract: Contract, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as broken:
            broken.setattr(telling, "open_notice", None)
            answer(contract, 5, 100)
        assert mails() == []

        answer(contract, 5, 101)
        assert mails() == ["Investment is blocked"]


class TestPayoutContractsOnHedera:
    def test_a_shortfall_is_told_and_moves_nothing(self, payouts: Contract) -> None:
        assert answer(payouts, 2_500_000, 70) == Outcome.SHORT
        assert answer(payouts, 1_500_000, 71) == Outcome.SHORT

        assert (payouts.status, payouts.required_funds_units, payouts.checked_at_ledger) == (
            "ACTIVE",
            1_500_000,
            71,
        )
        assert payouts.checked_at is not None
        assert not Hold.objects.exists()
        assert mails() == ["Payouts lacks money for what is due"]
        assert "Missing: 1.50 USDC (1500000 base units), as of block 71" in Notice.objects.get().text

    def test_it_is_resolved_when_nothing_is_missing(self, payouts: Contract) -> None:
        answer(payouts, 5, 70)
        assert answer(payouts, 0, 71) == Outcome.NOTHING
        assert answer(payouts, 0, 72) == Outcome.NOTHING

        assert mails() == [
            "Payouts lacks money for what is due",
            "[resolved] Payouts lacks money for what is due",
        ]
        assert Notice.objects.get().resolution == (
            "Payouts has the money for what is due within 7 days, as of block 71."
        )

    def test_an_older_block_changes_nothing(self, payouts: Contract) -> None:
        answer(payouts, 0, 70)
        assert answer(payouts, 5, 70) == Outcome.OUTDATED
        assert (payouts.required_funds_units, mails()) == (0, [])

    def test_a_persons_block_stays_whatever_the_answers(self, payouts: Contract) -> None:
        block(payouts, reason="look into it", by="olivia")

        assert answer(payouts, 5, 70) == Outcome.SHORT
        assert answer(payouts, 0, 71) == Outcome.NOTHING

        assert (payouts.status, payouts.blocked_by) == ("BLOCKED", "olivia")
        assert payouts.blocked_reason == "look into it"
        assert Notice.objects.open().get().cause == Cause.BLOCKED
        assert "Missing" not in Notice.objects.open().get().text


class TestChecks:
    def test_failures_in_a_row_are_told_once(self, contract: Contract, settings: Settings) -> None:
        settings.RESERVE_NOTICE_FAILURES = 3
        failed(contract)
        failed(contract)
        assert mails() == []

        failed(contract)
        failed(contract, "WASM", "trapped")

        assert mails() == ["Reserve checks of Investment fail"]
        text = Notice.objects.get().text
        assert text.startswith("The last 4 reserve checks of Investment failed, one after the other.")
        assert "The chain's last answer has never come." in text
        assert "Last error: WASM: trapped\n" in text

    def test_an_answer_resolves_it_and_the_count_begins_anew(
        self, contract: Contract, settings: Settings
    ) -> None:
        settings.RESERVE_NOTICE_FAILURES = 2
        failed(contract)
        answered(contract)
        failed(contract)
        assert (failures_in_a_row(contract), mails()) == (1, [])

        failed(contract)
        answered(contract)
        answered(contract)
        failed(contract)

        assert mails() == [
            "Reserve checks of Investment fail",
            "[resolved] Reserve checks of Investment fail",
        ]

    def test_contracts_are_counted_apart(self, contract: Contract, settings: Settings) -> None:
        settings.RESERVE_NOTICE_FAILURES = 2
        other = InvestmentContractFactory()
        failed(contract)
        failed(other)
        assert mails() == []
        answered(other)
        failed(contract)
        assert mails() == ["Reserve checks of Investment fail"]

    def test_it_says_of_when_the_last_answer_is(self, contract: Contract, settings: Settings) -> None:
        settings.RESERVE_NOTICE_FAILURES = 1
        answer(contract, 0, 100)
        failed(contract)

        when = f"{contract.checked_at:%Y-%m-%d %H:%M:%S} UTC"
        assert f"The chain's last answer is of {when}.\n" in Notice.objects.get().text

    @pytest.mark.parametrize(
        "words",
        [
            "the Soroban RPC does not answer: HTTPSConnectionPool(host='rpc.example', port=443): Max retries"
            " exceeded with url: /v1/s3cr3t-key (Caused by ...)",
            "404 for https://user:s3cr3t-key@rpc.example/x and https://rpc.example/s3cr3t-key?key=s3cr3t-key",
        ],
    )
    def test_no_secret_is_mailed(self, contract: Contract, settings: Settings, words: str) -> None:
        """Nodes of a provider are reached by an address that has the key in it."""
        settings.RESERVE_NOTICE_FAILURES = 1
        failed(contract, text=words)
        mails()

        body = mail.outbox[0].body
        assert "s3cr3t-key" not in body and "[address]" in body
        assert settings.SECRET_KEY not in body


class TestForecasts:
    def test_a_deficit_ahead_is_told_once_and_resolved(self, contract: Contract) -> None:
        due_at = clock.now() + timedelta(days=12)
        note_forecast(contract, missing_units=30_000_000, due_at=due_at, days=30)
        note_forecast(contract, missing_units=20_000_000, due_at=due_at, days=30)

        text = Notice.objects.get().text
        assert f"Missing: 2.00 USDC (20000000 base units), from {due_at:%Y-%m-%d %H:%M:%S} UTC on" in text
        note_forecast(contract, missing_units=0, due_at=None, days=30)
        note_forecast(contract, missing_units=0, due_at=None, days=30)
        assert mails() == [
            "A deficit of Investment is to be expected",
            "[resolved] A deficit of Investment is to be expected",
        ]

    @pytest.mark.parametrize(
        ("due_in", "days", "warn", "is_told"),
        [
            (29, 90, 30, True),
            (31, 90, 30, False),
            (-5, 90, 30, True),
            (None, 30, 30, True),
            (None, 90, 30, False),
            (1, 30, 0, False),
            (-5, 30, 0, False),
        ],
    )
    def test_it_is_told_within_the_days_that_are_set(
        self, contract: Contract, settings: Settings, due_in: int | None, days: int, warn: int, is_told: bool
    ) -> None:
        settings.RESERVE_WARN_DAYS = warn
        due_at = None if due_in is None else clock.now() + timedelta(days=due_in)
        note_forecast(contract, missing_units=5, due_at=due_at, days=days)

        assert Notice.objects.exists() == is_told

    def test_a_block_for_the_same_money_speaks_instead(self, contract: Contract) -> None:
        answer(contract, 5, 100)
        note_forecast(contract, missing_units=5, due_at=clock.now(), days=30)
        assert mails() == ["Investment is blocked"]

    def test_what_was_expected_and_has_come_is_not_called_resolved(self, contract: Contract) -> None:
        forecast = {"due_at": clock.now(), "days": 30}
        note_forecast(contract, missing_units=5, **forecast)
        answer(contract, 5, 100)
        note_forecast(contract, missing_units=5, **forecast)
        note_forecast(contract, missing_units=0, **forecast)
        assert mails() == ["A deficit of Investment is to be expected", "Investment is blocked"]

        answer(contract, 0, 101)
        note_forecast(contract, missing_units=0, **forecast)
        assert mails()[2:] == [
            "[resolved] Investment is blocked",
            "[resolved] A deficit of Investment is to be expected",
        ]

    def test_a_persons_block_has_other_reasons(self, contract: Contract) -> None:
        block(contract, reason="look into it", by="olivia")
        contract.refresh_from_db()
        note_forecast(contract, missing_units=5, due_at=clock.now(), days=30)
        assert Notice.objects.filter(cause=Cause.DEFICIT_EXPECTED).count() == 1


class TestLife:
    def test_an_end_that_is_near_is_told_once_and_resolved(
        self, contract: Contract, settings: Settings
    ) -> None:
        settings.SOROBAN_LEAST_LIFE_DAYS = 7
        note_life(contract, days_left=7)
        assert mails() == []

        note_life(contract, days_left=6)
        note_life(contract, days_left=5)
        assert "archives the state of Investment in about 5 days" in Notice.objects.get().text
        note_life(contract, days_left=-1)
        assert "today, if that has not happened already" in Notice.objects.get().text
        note_life(contract, days_left=90)

        assert mails() == [
            "The state of Investment is about to be archived",
            "[resolved] The state of Investment is about to be archived",
        ]

    def test_a_finished_contract_leaves_no_notice_open(self, contract: Contract) -> None:
        note_life(contract, days_left=1)
        note_forecast(contract, missing_units=5, due_at=clock.now(), days=30)
        note_finished(contract)

        assert not Notice.objects.open().exists()
        assert "is FINISHED: nothing is owed any more" in Notice.objects.latest("pk").resolution
